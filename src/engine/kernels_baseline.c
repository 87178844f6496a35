/* engine/kernels_baseline.c: the kernels for any processor the compiler targets. */
#define KERNELS kvt_kernels_baseline
#define KERNELS_NAME "baseline"
#define WIDTH 4
#define TILE_ROWS 4
#define TILE_COLUMNS 1
#include "engine/kernels_body.h"
