/* Every kernel, compiled once per instruction-set level, and the level's row of the table.
 *
 * A file of src/isa defines ACY_LEVEL (a C name), ACY_LEVEL_NAME (the public one), ACY_LANES,
 * ACY_REGISTERS (vector registers), the register tile ACY_TILE_ROWS x ACY_TILE_VECTORS, and
 * includes this.
 */
#ifndef ACY_LEVEL
#error "all.h is included by the files of src/isa, which define ACY_LEVEL"
#endif

#include <math.h>

#include "../kernels.h"
#include "../simd.h"

#include "gemm.h"

#include "conv.h"
#include "elementwise.h"
#include "limits.h"
#include "linear.h"
#include "lrn.h"
#include "pack.h"

#include "linear_rows.h"
#include "pool.h"
#include "unit_distance.h"
#include "winograd.h"

#include "images/resample.h"

#include "norms/within_channel.h"

#include "training/outer.h"
#include "training/pool.h"
#include "training/sgd.h"

#include "training/conv.h"
#include "training/dropout.h"
#include "training/linear_data.h"
#include "training/linear_weights.h"
#include "training/loss.h"
#include "training/lrn.h"
#include "training/winograd.h"

#include "training/lrn_within.h"

/* The accumulators, one row of b and one broadcast element of a must fit the registers. */
_Static_assert(ACY_TILE_ROWS *ACY_TILE_VECTORS + ACY_TILE_VECTORS + 1 <= ACY_REGISTERS,
               "the register tile spills");
/* Rows of packed fully connected weights are a multiple of 16 wide: whole vectors everywhere. */
_Static_assert(16 % ACY_LANES == 0, "a vector must divide 16 floats");

const acy_kernels ACY_LEVEL = {
    .name = ACY_LEVEL_NAME,
    .lanes = ACY_LANES,
    .tile_rows = ACY_TILE_ROWS,
    .panel_width = ACY_PANEL_WIDTH,
    .conv = conv_pixels,
    .winograd_input = winograd_input,
    .winograd_multiply = winograd_multiply,
    .winograd_output = winograd_output,
    .winograd_weights = winograd_weights,
    .winograd_panel = winograd_panel,
    .linear = linear,
    .linear_rows = linear_rows,
    .pack_rows = pack_rows,
    .max_pool = max_pool,
    .adaptive_avg_pool = adaptive_avg_pool,
    .local_response_norm = local_response_norm,
    .norm_and_pool = norm_and_pool,
    .norm_within_channel = norm_within_channel,
    .softmax = softmax,
    .relu = relu,
    .unit_distance = unit_distance,
    .resample_columns = resample_columns,
    .resample_row = resample_row,
    .fma_floats = FMA_CHAINS * ACY_LANES,
    .multiply_add = multiply_add,
    .read_all = read_all,
    .training =
        {
            .winograd_error = winograd_error,
            .winograd_products = winograd_products,
            .winograd_kernel = winograd_kernel,
            .conv_gradient = conv_gradient,
            .channel_sums = channel_sums,
            .linear_panel = linear_panel,
            .linear_gradient = linear_gradient,
            .linear_data = linear_data,
            .max_pool_winners = max_pool_winners,
            .norm_and_pool_winners = norm_and_pool_winners,
            .max_pool_gradient = max_pool_gradient,
            .adaptive_avg_pool_gradient = adaptive_avg_pool_gradient,
            .relu_gradient = relu_gradient,
            .norm_gradient = norm_gradient,
            .norm_and_pool_gradient = norm_and_pool_gradient,
            .norm_within_gradient = norm_within_gradient,
            .cross_entropy = cross_entropy,
            .dropout = dropout,
            .sgd = sgd,
        },
};
