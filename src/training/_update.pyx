"""Gradient descent with momentum and weight decay, over flat arrays."""
from cython.parallel cimport prange

from kernels cimport acy_kernels, kernels_in
from training_kernels cimport acy_sgd, acy_training_of, check_length

from alexnet_cy.kernels._runtime cimport threads_for

cdef enum:
    # Floats of a tile: 256 KiB of each array, far more than the hand-over to a thread costs.
    UPDATE_TILE = 65536


def sgd(
    kernels, float[::1] weight, const float[::1] gradient, float[::1] velocity,
    double learning_rate, double momentum, double decay, bint rate_inside, Py_ssize_t threads
):
    """Update weights and velocities in place, with d = gradient + decay * weight.

    Parameters
    ----------
    kernels : capsule of `_runtime.kernels_of`
    weight, gradient, velocity : float32, flat, of one length
    learning_rate, momentum, decay : float
    rate_inside : bool
        v = momentum v + learning_rate d; w -= v, as Caffe and the 2012 paper have it. Else
        v = momentum v + d; w -= learning_rate v, as PyTorch has it.
    threads : int

    Raises
    ------
    ValueError
        The lengths differ.
    """
    cdef const acy_kernels *table = kernels_in(kernels)
    cdef acy_sgd settings
    cdef Py_ssize_t n = weight.shape[0], tile, n_tiles = (n + UPDATE_TILE - 1) // UPDATE_TILE
    check_length(gradient, n, "gradient")
    check_length(velocity, n, "velocity")
    settings.rate = <float> learning_rate
    settings.momentum = <float> momentum
    settings.decay = <float> decay
    settings.rate_inside = rate_inside
    cdef int n_threads = threads_for(min(threads, n_tiles))
    for tile in prange(n_tiles, nogil=True, num_threads=n_threads, schedule="static"):
        acy_training_of(table).sgd(
            &weight[tile * UPDATE_TILE], &gradient[tile * UPDATE_TILE],
            &velocity[tile * UPDATE_TILE], min(UPDATE_TILE, n - tile * UPDATE_TILE), &settings,
        )
