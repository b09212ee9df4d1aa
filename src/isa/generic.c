/* Portable C: whatever the compiler's baseline offers (SSE2 on x86-64, NEON on aarch64). */
#define ACY_LEVEL acy_generic
#define ACY_LEVEL_NAME "generic"
#define ACY_LANES 4
#define ACY_REGISTERS 16
#define ACY_TILE_ROWS 4 /* 4 x 8: 8 accumulators + 2 + 1 of 16 registers */
#define ACY_TILE_VECTORS 2
#include "../kernels/all.h"
