"""Whole models: their modules tell strides, paddings, pools and normalisations."""

from __future__ import annotations

import numpy as np
import pytest
from synthesis.narrow import narrow
from synthesis.networks import random_tensors
from synthesis.programs.torch_module import as_torch_module

from alexnet_cy import AlexNet, AmbiguousVariantWarning

torch = pytest.importorskip("torch")
nn = torch.nn


def trunk(*, padding=2, pool=(3, 2), groups=1, norm=None, batch_norm=None):
    widths, layers, before = (8, 16, 12, 12, 8), [], 3
    kernels = ((11, 4, padding), (5, 1, 2), (3, 1, 1), (3, 1, 1), (3, 1, 1))
    for i, (width, (size, stride, pad)) in enumerate(zip(widths, kernels, strict=True)):
        split = groups if i in (1, 3, 4) else 1
        layers.append(nn.Conv2d(before, width, size, stride, pad, groups=split))
        layers += [nn.BatchNorm2d(width, eps=batch_norm)] if batch_norm else []
        layers.append(nn.ReLU(inplace=True))
        if i in (0, 1, 4):
            layers += [norm] if norm and i < 4 else []
            layers.append(nn.MaxPool2d(*pool))
        before = width
    return nn.Sequential(*layers)


def whole(features, inputs, *, average=False):
    middle = [nn.AdaptiveAvgPool2d((6, 6))] if average else []
    layers = [nn.Dropout(), nn.Linear(inputs, 10), nn.ReLU(), nn.Linear(10, 7)]
    return nn.Sequential(features, *middle, nn.Flatten(), nn.Sequential(*layers))


MODELS = {
    "pools of 2 x 2": lambda: whole(trunk(pool=(2, 2)), 8 * 36),
    "unpadded conv1": lambda: whole(trunk(padding=0), 8 * 36, average=True),
    "groups and normalisation": lambda: whole(
        trunk(groups=2, norm=nn.LocalResponseNorm(5, 1e-3, 0.75, 2.0)), 8 * 36
    ),
    "batch normalisation": lambda: whole(trunk(batch_norm=1e-2), 8 * 36),
}


def agree(path, model, layer, size):
    images = np.random.default_rng(3).standard_normal((2, 3, size, size), np.float32)
    net = AlexNet.load(path)
    with torch.no_grad():
        expected = model(torch.from_numpy(images)).numpy()
    found = net.forward(images, [layer])[layer]
    assert np.abs(found - expected).max() < 3e-5 * np.abs(expected).max()
    return net


@pytest.mark.parametrize("what", MODELS)
@pytest.mark.parametrize("container", [True, False])
def test_a_whole_model_is_what_its_modules_say(what, container, tmp_path):
    torch.manual_seed(0)
    model = MODELS[what]().eval()
    for module in model.modules():  # as if it had been trained
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 2)
    path = tmp_path / "model.pth"
    torch.save(model, path, _use_new_zipfile_serialization=container)
    net = agree(path, model, "fc7", 224)
    assert (net.variant.preset, net.variant.channel_order) == ("torchvision", "RGB")


def test_torchvisions_network_is_recognised(tmp_path):
    variant = narrow("torchvision")
    model = as_torch_module(torch, random_tensors(variant)).eval()
    type(model).__qualname__ = "AlexNet"
    path = tmp_path / "model.pth"
    features = nn.Sequential(model.features, model.avgpool, nn.Flatten(), model.classifier)
    torch.save(features, path)
    net = agree(path, model, "fc8", 224)
    assert net.variant.layers == variant.layers


@pytest.mark.slow
def test_torchvisions_own_class(tmp_path):
    torchvision = pytest.importorskip("torchvision")
    model = torchvision.models.AlexNet(num_classes=3)
    narrower = as_torch_module(torch, random_tensors(narrow("torchvision")))
    model.features, model.classifier = narrower.features, narrower.classifier
    path = tmp_path / "model.pth"
    torch.save({"epoch": 3, "model": model.eval()}, path)
    net = agree(path, model, "fc8", 224)
    assert net.variant.layers == narrow("torchvision").layers


def test_a_model_of_two_convolutions_and_a_mask(tmp_path):
    """Whatever its layers are called; pruned as torch does it."""
    layers = [nn.Conv2d(3, 8, 11, 4), nn.BatchNorm2d(8, eps=0.1), nn.ReLU(), nn.MaxPool2d(3, 2)]
    layers += [nn.Conv2d(8, 12, 5, groups=2), nn.Flatten(), nn.ReLU(), nn.Linear(12 * 9, 5)]
    model = nn.Sequential(*layers).eval()
    prune = pytest.importorskip("torch.nn.utils.prune")
    for number in (0, 4):
        prune.random_unstructured(layers[number], "weight", amount=0.5)
    path = tmp_path / "model.pth"
    torch.save(model, path)
    agree(path, model, "fc3", 67)


class Functional(nn.Module):
    """Its ReLUs are no modules, so that these do not tell the network."""

    def __init__(self):
        super().__init__()
        self.features = trunk(batch_norm=0.5)
        for place, layer in enumerate(self.features):
            if isinstance(layer, nn.ReLU):
                self.features[place] = nn.Identity()

    def forward(self, x):
        for layer in self.features:
            x = layer(x)
            x = x.relu() if isinstance(layer, nn.BatchNorm2d) else x
        return x


def test_epsilons_are_known_where_the_network_is_not(tmp_path):
    model = Functional().eval()
    path = tmp_path / "model.pth"
    torch.save(model, path)
    with pytest.warns(AmbiguousVariantWarning):
        AlexNet.load(path)
    with torch.no_grad():
        images = np.random.default_rng(3).standard_normal((1, 3, 224, 224), np.float32)
        expected = model(torch.from_numpy(images)).numpy()
    found = AlexNet.load(path, "torchvision").forward(images, ["pool5"])["pool5"]
    assert np.abs(found - expected).max() < 3e-5 * np.abs(expected).max()


def test_a_trunk_alone(tmp_path):
    model = trunk().eval()
    path = tmp_path / "model.pth"
    torch.save(model, path)
    agree(path, model, "pool5", 224)


@pytest.mark.parametrize(
    "change",
    [
        lambda layers: layers[1:2] + layers,  # a ReLU first
        lambda layers: [layer for layer in layers if not isinstance(layer, nn.ReLU)],
        lambda layers: [*layers[:2], nn.LeakyReLU(), *layers[2:]],
        lambda layers: [nn.Conv2d(3, 8, 11, 4, 2, padding_mode="reflect"), *layers[1:]],
        lambda layers: [nn.Conv2d(3, 8, 11, 4, 2, dilation=2), *layers[1:]],
    ],
)
def test_modules_that_do_not_tell_leave_a_state_dict(change, tmp_path):
    model = nn.Sequential(*change(list(trunk())))
    path = tmp_path / "model.pth"
    torch.save(model, path)
    with pytest.warns(AmbiguousVariantWarning):
        AlexNet.load(path)
