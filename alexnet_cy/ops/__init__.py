"""The operations of AlexNet one by one, with PyTorch's names for their arguments.

Every function takes and returns float32 arrays, images as (N, C, H, W). float16, float64, other
byte orders and memory layouts are converted; integers, complex numbers and objects are refused.
Inputs are never written to; results are new arrays. `threads` is the number of threads, None for
the default (see `alexnet_cy.machine.threads.resolve_threads`); it does not change a bit of the
result, and neither does the number of images.

Inside, images are (N, H, W, C); the conversion of x and y is part of the cost of a call here. A
whole network (`alexnet_cy.AlexNet`) converts once.
"""

from alexnet_cy.ops.images import adaptive_avg_pool2d, conv2d, local_response_norm, max_pool2d
from alexnet_cy.ops.vectors import linear, relu, softmax

__all__ = [
    "adaptive_avg_pool2d",
    "conv2d",
    "linear",
    "local_response_norm",
    "max_pool2d",
    "relu",
    "softmax",
]
