"""Makes the networks that all contenders run: the same weights and images, in every form.

How many inputs of the fully connected layers are zero decides how much work they are for whoever
skips zeros, and random weights have no density of their own. So there are two kinds of weights:

- "dense": biases so large that no input of a fully connected layer is zero;
- "published": biases that leave 35 % of the inputs non-zero, which is what the EIE paper reports
  for AlexNet (Han et al., "EIE: Efficient Inference Engine on Compressed Deep Neural Network",
  2016, table III: 35.1 %, 35.3 % and 37.5 % for fc6, fc7 and fc8).

Every neuron has a bias of its own, which lets it fire for that share of the images: two images
share no more active inputs than chance makes them.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from peers.interface import Float32Array, NetworkFolder

from alexnet_cy.network import Conv, Layer, Linear, Variant, get_variant
from alexnet_cy.network.random_weights import random_tensors
from alexnet_cy.oracle.baseline import baseline_layer
from alexnet_cy.oracle.network import forward
from alexnet_cy.weights import safetensors
from alexnet_cy.weights.onnx import write as onnx_write

__all__ = ["KINDS", "Densities", "make_images", "make_network", "network_in"]

SEED = 0
PUBLISHED_DENSITY = 0.35
KINDS = {"dense": 1.0, "published": PUBLISHED_DENSITY}

# Standard deviation of the images, about that of photographs without their mean (0 to 255), and of
# what goes into softmax, so that the probabilities are neither equal nor all but one zero.
IMAGE_DEVIATION = 60.0
LOGIT_DEVIATION = 3.0

# Images that biases are set by, and int8 calibrated on.
FEWEST_IMAGES = 64

# Images that the oracle takes together: float64 columns of conv1 are 9 MB for each.
AT_A_TIME = 4


@dataclass(frozen=True)
class Densities:
    """Shares of the inputs of a fully connected layer that are not zero.

    Attributes
    ----------
    layer : str
    first_image, all_images : float
        In the image of batch 1, and on average.
    union_of_2, union_of_4 : float
        The share that is not zero in any of the first two or four images.
    """

    layer: str
    first_image: float
    all_images: float
    union_of_2: float
    union_of_4: float


def make_images(variant: Variant, count: int) -> Float32Array:
    """Draw images whose spectrum falls with the frequency, as that of photographs does.

    Parameters
    ----------
    variant : Variant
    count : int
        The number wanted; FEWEST_IMAGES at least are drawn, as biases are set by many.

    Returns
    -------
    ndarray of float32, shape (N, 3, size, size)
        As preprocessing leaves them: about zero, without limits.
    """
    size, count = variant.input_size, max(count, FEWEST_IMAGES)
    noise = np.random.default_rng(SEED).standard_normal((count, 3, size, size))
    frequency = np.hypot(np.fft.fftfreq(size)[:, np.newaxis], np.fft.rfftfreq(size))
    frequency[0, 0] = np.inf  # no mean
    images = np.fft.irfft2(np.fft.rfft2(noise) / frequency, s=(size, size))
    images *= IMAGE_DEVIATION / images.std(axis=(1, 2, 3), keepdims=True)
    return images.astype(np.float32)


def network_in(
    work: Path, variant: str, kind: str, images: Float32Array, n_expected: int
) -> tuple[NetworkFolder, tuple[Densities, ...]]:
    """Make a network in a folder of `work`, or find it there from an earlier time.

    Parameters
    ----------
    work : Path
    variant : str
    kind : str
        One of KINDS.
    images : ndarray of float32, shape (N, 3, size, size)
    n_expected : int
        For how many of them the oracle is asked.
    """
    folder = NetworkFolder(work / f"{variant}-{kind}-{len(images)}-{n_expected}", variant)
    notes = folder.path / "densities.json"
    if notes.exists():
        found = json.loads(notes.read_text(encoding="utf-8"))
        return folder, tuple(Densities(**layer) for layer in found)
    densities = make_network(folder, kind, images, n_expected)
    notes.write_text(json.dumps([asdict(layer) for layer in densities]), encoding="utf-8")
    return folder, densities


def make_network(
    folder: NetworkFolder, kind: str, images: Float32Array, n_expected: int
) -> tuple[Densities, ...]:
    """Write the weights, the ONNX model, the images and the expected results into a folder.

    Parameters
    ----------
    folder : NetworkFolder
        Is made if need be.
    kind : str
        One of KINDS.
    images : ndarray of float32, shape (N, 3, size, size)
        Are written with the one first whose densities are nearest to the mean: batch 1 runs it.
    n_expected : int
        For how many images, in that order, the expected probabilities are written.

    Returns
    -------
    tuple of Densities
        Of every fully connected layer.
    """
    variant = get_variant(folder.variant)
    weights = {name: tensor.read() for name, tensor in random_tensors(variant, SEED).items()}
    inputs = _set_biases(variant, weights, images, KINDS[kind])
    order = _most_typical_first(inputs)
    folder.path.mkdir(parents=True, exist_ok=True)
    np.save(folder.images, images[order])
    safetensors.write(folder.safetensors, variant.name, weights)
    onnx_write.write(folder.onnx, variant.name, weights)
    np.save(folder.expected, _expected(variant, weights, images[order[:n_expected]]))
    return tuple(_densities(name, x[order]) for name, x in inputs.items())


def _set_biases(
    variant: Variant, weights: dict[str, Float32Array], images: Float32Array, density: float
) -> dict[str, Float32Array]:
    """Set the biases in `weights` layer by layer; return the inputs of the fully connected layers.

    The last convolution and every fully connected layer but the last decide the inputs of the next
    one. A max pooling between them may come before bias and ReLU, as both are monotone.
    """
    layers = variant.layers
    first_linear = next(i for i, layer in enumerate(layers) if isinstance(layer, Linear))
    last_conv = max(i for i, layer in enumerate(layers[:first_linear]) if isinstance(layer, Conv))
    y, inputs = images, {}
    for layer in layers[:last_conv]:
        y = _run(layer, y, weights)
    poolings = layers[last_conv + 1 : first_linear]
    for layer in (layers[last_conv], *layers[first_linear:-1]):
        assert isinstance(layer, Conv | Linear)
        if isinstance(layer, Linear):
            y = inputs[layer.name] = y.reshape(len(y), -1)
        y = _run(replace(layer, relu=False), y, weights)
        for pooling in poolings if isinstance(layer, Conv) else ():
            y = _run(pooling, y, weights)
        if layer is layers[-2]:
            weights[f"{layer.name}.weight"] *= np.float32(LOGIT_DEVIATION / y.std())
        else:
            bias = _bias_for(y, density)
            weights[f"{layer.name}.bias"] += bias
            y = np.maximum(y + bias.reshape(1, -1, *[1] * (y.ndim - 2)), 0)
    return inputs


def _bias_for(y: Float32Array, density: float) -> Float32Array:
    """Return what added to each channel or neuron leaves this share of its values above zero."""
    values = np.moveaxis(y, 1, 0).reshape(y.shape[1], -1)
    if density == 1:
        return np.asarray(0.1 * values.std(axis=1) - values.min(axis=1), np.float32)
    return np.asarray(-np.quantile(values, 1 - density, axis=1), np.float32)


def _run(layer: Layer, x: Float32Array, weights: dict[str, Float32Array]) -> Float32Array:
    return baseline_layer(
        layer, x, weights.get(f"{layer.name}.weight"), weights.get(f"{layer.name}.bias")
    )


def _most_typical_first(inputs: dict[str, Float32Array]) -> list[int]:
    """Order the images so that the first has the densities nearest to the mean of all."""
    shares = np.stack([np.count_nonzero(x, axis=1) / x.shape[1] for x in inputs.values()])
    typical = int(np.abs(shares - shares.mean(axis=1, keepdims=True)).max(axis=0).argmin())
    return [typical, *(i for i in range(shares.shape[1]) if i != typical)]


def _densities(name: str, x: Float32Array) -> Densities:
    active = x != 0
    return Densities(
        name,
        float(active[0].mean()),
        float(active.mean()),
        float(active[:2].any(axis=0).mean()),
        float(active[:4].any(axis=0).mean()),
    )


def _expected(
    variant: Variant, weights: dict[str, Float32Array], images: Float32Array
) -> Float32Array:
    """Return the probabilities of the float64 oracle, a few images at a time."""
    parts = [
        forward(variant, weights, images[start : start + AT_A_TIME])
        for start in range(0, len(images), AT_A_TIME)
    ]
    return np.concatenate(parts).astype(np.float32)
