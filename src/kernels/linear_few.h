/* The fully connected layers of a few images: whole rows of the weights, some side by side.
 *
 * A row is thousands of contiguous bytes, and the hardware's prefetchers follow several such
 * streams at once. They read memory faster than prefetching every cache line in time does, and half
 * as fast again where rows are left out (benchmarks/results/fully_connected.md).
 */

/* Rows of the weights that are read side by side, each a stream for the hardware's prefetchers.
 * More images than one leave no registers for so many. */
enum { ROWS_OF_ONE = 8, ROWS_OF_MORE = 4 };

/* sums[n][o] += sum_i x[n][i] * weight[index[i]][o],  i < rows, n < images, o < width */
ACY_INLINE void add_rows(const int rows, const int images, const float *const *x,
                         const int32_t *index, const float *weight, ptrdiff_t row_stride,
                         ptrdiff_t width, float *sums) {
    const float *row[ROWS_OF_ONE];
    float value[ACY_LINEAR_FEW][ROWS_OF_ONE];
    ACY_UNROLL for (int i = 0; i < rows; i++) {
        row[i] = weight + index[i] * row_stride;
        ACY_UNROLL for (int n = 0; n < images; n++) value[n][i] = x[n][i];
    }
    for (ptrdiff_t o = 0; o < width; o += ACY_LANES) {
        vf w[ROWS_OF_ONE];
        ACY_UNROLL for (int i = 0; i < rows; i++) w[i] = vf_load(row[i] + o);
        ACY_UNROLL for (int n = 0; n < images; n++) {
            float *const sum = sum_of(sums, images, n, o);
            vf total = vf_load(sum);
            ACY_UNROLL for (int i = 0; i < rows; i++) total += w[i] * value[n][i];
            vf_store(sum, total);
        }
    }
}

#define ADD_ROWS(rows, images)                                                                     \
    ACY_NOINLINE void add_rows_##rows##x##images(const float *const *x, const int32_t *index,      \
                                                 const float *weight, ptrdiff_t row_stride,        \
                                                 ptrdiff_t width, float *sums) {                   \
        add_rows(rows, images, x, index, weight, row_stride, width, sums);                         \
    }
typedef void (*rows_fn)(const float *const *x, const int32_t *index, const float *weight,
                        ptrdiff_t row_stride, ptrdiff_t width, float *sums);
/* clang-format off */
ADD_ROWS(1, 1) ADD_ROWS(1, 2) ADD_ROWS(1, 3) ADD_ROWS(1, 4)
ADD_ROWS(1, 5) ADD_ROWS(1, 6) ADD_ROWS(1, 7) ADD_ROWS(1, 8)
ADD_ROWS(8, 1) ADD_ROWS(4, 2) ADD_ROWS(4, 3) ADD_ROWS(4, 4)
ADD_ROWS(4, 5) ADD_ROWS(4, 6) ADD_ROWS(4, 7) ADD_ROWS(4, 8)
/* by whether there are as many rows as are read side by side, and images - 1 */
static const rows_fn row_adders[2][ACY_LINEAR_FEW] = {
    {add_rows_1x1, add_rows_1x2, add_rows_1x3, add_rows_1x4,
     add_rows_1x5, add_rows_1x6, add_rows_1x7, add_rows_1x8},
    {add_rows_8x1, add_rows_4x2, add_rows_4x3, add_rows_4x4,
     add_rows_4x5, add_rows_4x6, add_rows_4x7, add_rows_4x8},
};
/* clang-format on */

/* Add the inputs [k, k + n_values) of the list, one block, to the sums of a few images. */
static void add_block_of_rows(const acy_linear *linear, ptrdiff_t k, ptrdiff_t n_values,
                              ptrdiff_t begin, ptrdiff_t end, float *sums) {
    const ptrdiff_t n_images = linear->n_images;
    const ptrdiff_t rows = n_images == 1 ? ROWS_OF_ONE : ROWS_OF_MORE;
    const float *x[ACY_LINEAR_FEW];
    for (ptrdiff_t n = 0; n < n_images; n++) x[n] = linear->input + k * n_images + n * n_values;
    for (ptrdiff_t i = 0; i < n_values;) {
        const int whole = n_values - i >= rows;
        const ptrdiff_t step = whole ? rows : 1;
        row_adders[whole][n_images - 1](x, linear->index + k + i, linear->weight + begin,
                                        linear->row_stride, end - begin, sums);
        for (ptrdiff_t n = 0; n < n_images; n++) x[n] += step;
        i += step;
    }
}
