# The contract of training, src/training.h, as Cython sees it. Keep the two in step.
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from kernels cimport acy_image, acy_kernels, acy_norm, acy_pool_window, acy_winograd

cdef extern from "kernels.h":
    enum:
        ACY_LINEAR_DOTS
        ACY_LINEAR_STRIP
        ACY_OUTER_STEPS

    ctypedef struct acy_conv_gradient:
        const float *input
        Py_ssize_t input_image_stride
        Py_ssize_t input_step_h
        Py_ssize_t input_step_w
        const float *e
        Py_ssize_t e_image_stride
        Py_ssize_t e_row_stride
        Py_ssize_t e_pixel_stride
        Py_ssize_t images
        Py_ssize_t out_height
        Py_ssize_t out_width
        Py_ssize_t out_channels
        Py_ssize_t depth
        Py_ssize_t run
        Py_ssize_t row_runs
        Py_ssize_t run_step_h
        Py_ssize_t run_step_w
        float *gradient
        int accumulate

    ctypedef struct acy_sgd:
        float rate
        float momentum
        float decay
        int rate_inside

    ctypedef struct acy_linear_gradient:
        const float *x
        Py_ssize_t x_stride
        const float *e
        Py_ssize_t e_panel
        Py_ssize_t n_images
        Py_ssize_t out_features
        float *gradient
        Py_ssize_t row_stride
        int accumulate
        float *velocity
        acy_sgd sgd

    ctypedef struct acy_linear_data:
        const float *e
        Py_ssize_t e_panel
        Py_ssize_t n_images
        Py_ssize_t out_features
        const float *weight
        Py_ssize_t row_stride
        const float *mask
        float scale
        float *dx
        Py_ssize_t dx_stride

    ctypedef struct acy_training:
        void (*winograd_error)(
            const acy_winograd *winograd, Py_ssize_t tile_begin, Py_ssize_t tile_end
        ) noexcept nogil
        void (*winograd_products)(
            const acy_winograd *winograd, Py_ssize_t pair_begin, Py_ssize_t pair_end,
            Py_ssize_t panel_begin, Py_ssize_t panel_end, float *du, int accumulate
        ) noexcept nogil
        void (*winograd_kernel)(
            const acy_winograd *winograd, const float *du, Py_ssize_t u_pair, Py_ssize_t panel,
            float *dg
        ) noexcept nogil
        void (*conv_gradient)(
            const acy_conv_gradient *gradient, Py_ssize_t panel, Py_ssize_t run_begin,
            Py_ssize_t run_end, float *scratch
        ) noexcept nogil
        void (*channel_sums)(const acy_image *image, float *sums) noexcept nogil
        void (*linear_panel)(
            const float *e, Py_ssize_t n_images, Py_ssize_t out_features, Py_ssize_t panel,
            float *packed
        ) noexcept nogil
        void (*linear_gradient)(
            const acy_linear_gradient *gradient, Py_ssize_t begin, Py_ssize_t end,
            Py_ssize_t panel_begin, Py_ssize_t panel_end, float *scratch
        ) noexcept nogil
        void (*linear_data)(
            const acy_linear_data *data, Py_ssize_t begin, Py_ssize_t end, Py_ssize_t further,
            float *scratch
        ) noexcept nogil
        void (*max_pool_winners)(
            const acy_image *input, const acy_image *output, uint8_t *winners,
            const acy_pool_window *window, Py_ssize_t row_begin, Py_ssize_t row_end
        ) noexcept nogil
        void (*norm_and_pool_winners)(
            const acy_image *input, const acy_image *output, uint8_t *winners,
            const acy_norm *norm, const acy_pool_window *window, Py_ssize_t row_begin,
            Py_ssize_t row_end, float *scratch
        ) noexcept nogil
        void (*max_pool_gradient)(
            const acy_image *dy, const uint8_t *winners, const acy_image *dx,
            const acy_image *mask, const acy_pool_window *window, Py_ssize_t row_begin,
            Py_ssize_t row_end
        ) noexcept nogil
        void (*adaptive_avg_pool_gradient)(
            const acy_image *dy, const acy_image *dx, Py_ssize_t row_begin, Py_ssize_t row_end
        ) noexcept nogil
        void (*relu_gradient)(
            const acy_image *y, const acy_image *dy, const acy_image *dx, float scale,
            Py_ssize_t row_begin, Py_ssize_t row_end
        ) noexcept nogil
        void (*norm_gradient)(
            const acy_image *x, const acy_image *dy, const acy_image *dx, const acy_norm *norm,
            int relu, Py_ssize_t row_begin, Py_ssize_t row_end, float *scratch
        ) noexcept nogil
        void (*norm_and_pool_gradient)(
            const acy_image *x, const acy_image *dy, const uint8_t *winners, const acy_image *dx,
            const acy_norm *norm, const acy_pool_window *window, int relu, Py_ssize_t row_begin,
            Py_ssize_t row_end, float *scratch
        ) noexcept nogil
        void (*norm_within_gradient)(
            const acy_image *x, const acy_image *dy, const acy_image *dx, const acy_norm *norm,
            int relu, Py_ssize_t row_begin, Py_ssize_t row_end, float *scratch
        ) noexcept nogil
        double (*cross_entropy)(
            const float *z, Py_ssize_t n, Py_ssize_t label, double weight, double divisor, float *dz
        ) noexcept nogil
        void (*dropout)(
            const float *x, float *y, Py_ssize_t begin, Py_ssize_t end, uint64_t threshold,
            float scale, const uint32_t *counter, const uint32_t *key
        ) noexcept nogil
        void (*sgd)(
            float *weight, const float *gradient, float *velocity, Py_ssize_t n,
            const acy_sgd *settings
        ) noexcept nogil

    const acy_training *acy_training_of(const acy_kernels *kernels) noexcept nogil


cdef inline int check_no_gaps(const float[:, :, :, :] array, str name) except -1:
    """Refuse images whose channels are not contiguous."""
    if array.strides[3] != sizeof(float):
        raise ValueError(f"{name}: channels must be contiguous")
    return 0


cdef inline int check_length(const float[::1] array, Py_ssize_t length, str name) except -1:
    """Refuse a flat array of another length."""
    if array.shape[0] != length:
        raise ValueError(f"{name}: got {array.shape[0]} floats, need {length}")
    return 0
