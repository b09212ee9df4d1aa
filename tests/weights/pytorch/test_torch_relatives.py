"""State dicts as people save them, beside torch: wrappings, heads, parts, one channel."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import pytest

from alexnet_cy import AlexNet, AmbiguousVariantWarning

torch = pytest.importorskip("torch")
nn = torch.nn

WIDTHS = (8, 16, 12, 12, 8)


def trunk(in_channels=3, *, batch_norm=False):
    """torchvision's features, narrow."""
    layers, before = [], in_channels
    kernels = ((11, 4, 2), (5, 1, 2), (3, 1, 1), (3, 1, 1), (3, 1, 1))
    for i, (width, kernel) in enumerate(zip(WIDTHS, kernels, strict=True)):
        layers.append(nn.Conv2d(before, width, *kernel))
        layers += [nn.BatchNorm2d(width)] if batch_norm else []
        layers.append(nn.ReLU())
        layers += [nn.MaxPool2d(3, 2)] if i in (0, 1, 4) else []
        before = width
    return nn.Sequential(*layers)


def head(*widths):
    layers = []
    for before, width in zip((WIDTHS[-1] * 36, *widths), widths, strict=False):
        layers += [nn.Dropout(), nn.Linear(before, width), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def network(features, classifier, size=6):
    parts = OrderedDict(features=features, pool=nn.AdaptiveAvgPool2d(size), flat=nn.Flatten())
    parts["classifier"] = classifier
    model = nn.Sequential(parts).eval()
    for module in model.modules():  # as if it had been trained
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 2)
    return model


def renamed(change):
    return lambda state: OrderedDict((change(name), value) for name, value in state.items())


CASES = {
    "lightning": (
        lambda: network(trunk(), head(20, 16, 7)),
        lambda state: {
            "state_dict": renamed(lambda name: f"model.{name}")(state),
            "hyper_parameters": {"lr": np.float64(0.1)},
        },
        "fc8",
    ),
    "compiled": (
        lambda: network(trunk(), head(20, 16, 7)),
        renamed(lambda name: f"_orig_mod.{name}"),
        "fc8",
    ),
    "averaged": (
        lambda: network(trunk(), head(20, 16, 7)),
        lambda state: {
            "n_averaged": torch.tensor(3),
            **renamed(lambda name: f"module.{name}")(state),
        },
        "fc8",
    ),
    "one linear layer": (lambda: network(trunk(), head(7)), dict, "fc6"),
    "two linear layers": (lambda: network(trunk(), head(20, 7)), dict, "fc7"),
    "four linear layers": (lambda: network(trunk(), head(20, 16, 12, 7)), dict, "fc9"),
    "tiatoolbox": (
        lambda: network(trunk(), nn.Linear(WIDTHS[-1], 5), size=1),
        renamed(lambda name: name.replace("features.", "feat_extract.")),
        "fc6",
    ),
    "one channel": (lambda: network(trunk(1), head(20, 16, 7)), dict, "fc8"),
    "four channels": (lambda: network(trunk(4), head(20, 16, 7)), dict, "fc8"),
    "batch normalisation": (
        lambda: network(trunk(batch_norm=True), head(20, 16, 7)),
        dict,
        "fc8",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_results_are_torchs(case, tmp_path):
    torch.manual_seed(1)
    make, wrap, last = CASES[case]
    model = make()
    path = tmp_path / "network.pth"
    torch.save(wrap(model.state_dict()), path)
    with pytest.warns(AmbiguousVariantWarning, match="taken for .*'torchvision'"):
        net = AlexNet.load(path)
    shape = (2, net.variant.in_channels, 224, 224)
    images = np.random.default_rng(0).standard_normal(shape, np.float32)
    with torch.no_grad():
        expected = model(torch.from_numpy(images)).numpy()
    found = net.forward(images, [last])[last]
    assert np.abs(found - expected).max() < 3e-5 * np.abs(expected).max()


@pytest.mark.parametrize("names", ["features.{}", "{}", "net.slice1.{}"])
def test_trunks_alone_are_torchs(names, tmp_path):
    model = trunk().eval()
    path = tmp_path / "trunk.pth"
    torch.save(renamed(lambda name: names.format(name))(model.state_dict()), path)
    images = np.random.default_rng(0).standard_normal((1, 3, 100, 90), np.float32)
    with torch.no_grad():
        expected = model(torch.from_numpy(images)).numpy()
    with pytest.warns(AmbiguousVariantWarning, match="variant='torchvision' says that"):
        net = AlexNet.load(path)
    found = net.forward(images, ["pool5"])["pool5"]
    assert np.abs(found - expected).max() < 3e-5 * np.abs(expected).max()
