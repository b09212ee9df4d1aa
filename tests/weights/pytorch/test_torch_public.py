"""Networks of PyTorch that are public, as their authors arranged and saved them, beside torch."""

from __future__ import annotations

import math
from collections import OrderedDict

import numpy as np
import pytest

from alexnet_cy import AlexNet, AmbiguousVariantWarning, WeightsError
from alexnet_cy.weights import read_file

torch = pytest.importorskip("torch")
prune = pytest.importorskip("torch.nn.utils.prune")
nn = torch.nn

WIDTHS = (8, 16, 12, 12, 8)
FEATURES = WIDTHS[-1] * 36


def convolution(place, before, *, padding=2, groups=1, bias=True):
    kernel, stride, pad = ((11, 4, padding), (5, 1, 2), (3, 1, 1), (3, 1, 1), (3, 1, 1))[place]
    groups = groups if place in (1, 3, 4) else 1
    return nn.Conv2d(before, WIDTHS[place], kernel, stride, pad, groups=groups, bias=bias)


def trunk(in_channels=3, *, norm=None, lrn=False, **options):
    """The modules of five convolutions, one after the other."""
    layers, before = [], in_channels
    for place, width in enumerate(WIDTHS):
        layers.append(convolution(place, before, **options))
        layers += [norm(width)] if norm else []
        layers.append(nn.ReLU())
        layers += [nn.LocalResponseNorm(5, 1e-4, 0.75, 1.0)] if lrn and place < 2 else []
        layers += [nn.MaxPool2d(3, 2)] if place in (0, 1, 4) else []
        before = width
    return nn.Sequential(*layers)


def head(*widths, before=FEATURES):
    layers = []
    for width in widths:
        layers += [nn.Dropout(), nn.Linear(before, width), nn.ReLU()]
        before = width
    return nn.Sequential(*layers[:-1])


class Network(nn.Module):
    """Parts by any names, run in order, with the image flattened before `flat`."""

    def __init__(self, flat, **parts):
        super().__init__()
        self.flat, self.order = flat, list(parts)
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x):
        for name in self.order:
            x = getattr(self, name)(torch.flatten(x, 1) if name == self.flat else x)
        return x


def trained(model):
    torch.manual_seed(1)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d):
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 2)
        elif isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight)
            if module.bias is not None:
                nn.init.uniform_(module.bias, -0.1, 0.1)
    return model.eval()


def torchvisions(**options):
    return Network("classifier", features=trunk(**options), classifier=head(20, 16, 7))


def in_blocks(name, linear_name, *, norm, padding=2):
    """conv_block_1 ... conv_block_5 of the Vision Lab, layer1 ... layer5 of a tutorial."""
    parts, before = {}, 3
    for place, width in enumerate(WIDTHS):
        block = [convolution(place, before, padding=padding), nn.BatchNorm2d(width), nn.ReLU()]
        block += [nn.MaxPool2d(3, 2)] if place in (0, 1, 4) else []
        parts[name.format(place + 1)] = nn.Sequential(*block)
        before = width
    before = FEATURES
    for place, width in enumerate((20, 16, 7)):
        block = [nn.Linear(before, width)]
        block += [nn.BatchNorm1d(width)] if norm and place < 2 else []
        block += [nn.ReLU()] if place < 2 else []
        parts[linear_name.format(place)] = nn.Sequential(*block)
        before = width
    return Network(linear_name.format(0), **parts)


def deepcluster(model):
    """Keep Sobel's filters before the network, whose images have two channels."""
    sobel = {"sobel.0.weight": torch.ones(1, 3, 1, 1), "sobel.0.bias": torch.zeros(1)}
    sobel |= {"sobel.1.weight": torch.ones(2, 1, 3, 3), "sobel.1.bias": torch.zeros(2)}
    state = {name.replace("features.", "features.module."): v for name, v in model.items()}
    return {"epoch": 3, "arch": "alexnet", "state_dict": {**state, **sobel}}


def pruned(model):
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            prune.l1_unstructured(module, "weight", 0.3)
    return model


