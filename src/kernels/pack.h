/* Packing of weights: from a row for every output, as files have them, to a row for every input, in
 * which its outputs are contiguous; of fully connected layers, and of convolutions, whose taps are
 * the pixels here. A transposition, in squares of 8 x 8 that fit the registers of every level:
 * element by element each store would touch another cache line.
 */

typedef float square_row __attribute__((vector_size(32)));
#if defined(__clang__)
#define SQUARE_SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
typedef int32_t square_index __attribute__((vector_size(32)));
#define SQUARE_SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (square_index){__VA_ARGS__})
#endif
enum { SQUARE = 8 };

/* row[j][i] becomes row[i][j] for i, j < 8. */
ACY_INLINE void transpose_registers(square_row *row) {
    square_row pair[SQUARE], quad[SQUARE];
    ACY_UNROLL for (int i = 0; i < SQUARE; i += 2) { /* the lanes of two rows alternate */
        pair[i] = SQUARE_SHUFFLE(row[i], row[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
        pair[i + 1] = SQUARE_SHUFFLE(row[i], row[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
    }
    ACY_UNROLL for (int i = 0; i < SQUARE; i += 4) { /* four rows: lanes 0 and 4, 1 and 5, ... */
        ACY_UNROLL for (int j = 0; j < 2; j++) {
            quad[i + 2 * j] =
                SQUARE_SHUFFLE(pair[i + j], pair[i + 2 + j], 0, 1, 8, 9, 4, 5, 12, 13);
            quad[i + 2 * j + 1] =
                SQUARE_SHUFFLE(pair[i + j], pair[i + 2 + j], 2, 3, 10, 11, 6, 7, 14, 15);
        }
    }
    ACY_UNROLL for (int j = 0; j < 4; j++) {
        row[j] = SQUARE_SHUFFLE(quad[j], quad[j + 4], 0, 1, 2, 3, 8, 9, 10, 11);
        row[j + 4] = SQUARE_SHUFFLE(quad[j], quad[j + 4], 4, 5, 6, 7, 12, 13, 14, 15);
    }
}

/* to[j][i] = from[i][j] for i, j < 8. not_finite[j] becomes NaN if a from[i][j] is not finite. */
ACY_INLINE void transpose_square(const float *from, ptrdiff_t from_stride, float *const *to,
                                 square_row *not_finite) {
    square_row row[SQUARE];
    ACY_UNROLL for (int i = 0; i < SQUARE; i++) {
        memcpy(&row[i], from + i * from_stride, sizeof row[i]);
        *not_finite += row[i] * 0.0f; /* inf * 0 is NaN */
    }
    transpose_registers(row);
    ACY_UNROLL for (int j = 0; j < SQUARE; j++) memcpy(to[j], &row[j], sizeof row[j]);
}

ACY_INLINE int is_all_zero(const square_row *sums) {
    int zeros = 0;
    for (int i = 0; i < SQUARE; i++) zeros += (*sums)[i] == 0.0f;
    return zeros == SQUARE;
}

/* packed[pixel * channels + c][o] = weight[o][c * pixels + pixel] for outputs o < n_outputs; the
 * rows of `packed` are row_stride floats apart. Returns whether all of them are finite. */
static int pack_rows(const float *weight, ptrdiff_t n_outputs, ptrdiff_t channels, ptrdiff_t pixels,
                     ptrdiff_t row_stride, float *packed) {
    const ptrdiff_t n_inputs = channels * pixels, whole = n_outputs / SQUARE * SQUARE;
    ptrdiff_t c = 0, pixel = 0;
    square_row not_finite = {0};
    for (ptrdiff_t k = 0; k < n_inputs; k += SQUARE) {
        const int n = n_inputs - k < SQUARE ? (int)(n_inputs - k) : SQUARE;
        float *to[SQUARE];
        for (int j = 0; j < n; j++) {
            to[j] = packed + (pixel * channels + c) * row_stride;
            if (++pixel == pixels) {
                pixel = 0;
                c++;
            }
        }
        ptrdiff_t o = 0;
        for (; n == SQUARE && o < whole; o += SQUARE) {
            transpose_square(weight + o * n_inputs + k, n_inputs, to, &not_finite);
            for (int j = 0; j < SQUARE; j++) to[j] += SQUARE;
        }
        for (ptrdiff_t i = o; i < n_outputs; i++)
            for (int j = 0; j < n; j++) {
                const float w = weight[i * n_inputs + k + j];
                not_finite += w * 0.0f;
                to[j][i - o] = w;
            }
    }
    return is_all_zero(&not_finite);
}
