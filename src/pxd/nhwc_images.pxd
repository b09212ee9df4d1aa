# Views of NHWC images as the kernels take them, and what pooling and normalisation ask of a pair.

from kernels cimport acy_image, acy_pool_window


cdef inline acy_image image_of(float[:, :, :, :] x, Py_ssize_t n) noexcept nogil:
    """Image n of a batch (N, H, W, C) whose channels are contiguous."""
    cdef acy_image image
    image.data = <float *> (<char *> &x[0, 0, 0, 0] + n * x.strides[0])
    image.height = x.shape[1]
    image.width = x.shape[2]
    image.channels = x.shape[3]
    image.row_stride = x.strides[1] // sizeof(float)
    image.pixel_stride = x.strides[2] // sizeof(float)
    return image


cdef inline int check_contiguous(float[:, :, :, :] x, float[:, :, :, :] y) except -1:
    if x.strides[3] != sizeof(float) or y.strides[3] != sizeof(float):
        raise ValueError("x, y: channels must be contiguous")
    return 0


cdef inline int check_images(float[:, :, :, :] x, float[:, :, :, :] y) except -1:
    """Refuse arrays that are not of the same images and channels; sizes of images may differ."""
    if x.shape[0] != y.shape[0] or x.shape[3] != y.shape[3]:
        raise ValueError("x, y: images or channels differ")
    return check_contiguous(x, y)


cdef inline int check_same_shape(
    float[:, :, :, :] x, float[:, :, :, :] y, str names
) except -1:
    """Refuse arrays of two shapes, or with gaps between channels."""
    cdef int axis
    for axis in range(4):
        if x.shape[axis] != y.shape[axis]:
            raise ValueError(f"{names}: shapes differ")
    if x.strides[3] != sizeof(float) or y.strides[3] != sizeof(float):
        raise ValueError(f"{names}: channels must be contiguous")
    return 0


cdef inline acy_pool_window pool_window(
    tuple kernel_size, tuple stride, tuple padding
) except *:
    """Return the window of (height, width) sizes and strides, and (top, left) padding."""
    cdef acy_pool_window window
    window.kernel_h, window.kernel_w = kernel_size
    window.stride_h, window.stride_w = stride
    window.padding_top, window.padding_left = padding
    return window
