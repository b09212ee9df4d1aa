"""Layers named by their order: five convolutions that fit one another, then the fully connected.

People call the layers of an AlexNet anything. That one convolution takes as many channels as the
one before gives, once or in two groups, tells them from any other five.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from alexnet_cy.errors import WeightsError
from alexnet_cy.weights.naming.modules import Module, in_natural_order, modules_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

__all__ = ["names_by_order", "refuse_several"]

_CONVOLUTIONS = 5
_MAX_GROUPS = 2
_MAX_LINEAR_LAYERS = 16
_FIRST_LINEAR = 6  # fc6

_NORM_KINDS = {
    "weight": "norm_weight",
    "bias": "norm_bias",
    "running_mean": "running_mean",
    "running_var": "running_var",
}


def names_by_order(stored: Mapping[str, tuple[int, ...]]) -> dict[str, str] | None:
    """Name the tensors of a file by the order of the layers.

    Parameters
    ----------
    stored : mapping of str to tuple of int
        The shape of each tensor by its name, in the order of the file.

    Returns
    -------
    dict of str to str, or None
        The canonical name of each stored name, ``conv1.running_mean`` and ``conv1.norm_weight``
        among them where a batch normalisation stands behind conv1; weights of LPIPS and Sobel's
        filters, which stand beside the network, are left out. None if the tensors are no AlexNet's.

    Raises
    ------
    WeightsError
        They are, but with a batch normalisation that is not right behind a layer; or they are
        several.
    """
    modules = modules_of(stored)
    if modules is None:
        return None
    modules = [module for module in modules if not _is_beside(module)]
    misplaced: WeightsError | None = None
    for ordered in (modules, in_natural_order(modules)):
        layers = [module for module in ordered if not _is_norm(module)]
        roles = _roles(layers)
        if roles is not None:
            try:
                return _names(ordered, roles)
            except WeightsError as error:
                misplaced = misplaced or error
    if misplaced is not None:
        raise misplaced
    _refuse_two(modules)
    return None


def _refuse_two(modules: Sequence[Module]) -> None:
    """Refuse two networks side by side, such as the halves of contrastive multiview coding."""
    groups: dict[str, list[Module]] = {}
    for module in modules:
        if not _is_norm(module):
            groups.setdefault(module.path.partition(".")[0], []).append(module)
    refuse_several([f"{name}." for name, layers in groups.items() if _roles(layers) is not None])


def refuse_several(prefixes: Collection[str]) -> None:
    """Refuse networks under several prefixes; WeightsError if there is more than one."""
    if len(prefixes) > 1:
        found = ", ".join(f"{prefix[:80]!r}" for prefix in prefixes)
        raise WeightsError(
            f"there is a network under each of the prefixes {found}; save the tensors of one alone"
        )


def _roles(layers: Sequence[Module]) -> dict[str, str] | None:
    """Return the canonical name of each layer by its path; None if they do not make a chain."""
    convolutions, others = layers[:_CONVOLUTIONS], layers[_CONVOLUTIONS:]
    if len(convolutions) < _CONVOLUTIONS or len(others) > _MAX_LINEAR_LAYERS:
        return None
    channels = 0
    for module in convolutions:
        if len(module.shape) != 4 or min(module.shape) < 1:
            return None
        if channels and not _takes(module.shape[1], channels):
            return None
        channels = module.shape[0]
    first = True
    for module in others:
        if len(module.shape) not in (2, 4) or min(module.shape) < 1:
            return None
        in_features = module.shape[1]
        # The first one reads an image of so many channels.
        is_next = in_features % channels == 0 if first else in_features == channels
        if not is_next:
            return None
        channels, first = module.shape[0], False
    names = [f"conv{i + 1}" for i in range(_CONVOLUTIONS)]
    names += [f"fc{_FIRST_LINEAR + i}" for i in range(len(others))]
    return {module.path: name for module, name in zip(layers, names, strict=True)}


def _takes(in_channels: int, channels: int) -> bool:
    return channels % in_channels == 0 and channels // in_channels <= _MAX_GROUPS


def _names(modules: Sequence[Module], roles: Mapping[str, str]) -> dict[str, str]:
    """Name the tensors of layers, and of the batch normalisation behind each."""
    names: dict[str, str] = {}
    before: Module | None = None  # the layer that a batch normalisation would belong to
    for module in modules:
        if not _is_norm(module):
            names |= {name: f"{roles[module.path]}.{kind}" for kind, name in module.names.items()}
            before = module
            continue
        if before is None or not _follows(module, before):
            raise WeightsError(
                f"{module.path!r} is a batch normalisation that is not right behind a convolution "
                "or fully connected layer, with its ReLU behind it: it cannot be folded into one"
            )
        layer = roles[before.path]
        names |= {name: f"{layer}.{_NORM_KINDS[kind]}" for kind, name in module.names.items()}
        before = None
    return names


def _follows(norm: Module, layer: Module) -> bool:
    """Tell whether a batch normalisation is right behind a layer, as far as the names say."""
    if norm.channels != layer.shape[0] or not norm.names.keys() <= _NORM_KINDS.keys():
        return False
    parent, _, number = layer.path.rpartition(".")
    norm_parent, _, norm_number = norm.path.rpartition(".")
    if parent == norm_parent and number.isdecimal() and norm_number.isdecimal():
        return int(norm_number[:9]) == int(number[:9]) + 1
    return True


def _is_norm(module: Module) -> bool:
    return "running_mean" in module.names


def _is_beside(module: Module) -> bool:
    """Find what is no layer of the network itself.

    LPIPS has a 1 x 1 convolution to one channel for each tap. DeepCluster computes two channels
    from an image by Sobel's filters, and its network reads these.
    """
    path = module.path.lower()
    is_tap = "lin" in path and len(module.shape) == 4 and module.shape[0] == 1 == module.shape[-1]
    return is_tap or path.split(".")[0] == "sobel"
