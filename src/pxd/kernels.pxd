# The contract of kernels.h, as Cython sees it.
from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.stdint cimport int32_t, uint8_t


cdef extern from "kernels.h" nogil:
    enum:
        ACY_ALIGNMENT_BYTES
        ACY_LINEAR_SCRATCH
        ACY_LINEAR_BLOCK
        ACY_LINEAR_FEW
        ACY_LINEAR_FEW_RANGE
        ACY_LINEAR_IMAGES
        ACY_LINEAR_RANGE
        ACY_CONV_PIXELS
        ACY_WINOGRAD_POINTS
        ACY_WINOGRAD_TILES

    ctypedef struct acy_segment:
        Py_ssize_t offset
        Py_ssize_t length

    ctypedef struct acy_conv:
        const float *input
        Py_ssize_t input_image_stride
        Py_ssize_t input_step_h
        Py_ssize_t input_step_w
        float *output
        Py_ssize_t output_image_stride
        Py_ssize_t output_row_stride
        Py_ssize_t output_pixel_stride
        Py_ssize_t out_height
        Py_ssize_t out_width
        Py_ssize_t out_channels
        Py_ssize_t depth
        const float *weight
        const float *bias
        const acy_segment *segments
        const Py_ssize_t *block_ends
        Py_ssize_t n_blocks
        int relu
        int copy_columns

    ctypedef struct acy_transform:
        int outputs
        int points
        int first
        int zero
        const float *input
        const float *output

    ctypedef struct acy_winograd_tile:
        const float *input
        float *output
        int outputs_h
        int outputs_w

    ctypedef struct acy_winograd:
        const acy_winograd_tile *tiles
        Py_ssize_t n_tiles
        const acy_transform *transforms_h
        const acy_transform *transforms_w
        Py_ssize_t points_h
        Py_ssize_t points_w
        Py_ssize_t channels
        Py_ssize_t out_channels
        Py_ssize_t input_row_stride
        Py_ssize_t input_pixel_stride
        Py_ssize_t output_row_stride
        Py_ssize_t output_pixel_stride
        int taps_h
        int taps_w
        const float *kernel_h
        const float *kernel_w
        const float *weight
        const float *bias
        float *v
        Py_ssize_t v_pair
        Py_ssize_t v_row
        float *m
        Py_ssize_t m_pair
        Py_ssize_t m_row
        int relu

    ctypedef struct acy_linear:
        const int32_t *index
        const float *input
        Py_ssize_t n_values
        const float *weight
        Py_ssize_t row_stride
        const float *bias
        float *output
        Py_ssize_t output_stride
        Py_ssize_t n_images
        Py_ssize_t out_features
        int relu

    ctypedef struct acy_pool_window:
        Py_ssize_t kernel_h
        Py_ssize_t kernel_w
        Py_ssize_t stride_h
        Py_ssize_t stride_w
        Py_ssize_t padding_top
        Py_ssize_t padding_left

    ctypedef struct acy_norm:
        Py_ssize_t size
        float alpha
        float beta
        float k

    ctypedef struct acy_image:
        float *data
        Py_ssize_t height
        Py_ssize_t width
        Py_ssize_t channels
        Py_ssize_t row_stride
        Py_ssize_t pixel_stride

    ctypedef struct acy_resample:
        Py_ssize_t outputs
        const int32_t *first
        const int32_t *count
        const int32_t *weight
        Py_ssize_t taps

    ctypedef struct acy_kernels:
        const char *name
        int lanes
        int tile_rows
        int panel_width
        void (*conv)(
            const acy_conv *conv, Py_ssize_t pixel_begin, Py_ssize_t pixel_end,
            Py_ssize_t panel_begin, Py_ssize_t panel_end, float *scratch
        ) noexcept nogil
        void (*winograd_input)(
            const acy_winograd *winograd, Py_ssize_t tile_begin, Py_ssize_t tile_end
        ) noexcept nogil
        void (*winograd_multiply)(
            const acy_winograd *winograd, Py_ssize_t pair_begin, Py_ssize_t pair_end,
            Py_ssize_t panel_begin, Py_ssize_t panel_end
        ) noexcept nogil
        void (*winograd_output)(
            const acy_winograd *winograd, Py_ssize_t tile_begin, Py_ssize_t tile_end
        ) noexcept nogil
        void (*winograd_weights)(
            const acy_winograd *winograd, const float *g, Py_ssize_t panel, Py_ssize_t i, float *u,
            Py_ssize_t u_pair
        ) noexcept nogil
        void (*winograd_panel)(
            const acy_winograd *winograd, const float *g, Py_ssize_t panel, float *u,
            Py_ssize_t u_pair
        ) noexcept nogil
        void (*linear)(
            const acy_linear *linear, Py_ssize_t begin, Py_ssize_t end, float *scratch
        ) noexcept nogil
        int (*linear_rows)(
            const float *weight, Py_ssize_t n_outputs, Py_ssize_t n_inputs, const float *bias,
            const float *x, Py_ssize_t n_images, float *y, Py_ssize_t y_stride, int relu
        ) nogil
        int (*pack_rows)(
            const float *weight, Py_ssize_t n_outputs, Py_ssize_t channels, Py_ssize_t pixels,
            Py_ssize_t row_stride, float *packed
        ) noexcept nogil
        void (*max_pool)(
            const acy_image *input, const acy_image *output, const acy_pool_window *window,
            Py_ssize_t row_begin, Py_ssize_t row_end
        ) noexcept nogil
        void (*adaptive_avg_pool)(
            const acy_image *input, const acy_image *output,
            Py_ssize_t row_begin, Py_ssize_t row_end
        ) noexcept nogil
        void (*local_response_norm)(
            const acy_image *input, const acy_image *output, const acy_norm *norm,
            Py_ssize_t row_begin, Py_ssize_t row_end, float *scratch
        ) noexcept nogil
        void (*norm_and_pool)(
            const acy_image *input, const acy_image *output, const acy_norm *norm,
            const acy_pool_window *window, Py_ssize_t row_begin, Py_ssize_t row_end, float *scratch
        ) noexcept nogil
        void (*norm_within_channel)(
            const acy_image *input, const acy_image *output, const acy_norm *norm,
            Py_ssize_t row_begin, Py_ssize_t row_end, float *scratch
        ) noexcept nogil
        void (*softmax)(const float *x, float *y, Py_ssize_t n) noexcept nogil
        void (*relu)(const float *x, float *y, Py_ssize_t n) noexcept nogil
        void (*unit_distance)(
            const acy_image *a, const acy_image *b, const float *weight, float epsilon,
            float *distance, Py_ssize_t row_begin, Py_ssize_t row_end
        ) noexcept nogil
        void (*resample_columns)(
            const acy_resample *resample, const uint8_t *x, Py_ssize_t x_stride, uint8_t *y,
            Py_ssize_t y_stride, Py_ssize_t n_rows
        ) noexcept nogil
        void (*resample_row)(
            const acy_resample *resample, Py_ssize_t p, const uint8_t *x, Py_ssize_t x_stride,
            uint8_t *y, Py_ssize_t n
        ) noexcept nogil
        int fma_floats
        float (*multiply_add)(Py_ssize_t steps) noexcept nogil
        float (*read_all)(const float *x, Py_ssize_t n) noexcept nogil

    const acy_kernels *const *acy_runnable_levels()
    const char *const *acy_compiled_levels()


# The name under which _runtime hands out a level's kernels, in a PyCapsule.
cdef inline const char *capsule_name() noexcept nogil:
    return b"alexnet_cy.acy_kernels"


cdef inline const acy_kernels *kernels_in(capsule) except NULL:
    """Return the kernels in a capsule of _runtime; ValueError if it is another's."""
    return <const acy_kernels *> PyCapsule_GetPointer(capsule, capsule_name())
