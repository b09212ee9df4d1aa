"""The frameworks' modules, each with what it needs of this package; frameworks where installed."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from alexnet_cy.network import VARIANTS, AdaptiveAvgPool, MaxPool, get_variant
from alexnet_cy.oracle.baseline import baseline_layer

FOLDER = Path(__file__).parents[2] / "benchmarks"
if not FOLDER.exists():
    pytest.skip("benchmarks/ is not here", allow_module_level=True)
sys.path.append(str(FOLDER))

from peers import ncnn_peer, torch_peer  # noqa: E402
from peers.registry import PEERS, find_peer  # noqa: E402
from side_by_side import networks  # noqa: E402
from side_by_side.networks import Densities  # noqa: E402


def test_every_peer_has_a_module_with_the_three_functions():
    assert len({peer.name for peer in PEERS}) == len(PEERS)
    for peer in PEERS:
        module = peer.load_module()
        assert callable(module.version)
        assert callable(module.prepare)
        assert callable(module.load)


def test_peers_are_found_by_name():
    assert find_peer("torch-eager").framework == "torch"
    ours = find_peer("alexnet_cy@generic")
    assert (ours.isa, ours.framework) == ("generic", "alexnet_cy")
    with pytest.raises(ValueError, match=r"no peer 'tensorflow'.*openvino-fp32"):
        find_peer("tensorflow")


@pytest.fixture
def without_average(tiny):
    """The tiny network with a second max pooling in place of the average, which is no identity."""
    layers = [
        MaxPool("pool5", (2, 2)) if isinstance(layer, AdaptiveAvgPool) else layer
        for layer in tiny.layers
    ]
    return replace(tiny, layers=tuple(layers))


def arrays(variant):
    """Return random weights by name, not zero."""
    random = np.random.default_rng(1)
    shapes = variant.parameter_shapes()
    return {name: random.standard_normal(shape, np.float32) for name, shape in shapes.items()}


def run_baseline(variant, weights, x):
    inputs = {}
    for layer in variant.layers:
        inputs[layer.name] = x.reshape(len(x), -1)
        weight, bias = (weights.get(f"{layer.name}.{kind}") for kind in ("weight", "bias"))
        x = baseline_layer(layer, x, weight, bias)
    return x, inputs


def test_images_have_the_spectrum_of_photographs(tiny):
    images = networks.make_images(tiny, 3)
    assert images.shape == (networks.FEWEST_IMAGES, 3, 33, 33)
    assert images.dtype == np.float32
    np.testing.assert_allclose(images.std(axis=(1, 2, 3)), networks.IMAGE_DEVIATION, rtol=1e-3)
    power = (np.abs(np.fft.fft2(images)) ** 2).mean(axis=(0, 1))
    assert power[0, 1] / power[0, 4] == pytest.approx(16, rel=0.2)  # 1 / frequency ** 2


@pytest.mark.parametrize(("kind", "least", "most"), [("dense", 1, 1), ("published", 0.3, 0.4)])
def test_biases_decide_how_many_inputs_are_zero(without_average, kind, least, most):
    images = networks.make_images(without_average, 0)
    weights = arrays(without_average)
    inputs = networks._set_biases(without_average, weights, images, networks.KINDS[kind])
    assert list(inputs) == ["fc6", "fc8"]
    probabilities, found = run_baseline(without_average, weights, images)
    for name, x in inputs.items():
        np.testing.assert_allclose(x, found[name], rtol=1e-4, atol=1e-3)
        assert least <= np.count_nonzero(x) / x.size <= most
        if kind == "published" and name == "fc8":  # every neuron for its share of the images
            assert np.count_nonzero(x, axis=0).max() <= 0.4 * len(x)
    assert 0 < probabilities.min() < probabilities.max() < 1


def test_densities_of_images_together():
    x = np.array([[1, 0, 0, 0], [0, 2, 0, 0], [0, 2, 0, 0], [0, 0, 0, 3]], np.float32)
    assert networks._densities("fc6", x) == Densities("fc6", 0.25, 0.25, 0.5, 0.75)


def test_the_first_image_is_the_most_typical():
    x = np.array([[1, 1, 1, 1], [1, 0, 0, 0], [1, 1, 0, 0]], np.float32)
    assert networks._most_typical_first({"fc6": x}) == [2, 0, 1]


@pytest.mark.parametrize("name", list(VARIANTS))
def test_ncnn_gets_every_layer_and_weight(name):
    variant = get_variant(name)
    magic, counts, *lines = ncnn_peer._param_file(variant).splitlines()
    assert magic == "7767517"
    assert counts == f"{len(lines)} {len(lines)}"
    assert [line.split()[1] for line in lines] == [
        "data",
        *(layer.name for layer in variant.layers),
    ]
    sizes = {
        words[1]: dict(word.split("=") for word in words[6:])
        for words in (line.split() for line in lines)
    }
    for key, shape in variant.parameter_shapes().items():
        layer, kind = key.split(".")
        if kind == "weight":
            number = "6" if len(shape) == 4 else "2"
            assert int(sizes[layer][number]) == np.prod(shape)


def test_torch_computes_the_same(tiny):
    torch = pytest.importorskip("torch")
    weights = arrays(tiny)
    x = np.random.default_rng(2).standard_normal((2, 3, 33, 33), np.float32)
    module = torch_peer.build(tiny)
    module.load_state_dict({name: torch.from_numpy(w) for name, w in weights.items()})
    with torch.inference_mode():
        found = module.eval()(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(found, run_baseline(tiny, weights, x)[0], rtol=1e-3, atol=1e-6)


def test_torch_builds_uneven_padding():
    pytest.importorskip("torch")
    names = [name for name, _ in torch_peer._modules(
        get_variant("paper").layer("conv1"), 3, (3, 224, 224)
    )]  # fmt: skip
    assert names == ["conv1_pad", "conv1", "conv1_relu"]
