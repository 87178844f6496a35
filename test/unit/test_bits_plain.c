/* The same tests for processors without vectors. */
#undef __SSE2__
#include "test_bits.c"
