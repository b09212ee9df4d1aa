# What comes to a Winograd convolution, checked before a kernel sees it.
from libc.string cimport memset

from kernels cimport ACY_WINOGRAD_POINTS, acy_transform, acy_winograd


cdef inline int set_transforms(
    acy_transform *transforms, list matrices, Py_ssize_t n_points
) except -1:
    """Point transforms[1], transforms[2], ... to the matrices, which the caller keeps alive."""
    cdef const float[:, ::1] input_matrix, output_matrix
    if len(matrices) > ACY_WINOGRAD_POINTS:
        raise ValueError("transforms: too many")
    memset(transforms, 0, (ACY_WINOGRAD_POINTS + 1) * sizeof(acy_transform))
    for outputs, (first, to_points, to_outputs) in enumerate(matrices, 1):
        input_matrix = to_points
        output_matrix = to_outputs
        if first < 0 or first + input_matrix.shape[0] > n_points:
            raise ValueError("transforms: take points that the kernel matrices do not have")
        transforms[outputs].outputs = outputs
        transforms[outputs].points = <int> input_matrix.shape[0]
        transforms[outputs].first = first
        transforms[outputs].input = &input_matrix[0, 0]
        transforms[outputs].output = &output_matrix[0, 0]
    return 0


cdef inline int check_shapes(
    const acy_winograd *layer, Py_ssize_t groups, const float[:, :, :, ::1] x,
    const float[:, :, :, :] y
) except -1:
    if (
        x.shape[3] != layer.channels * groups or y.shape[0] != x.shape[0]
        or y.shape[3] != layer.out_channels * groups
    ):
        raise ValueError("x, y: shapes do not match the weights")
    if (
        y.shape[1] + layer.taps_h - 1 > x.shape[1] or y.shape[2] + layer.taps_w - 1 > x.shape[2]
    ):
        raise ValueError("x: too small for the output")
    if y.strides[3] != sizeof(float):
        raise ValueError("y: out channels must be contiguous")
    return 0


cdef inline int check_cuts(
    const Py_ssize_t[::1] cuts, Py_ssize_t length, const acy_transform *transforms, str name
) except -1:
    """Refuse cuts that do not go from 0 to `length` in steps that there are transforms for."""
    cdef Py_ssize_t i, size
    if cuts.shape[0] < 2 or cuts[0] != 0 or cuts[cuts.shape[0] - 1] != length:
        raise ValueError(f"{name}: must go from 0 to {length}")
    for i in range(cuts.shape[0] - 1):
        size = cuts[i + 1] - cuts[i]
        if size < 1 or size > ACY_WINOGRAD_POINTS or transforms[size].points == 0:
            raise ValueError(f"{name}: there is no transform for a tile of {size}")
    return 0
