"""Whole models: their modules tell strides, paddings, pools and normalisations."""

from __future__ import annotations

import numpy as np
import pytest
from synthesis.narrow import narrow
from synthesis.networks import random_tensors
from synthesis.torch_module import as_torch_module

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
