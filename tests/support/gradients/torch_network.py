"""A network's layers as torch's own functions, and the gradients that torch.autograd finds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alexnet_cy.network import LRN, AdaptiveAvgPool, Conv, Linear, MaxPool, Softmax, Variant

Arrays = dict[str, NDArray[np.floating[Any]]]


def torch_logits(torch: Any, variant: Variant, tensors: Mapping[str, Any], values: Any) -> Any:
    """Run a variant up to its logits, whatever the type of the numbers."""
    functional = torch.nn.functional
    for layer in variant.layers:
        if isinstance(layer, Softmax):
            break
        if isinstance(layer, Conv | Linear):
            weight, bias = tensors[f"{layer.name}.weight"], tensors[f"{layer.name}.bias"]
            if isinstance(layer, Linear):
                values = functional.linear(values.flatten(1), weight, bias)
            else:
                (top, bottom), (left, right) = layer.padding
                padded = functional.pad(values, (left, right, top, bottom))
                values = functional.conv2d(
                    padded, weight, bias, stride=layer.stride, groups=layer.groups
                )
            values = functional.relu(values) if layer.relu else values
        elif isinstance(layer, LRN) and layer.within_channel:
            mean = functional.avg_pool2d(values**2, layer.size, 1, layer.size // 2)
            values = values * (layer.k + layer.ops_alpha * mean) ** -layer.beta
        elif isinstance(layer, LRN):
            values = functional.local_response_norm(
                values, layer.size, alpha=layer.ops_alpha, beta=layer.beta, k=layer.k
            )
        elif isinstance(layer, MaxPool):
            values = functional.max_pool2d(
                values, layer.kernel_size, layer.stride, ceil_mode=layer.ceil_mode
            )
        else:
            assert isinstance(layer, AdaptiveAvgPool)
            values = functional.adaptive_avg_pool2d(values, layer.output_size)
    return values


def torch_gradients(
    torch: Any, variant: Variant, weights: Mapping[str, ArrayLike], x: ArrayLike, labels: ArrayLike
) -> tuple[float, Arrays]:
    """Return the mean loss and its gradients in float64, by name and by "input"."""
    leaves = {
        name: torch.tensor(np.asarray(array, np.float64), requires_grad=True)
        for name, array in {**weights, "input": x}.items()
    }
    logits = torch_logits(torch, variant, leaves, leaves["input"])
    loss = torch.nn.functional.cross_entropy(logits, torch.tensor(np.asarray(labels)))
    loss.backward()
    return loss.item(), {name: leaf.grad.numpy() for name, leaf in leaves.items()}
