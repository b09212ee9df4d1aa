/* The fully connected layers: y[n, o] = relu(bias[o] + sum_k x[n, k] * weight[k][o]).
 *
 * The weights are input-major: what one input multiplies is contiguous, so that an input that is
 * zero in all images saves its whole row. The caller lists the inputs that count.
 *
 * The sums of a range of outputs are in memory, and the inputs are added to them block by block.
 * Few images wait for the weights to come from memory, many for the multiply-adds: two ways to add
 * a block. Both make every output one chain of fused multiply-adds in ascending k, so that results
 * do not depend on the number of images.
 */

/* sums[slice][image][ACY_PANEL_WIDTH], by output, counted from the first of the range */
ACY_INLINE float *sum_of(float *sums, ptrdiff_t n_images, ptrdiff_t image, ptrdiff_t output) {
    const ptrdiff_t column = output % ACY_PANEL_WIDTH;
    return sums + (output - column) * n_images + image * ACY_PANEL_WIDTH + column;
}

#include "linear_few.h"
#include "linear_many.h"

static void linear(const acy_linear *linear, ptrdiff_t begin, ptrdiff_t end, float *scratch) {
    float *const slice = scratch, *const sums = scratch + ACY_LINEAR_BLOCK * ACY_PANEL_WIDTH;
    const ptrdiff_t n_images = linear->n_images;
    for (ptrdiff_t n = 0; n < n_images; n++)
        for (ptrdiff_t o = begin; o < end; o += ACY_LANES)
            vf_store(sum_of(sums, n_images, n, o - begin), vf_load(linear->bias + o));

    for (ptrdiff_t k = 0; k < linear->n_values; k += ACY_LINEAR_BLOCK) {
        const ptrdiff_t left = linear->n_values - k;
        const ptrdiff_t n_values = left < ACY_LINEAR_BLOCK ? left : ACY_LINEAR_BLOCK;
        if (n_images <= ACY_LINEAR_FEW)
            add_block_of_rows(linear, k, n_values, begin, end, sums);
        else
            add_block(linear, k, n_values, begin, end, slice, sums);
    }

    for (ptrdiff_t n = 0; n < n_images; n++)
        for (ptrdiff_t o = begin; o < end; o += ACY_LANES) {
            float *const y = linear->output + n * linear->output_stride + o;
            /* + 0: a sum of negative zeros becomes 0, whether terms were left out or not */
            vf sum = vf_load(sum_of(sums, n_images, n, o - begin)) + 0.0f;
            if (linear->relu) sum = vf_relu(sum);
            const ptrdiff_t valid = linear->out_features - o;
            if (valid >= ACY_LANES)
                vf_store(y, sum);
            else if (valid > 0)
                vf_store_first(y, sum, valid);
        }
}
