/* x86-64-v4: AVX-512 F, VL, BW, DQ, CD. The flags stand in setup.py. */
#define ACY_LEVEL acy_x86_64_v4
#define ACY_LEVEL_NAME "x86-64-v4"
#define ACY_LANES 16
#define ACY_REGISTERS 32
#define ACY_TILE_ROWS 12 /* 12 x 32: 24 accumulators + 2 + 1 of 32 registers, 12 row pointers */
#define ACY_TILE_VECTORS 2
#include "../kernels/all.h"
