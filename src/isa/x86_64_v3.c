/* x86-64-v3: AVX2 and FMA. The flags stand in setup.py. */
#define ACY_LEVEL acy_x86_64_v3
#define ACY_LEVEL_NAME "x86-64-v3"
#define ACY_LANES 8
#define ACY_REGISTERS 16
#define ACY_TILE_ROWS 6 /* 6 x 16: 12 accumulators + 2 + 1 of 16 registers, as BLIS has it */
#define ACY_TILE_VECTORS 2
#include "../kernels/all.h"
