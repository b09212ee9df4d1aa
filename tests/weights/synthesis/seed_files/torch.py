"""The ``.pth`` files that every test of all formats reads."""

from __future__ import annotations

from collections import OrderedDict
from functools import partial
from typing import TYPE_CHECKING, Any

from synthesis.bits import to_bf16_and_back, to_f16_and_back
from synthesis.programs.torch_files import Encoding, write_torch
from synthesis.programs.torch_pickles import Storage, Tensor
from synthesis.seed_files.safetensors import data_parallel_names, features_parallel_names

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from alexnet_cy.network.variants import Variant


def training_checkpoint(state: OrderedDict) -> dict[str, Any]:
    """Put a state dict where pytorch/examples' imagenet script does."""
    accuracy = Tensor(Storage("F32", b"\0\0\x62\x42", location="cuda:0"), 0, (), ())
    steps = Tensor(Storage("I64", bytes(8)), 0, (1,), (1,))
    return {
        "epoch": 90,
        "arch": "alexnet",
        "state_dict": state,
        "best_acc1": accuracy,
        "optimizer": {
            "state": {0: {"momentum_buffer": None, "step": steps}},
            "param_groups": [{"lr": 1e-4, "nesterov": False, "params": [0, 1, 2]}],
        },
    }


ENCODINGS = {
    "torch-zip": Encoding(),
    "torch-zip-protocol4": Encoding(protocol=4, parameters=True, location="cuda:0"),
    "torch-zip-protocol5": Encoding(
        protocol=5, layout="strided", wrap=lambda state: {"model": state}
    ),
    "torch-zip-checkpoint": Encoding(
        names=features_parallel_names, wrap=training_checkpoint, layout="shared"
    ),
    "torch-zip-f16": Encoding(dtype="F16", layout="strided"),
    "torch-zip-bf16": Encoding(dtype="BF16"),
    "torch-zip-f64": Encoding(dtype="F64", layout="shared"),
    "torch-zip-ours": Encoding(protocol=3, names=dict),
    "torch-legacy": Encoding(container="legacy", names=data_parallel_names),
    "torch-legacy-protocol4": Encoding(container="legacy", protocol=4, layout="strided"),
    "torch-legacy-python2": Encoding(
        container="legacy", python2=True, rebuild="_rebuild_tensor", location="cuda:0"
    ),
    "torch-legacy-views": Encoding(
        container="legacy", wrap=training_checkpoint, parameters=True, layout="views"
    ),
}


def _write(
    encoding: Encoding, directory: Path, variant: Variant, tensors: dict[str, np.ndarray]
) -> Path:
    return write_torch(directory / "network.pth", tensors, encoding)


SEEDS = {name: partial(_write, encoding) for name, encoding in ENCODINGS.items()}
VARIANTS = {name: ("torchvision",) for name in SEEDS if name != "torch-zip-ours"}
ROUNDING = {"torch-zip-f16": to_f16_and_back, "torch-zip-bf16": to_bf16_and_back}