def weight_normed(normalise):
    def change(model):
        for module in list(model.modules()):
            if isinstance(module, nn.Conv2d | nn.Linear):
                normalise(module)
        return model

    return change


def prefixed(prefix):
    return lambda state: OrderedDict((prefix + name, value) for name, value in state.items())


def halves_of_a_head():
    """The last layer replaced by two, as tutorials of transfer learning do."""
    model = torchvisions()
    model.classifier[-1] = nn.Sequential(nn.Linear(16, 12), nn.ReLU(), nn.Linear(12, 7))
    return model


def normed_head():
    classifier = nn.Sequential(
        nn.Linear(FEATURES, 20), nn.BatchNorm1d(20), nn.ReLU(), nn.Linear(20, 7)
    )
    return Network("classifier", features=trunk(), classifier=classifier)


# How to make the network, what is done to it, what is saved, and the number of fully connected
# layers.
CASES = {
    "Lightning, as net": (torchvisions, None, prefixed("net."), 3),
    "MoCo, the query alone": (torchvisions, None, prefixed("module.encoder_q."), 3),
    "under ema": (torchvisions, None, lambda state: {"ema": state, "step": 3}, 3),
    "images' mean beside it": (
        torchvisions,
        None,
        lambda state: {**state, "normalize.mean": torch.zeros(3), "normalize.std": torch.ones(3)},
        3,
    ),
    "no biases in convolutions": (lambda: torchvisions(bias=False), None, dict, 3),
    "the head's last layer is two": (halves_of_a_head, None, dict, 4),
    "batch normalisation in the head": (normed_head, None, dict, 2),
    "pruned": (torchvisions, pruned, dict, 3),
    "weight-normed": (
        torchvisions,
        weight_normed(nn.utils.parametrizations.weight_norm),
        dict,
        3,
    ),
    "DeepCluster": (
        lambda: Network(
            "classifier",
            features=trunk(2, norm=nn.BatchNorm2d),
            classifier=nn.Sequential(*head(20, 16), nn.ReLU()),
            top_layer=nn.Linear(16, 7),
        ),
        None,
        deepcluster,
        3,
    ),
    "batch normalisation, no biases": (
        lambda: torchvisions(norm=nn.BatchNorm2d, bias=False),
        None,
        dict,
        3,
    ),
    "the Vision Lab's blocks": (
        lambda: in_blocks("conv_block_{}", "fc_block_{}", norm=True),
        None,
        dict,
        3,
    ),
}


def compare(model, path, last, *, size=224, variant=None, matching="torchvision"):
    if variant is None:
        with pytest.warns(AmbiguousVariantWarning, match=f"taken for .*'{matching}'"):
            net = AlexNet.load(path)
    else:
        net = AlexNet.load(path, variant)
    shape = (2, net.variant.in_channels, size, size)
    images = np.random.default_rng(0).standard_normal(shape, np.float32)
    with torch.no_grad():
        expected = model(torch.from_numpy(images)).numpy()
    found = net.forward(images, [last])[last]
    assert math.prod(found.shape) == math.prod(expected.shape)
    difference = np.abs(found.reshape(expected.shape) - expected).max()
    assert difference < 3e-5 * np.abs(expected).max()


@pytest.mark.parametrize("case", CASES)
def test_the_results_are_torchs(case, tmp_path):
    make, change, saved, linear_layers = CASES[case]
    model = trained(make())
    if change is not None:
        model = change(model)
    path = tmp_path / "network.pth"
    torch.save(saved(model.state_dict()), path)
    compare(model, path, f"fc{5 + linear_layers}")


def test_a_tutorials_layers_need_the_variant(tmp_path):
    """Yunjey's and others' ``layer1`` ..., conv1 unpadded: the settings of darknet."""
    model = trained(in_blocks("layer{}", "fc{}", norm=False, padding=0))
    torch.save(model.state_dict(), tmp_path / "network.pth")
    compare(model, tmp_path / "network.pth", "fc8", size=227, variant="darknet")


