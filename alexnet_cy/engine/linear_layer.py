"""A fully connected layer, whose weights stay in their file until they are used a second time.

To pack fc6 to fc8 takes 234 MB of new memory, and the system may need several times as long to
find it as a pass over the file does. A process that looks at a few images once never asks for it.
"""

from __future__ import annotations

from threading import Lock

import numpy as np

from alexnet_cy import _linear
from alexnet_cy._linear import PackedLinear
from alexnet_cy.engine.arrays import Float32Array
from alexnet_cy.engine.linear_packing import multiply_in_passing, pack_linear
from alexnet_cy.weights.tensors import TensorRef

__all__ = ["MOST_IMAGES_IN_PASSING", "LinearLayer"]

# More images than these are throughput, of which more will come; and the kernel that takes rows as
# they are read has the sums of so many in view.
MOST_IMAGES_IN_PASSING = 8


class LinearLayer:
    """The weights of one fully connected layer: in the file, and packed as soon as that pays.

    Several threads may use it at once. The bits of the results do not depend on where the weights
    are.

    Parameters
    ----------
    weight, bias : TensorRef
        Of shapes (O, I) and (O,); read when they are needed.
    kernels : capsule
        The instruction-set level.
    """

    def __init__(self, weight: TensorRef, bias: TensorRef, kernels: object) -> None:
        self._tensors: tuple[TensorRef, TensorRef] | None = (weight, bias)
        self._kernels = kernels
        self._packed: PackedLinear | None = None
        self._used = False
        self._lock = Lock()

    def run(self, x: Float32Array, y: Float32Array, relu: bool, threads: int) -> None:
        """Write y = relu(x weight^T + bias).

        Parameters
        ----------
        x : ndarray of float32, shape (N, I), C-contiguous
        y : ndarray of float32, shape (N, O), C-contiguous
        relu : bool
        threads : int

        Raises
        ------
        WeightsError
            The weights cannot be read.
        """
        packed = self._packed
        if packed is None:
            tensors = self._tensors_in_passing(len(x))
            if tensors is not None:
                weight, bias = tensors[0], tensors[1].read()
                multiply_in_passing(weight, bias, self._kernels, x, y, relu, threads)
                return
            packed = self.pack(threads)
        _linear.linear(packed, x, y, relu, threads)

    def pack(self, threads: int) -> PackedLinear:
        """Return the packed layer, which takes the place of the tensors.

        Raises
        ------
        WeightsError
            The weights cannot be read.
        """
        with self._lock:
            if self._packed is None:
                assert self._tensors is not None
                weight, bias = self._tensors
                self._packed = pack_linear(weight, bias.read(), self._kernels, threads)
                self._tensors = None
            return self._packed

    def tensor(self, kind: str) -> Float32Array:
        """Return a fresh copy of "weight", (O, I), or "bias", (O,)."""
        with self._lock:
            tensors, packed = self._tensors, self._packed
        place = ("weight", "bias").index(kind)
        if tensors is not None:
            return np.array(tensors[place].read(), np.float32)
        assert packed is not None
        return packed.unpack()[place]

    @property
    def nbytes(self) -> int:
        """Bytes of the packed layer; 0 as long as it is not packed."""
        return 0 if self._packed is None else self._packed.nbytes

    def _tensors_in_passing(self, n_images: int) -> tuple[TensorRef, TensorRef] | None:
        """Return the tensors for the first call, if it is one of few images and reads by rows."""
        with self._lock:
            if self._used or self._tensors is None or n_images > MOST_IMAGES_IN_PASSING:
                return None
            if self._tensors[0].read_rows is None:
                return None
            self._used = True
            return self._tensors
