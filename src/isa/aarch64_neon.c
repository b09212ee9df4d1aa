/* aarch64: NEON (Advanced SIMD), which every 64-bit Arm processor has. */
#define ACY_LEVEL acy_aarch64_neon
#define ACY_LEVEL_NAME "aarch64-neon"
#define ACY_LANES 4
#define ACY_REGISTERS 32
#define ACY_TILE_ROWS 6 /* 6 x 16: 24 accumulators + 4 + 1 of 32 registers */
#define ACY_TILE_VECTORS 4
#include "../kernels/all.h"
