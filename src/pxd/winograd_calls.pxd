# What comes to a Winograd convolution, checked, and described as the kernels want it.
from libc.stdlib cimport malloc
from libc.string cimport memset

from kernels cimport ACY_WINOGRAD_POINTS, acy_transform, acy_winograd, acy_winograd_tile


cdef inline int set_transforms(
    acy_transform *transforms, list tiles, Py_ssize_t n_points
) except -1:
    """Point transforms[1], transforms[2], ... to the coefficients, which the caller keeps alive."""
    cdef const float[::1] input_coefficients, output_coefficients
    cdef Py_ssize_t pairs
    if len(tiles) > ACY_WINOGRAD_POINTS:
        raise ValueError("transforms: too many")
    memset(transforms, 0, (ACY_WINOGRAD_POINTS + 1) * sizeof(acy_transform))
    for outputs, (points, first, zero, to_points, to_outputs) in enumerate(tiles, 1):
        input_coefficients = to_points
        output_coefficients = to_outputs
        if not outputs <= points <= n_points or not 0 <= first <= n_points - points:
            raise ValueError("transforms: take points that the kernel matrices do not have")
        if zero != (points == ACY_WINOGRAD_POINTS) and (points % 2 == 0 or zero not in (0, 1)):
            raise ValueError(f"transforms: {points} points cannot be symmetric about zero")
        pairs = points // 2 - (points == ACY_WINOGRAD_POINTS)
        if (
            input_coefficients.shape[0] != pairs * (pairs + 1)
            or output_coefficients.shape[0] != 1 + outputs * pairs
        ):
            raise ValueError(f"transforms: too few or too many coefficients for {points} points")
        transforms[outputs].outputs = outputs
        transforms[outputs].points = points
        transforms[outputs].first = first
        transforms[outputs].zero = zero
        transforms[outputs].input = &input_coefficients[0] if pairs else NULL
        transforms[outputs].output = &output_coefficients[0]
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


cdef inline Py_ssize_t check_call(
    const acy_winograd *layer, Py_ssize_t groups, const float[:, :, :, ::1] x,
    const float[:, :, :, :] y, const Py_ssize_t[::1] rows, const Py_ssize_t[::1] columns
) except -1:
    """Refuse what does not fit the layer; return how many tiles a group has."""
    check_shapes(layer, groups, x, y)
    check_cuts(rows, y.shape[1], layer.transforms_h, "rows")
    check_cuts(columns, y.shape[2], layer.transforms_w, "columns")
    return x.shape[0] * (rows.shape[0] - 1) * (columns.shape[0] - 1)


cdef inline acy_winograd describe_call(
    const acy_winograd *layer, Py_ssize_t lanes, const float[:, :, :, ::1] x,
    float[:, :, :, :] y, bint relu
) noexcept:
    """Describe a layer but for its tiles, and the memory for V and M."""
    cdef acy_winograd call = layer[0]
    call.input_row_stride = x.shape[2] * x.shape[3]
    call.input_pixel_stride = x.shape[3]
    call.output_row_stride = y.strides[1] // sizeof(float)
    call.output_pixel_stride = y.strides[2] // sizeof(float)
    call.v_row = (layer.channels + lanes - 1) // lanes * lanes
    call.m_row = (layer.out_channels + lanes - 1) // lanes * lanes
    call.relu = relu
    return call


cdef inline acy_winograd_tile *list_tiles(
    const acy_winograd *layer, Py_ssize_t groups, Py_ssize_t n_tiles,
    const float[:, :, :, ::1] x, float[:, :, :, :] y, const Py_ssize_t[::1] rows,
    const Py_ssize_t[::1] columns
) except NULL:
    """List the tiles of all groups, group by group; to be freed."""
    cdef acy_winograd_tile *tiles = <acy_winograd_tile *> malloc(
        groups * n_tiles * sizeof(acy_winograd_tile)
    )
    if tiles is NULL:
        raise MemoryError(f"no memory to list {n_tiles} tiles")
    fill_tiles(tiles, x, y, rows, columns)
    repeat_tiles(tiles, n_tiles, groups, layer.channels, layer.out_channels)
    return tiles


cdef inline void fill_tiles(
    acy_winograd_tile *tiles, const float[:, :, :, ::1] x, float[:, :, :, :] y,
    const Py_ssize_t[::1] rows, const Py_ssize_t[::1] columns
) noexcept nogil:
    """List all tiles, image by image; `rows` and `columns` hold where tiles begin, and the end."""
    cdef Py_ssize_t n, p, q, t = 0
    for n in range(x.shape[0]):
        for p in range(rows.shape[0] - 1):
            for q in range(columns.shape[0] - 1):
                tiles[t].input = &x[n, rows[p], columns[q], 0]
                tiles[t].output = &y[n, rows[p], columns[q], 0]
                tiles[t].outputs_h = <int> (rows[p + 1] - rows[p])
                tiles[t].outputs_w = <int> (columns[q + 1] - columns[q])
                t += 1


cdef inline void repeat_tiles(
    acy_winograd_tile *tiles, Py_ssize_t n_tiles, Py_ssize_t groups, Py_ssize_t channels,
    Py_ssize_t out_channels
) noexcept nogil:
    """List the tiles of the first group for the others, at their channels."""
    cdef Py_ssize_t group, t
    for group in range(1, groups):
        for t in range(n_tiles):
            tiles[group * n_tiles + t] = tiles[t]
            tiles[group * n_tiles + t].input += group * channels
            tiles[group * n_tiles + t].output += group * out_channels
