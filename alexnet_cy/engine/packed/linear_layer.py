"""A fully connected layer, whose weights stay in their file until they are used a second time.

To pack fc6 to fc8 takes 234 MB of new memory, and the system may need several times as long to
find it as a pass over the file does. A process that looks at a few images once never needs it.
"""

from __future__ import annotations

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.contracts.tensors import TensorRef
from alexnet_cy.engine.packed.layer_weights import LayerWeights
from alexnet_cy.engine.packed.linear_packing import multiply_streamed, pack_linear
from alexnet_cy.kernels import _linear
from alexnet_cy.kernels._bound import Bound, BoundLate
from alexnet_cy.kernels._linear import PackedLinear

__all__ = ["MOST_STREAMED_IMAGES", "LinearLayer"]

# More images than these are throughput, of which more will come; and the kernel that takes rows as
# they are read has the sums of so many in view.
MOST_STREAMED_IMAGES = 8


class LinearLayer(LayerWeights[PackedLinear]):
    """The weights of one fully connected layer, of shapes (O, I) and (O,)."""

    def bind(self, x: Float32Array, y: Float32Array, *, relu: bool) -> Bound:
        """Bind y = relu(x weight^T + bias).

        The first call, if it is one of few images and the file is read by rows, uses the weights as
        it reads them.

        Parameters
        ----------
        x : ndarray of float32, shape (N, I), C-contiguous
        y : ndarray of float32, shape (N, O), C-contiguous
        relu : bool

        Returns
        -------
        Bound
            Raises WeightsError when it runs, if the weights cannot be read.
        """

        def bind(threads: int) -> _linear.Linear | None:
            if self._reads_rows() and len(x) <= MOST_STREAMED_IMAGES:
                tensors = self._claim_unread()
                if tensors is not None:
                    weight, bias = tensors[0], tensors[1].read()
                    multiply_streamed(weight, bias, self._kernels, x, y, relu, threads)
                    return None
            return _linear.Linear(self.pack(threads), x, y, relu)

        return BoundLate(bind)

    def _pack(self, weight: TensorRef, bias: Float32Array, threads: int) -> PackedLinear:
        return pack_linear(weight, bias, self._kernels, threads)

    def _reads_rows(self) -> bool:
        tensors = self._tensors
        return tensors is not None and tensors[0].reads_rows
