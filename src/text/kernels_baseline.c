/* text/kernels_baseline.c: the kernels for any processor the compiler targets. */
#define KERNELS kvt_text_kernels_baseline
#define KERNELS_NAME "baseline"
#include "text/kernels_body.h"