def test_groups_and_normalisation_in_a_sequence(tmp_path):
    """jiecaoyu's: features.0, .4, .8, .10, .12, with two groups, which only Caffe's nets have."""
    features = trunk(lrn=True, groups=2, padding=0)
    model = trained(Network("classifier", features=features, classifier=head(20, 16, 7)))
    torch.save(model.state_dict(), tmp_path / "network.pth")
    compare(model, tmp_path / "network.pth", "fc8", size=227, matching="caffe")


def test_slims_alexnet_v2(tmp_path):
    """A head of convolutions, the first of 5 x 5: 224 pixels, conv1 unpadded."""
    parts = {"fc6": nn.Conv2d(8, 20, 5), "fc7": nn.Conv2d(20, 16, 1), "fc8": nn.Conv2d(16, 7, 1)}
    relu = {"relu6": nn.ReLU(), "relu7": nn.ReLU()}
    order = {"features": trunk(padding=0)}
    for name, part in parts.items():
        order[name] = part
        order |= {k: v for k, v in relu.items() if k[-1] == name[-1]}
    model = trained(Network("", **order))
    torch.save(model.state_dict(), tmp_path / "network.pth")
    compare(model, tmp_path / "network.pth", "fc8", matching="darknet")


def test_a_network_without_its_last_layer(tmp_path):
    """classifier[:6]: as wide as torchvision's fc7, so that it is one that has been cut."""
    model = trained(torchvisions())
    model.classifier = nn.Sequential(nn.Linear(FEATURES, 20), nn.ReLU(), nn.Linear(20, 4096))
    model.classifier.append(nn.ReLU())
    torch.save(model.eval().state_dict(), tmp_path / "network.pth")
    compare(model, tmp_path / "network.pth", "fc7")


def test_a_cifar_network_needs_a_variant(tmp_path):
    """bearpaw's pools of 2 x 2 and padding of 5 are in no state dict: it warns."""
    layers = []
    for module in trunk(padding=5):
        layers.append(nn.MaxPool2d(2, 2) if isinstance(module, nn.MaxPool2d) else module)
    model = trained(
        Network("classifier", features=nn.Sequential(*layers), classifier=nn.Linear(8, 10))
    )
    path = tmp_path / "network.pth"
    torch.save(model.state_dict(), path)
    with pytest.warns(AmbiguousVariantWarning, match="strides, padding, pooling"):
        AlexNet.load(path)


def xnor():
    features = [convolution(0, 3), nn.BatchNorm2d(8), nn.ReLU()]
    for place, width in enumerate(WIDTHS[:-1], 1):
        features += [nn.BatchNorm2d(width), convolution(place, width)]
    return nn.Sequential(*features)


@pytest.mark.parametrize(
    ("saved", "message"),
    [
        (lambda: xnor().state_dict(), "'3' is a batch normalisation that is not right behind"),
        (lambda: list(torchvisions().parameters()), "no state dict: .*; found a list"),
        (lambda: (torchvisions().state_dict(), 3), "no state dict: .*; found a tuple"),
        (
            lambda: {k: torchvisions().state_dict() for k in ("params", "params_ema")},
            "several dicts of tensors, under the keys 'params', 'params_ema'",
        ),
    ],
)
def test_what_is_refused(saved, message, tmp_path):
    path = tmp_path / "network.pth"
    torch.save(saved(), path)
    with pytest.raises(WeightsError, match=message):
        read_file(path)


@pytest.mark.filterwarnings("ignore")  # torch.jit and torch.ao are on their way out
@pytest.mark.parametrize("kind", ["script", "quantised"])
def test_other_forms_of_models_are_named(kind, tmp_path):
    path = tmp_path / "network.pt"
    model = trained(torchvisions())
    if kind == "script":
        torch.jit.save(torch.jit.script(model.features), path)
        message = "a TorchScript archive"
    else:
        model = torch.ao.quantization.quantize_dynamic(model, {nn.Linear})
        torch.save(model.state_dict(), path)
        message = "convert a quantised network back to float32"
    with pytest.raises(WeightsError, match=message):
        read_file(path)
