"""How far apart the features of two images are, pixel by pixel: a layer of LPIPS."""
from kernels cimport acy_image
from nhwc_images cimport check_contiguous, image_of

from alexnet_cy.kernels._rows cimport RowByRow


cdef class UnitDistance(RowByRow):
    """distance = sum_c weight[c] * (a[c] / |a| - b[c] / |b|)^2, bound to its arrays.

    |x| is sqrt(sum_c x[c]^2) + epsilon. The bits are the same for (a, b) and (b, a), and 0 where
    the features are equal.

    Parameters
    ----------
    kernels : capsule of `_runtime.kernels_of`
    a : float32, shape (N, H, W, C) or (1, H, W, C), channels contiguous
        One image is compared with each of b.
    b : float32, shape (N, H, W, C), channels contiguous
    weight : float32, shape (C,), C-contiguous
    epsilon : float
        Above zero, so that a pixel without features has a length to be divided by.
    distance : float32, shape (N, H, W), C-contiguous

    Raises
    ------
    ValueError
        The arrays do not fit each other.
    """

    cdef float[:, :, :, :] a, b
    cdef const float[::1] weight
    cdef float epsilon
    cdef float[:, :, ::1] distance

    def __cinit__(
        self, kernels, float[:, :, :, :] a, float[:, :, :, :] b, const float[::1] weight,
        float epsilon, float[:, :, ::1] distance
    ):
        cdef int axis
        if a.shape[0] != 1 and a.shape[0] != b.shape[0]:
            raise ValueError("a, b: numbers of images differ")
        for axis in range(1, 4):
            if a.shape[axis] != b.shape[axis]:
                raise ValueError("a, b: shapes differ")
        for axis in range(3):
            if distance.shape[axis] != b.shape[axis]:
                raise ValueError("distance: not of the shape of b")
        if weight.shape[0] != b.shape[3]:
            raise ValueError("weight: need one for each channel")
        check_contiguous(a, b)
        self.set_rows(kernels, b, 0)
        self.a = a
        self.b = b
        self.weight = weight
        self.epsilon = epsilon
        self.distance = distance

    cdef void compute_row(self, Py_ssize_t n, Py_ssize_t h, float *scratch) noexcept nogil:
        cdef acy_image first = image_of(self.a, n if self.a.shape[0] > 1 else 0)
        cdef acy_image second = image_of(self.b, n)
        self.kernels.unit_distance(
            &first, &second, &self.weight[0], self.epsilon, &self.distance[n, 0, 0], h, h + 1
        )
