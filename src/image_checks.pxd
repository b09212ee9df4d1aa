# What kernels that take NHWC images to NHWC images ask of both.


cdef inline int check_contiguous(float[:, :, :, :] x, float[:, :, :, :] y) except -1:
    if x.strides[3] != sizeof(float) or y.strides[3] != sizeof(float):
        raise ValueError("x, y: channels must be contiguous")
    return 0


cdef inline int check_images(float[:, :, :, :] x, float[:, :, :, :] y) except -1:
    """Refuse arrays that are not of the same images and channels; sizes of images may differ."""
    if x.shape[0] != y.shape[0] or x.shape[3] != y.shape[3]:
        raise ValueError("x, y: images or channels differ")
    return check_contiguous(x, y)
