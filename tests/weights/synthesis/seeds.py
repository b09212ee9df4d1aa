"""One writer for every format and encoding that the package reads.

`SEEDS` is what the tests and the fuzzing script loop over. A format adds its encodings in a file of
its own, ``seed_<format>.py`` beside this one, with a dict

    SEEDS: dict[str, Writer] = {"npy-lists": write_lists, "npy-dicts": write_dicts}

whose keys begin with the name of the format as `NetworkFile.format` has it, a hyphen and the
encoding. A writer gets a directory, the variant (full size, or one of `networks.TINY`) and its
tensors by canonical name (float32); it writes one file into the directory and returns its path.
The file must hold these tensors exactly: reading it gives the same bits. An encoding that
can only hold some variants names them in an optional dict ``VARIANTS`` of the same file,

    VARIANTS: dict[str, tuple[str, ...]] = {"torch-pth-zip": ("torchvision",)}

and one that cannot hold any float32 exactly (16-bit, codebooks) says in ``ROUNDING`` what it does
to the tensors before it writes them, so that the comparison stays exact:

    ROUNDING: dict[str, Callable[[np.ndarray], np.ndarray]] = {"safetensors-f16": to_f16_and_back}
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    import numpy as np

    from alexnet_cy.network.variants import Variant

    Writer: TypeAlias = Callable[[Path, Variant, dict[str, np.ndarray]], Path]

ALL_VARIANTS = ("caffe", "caffenet", "ungrouped", "torchvision")


def _modules() -> list[ModuleType]:
    names = sorted(path.stem for path in Path(__file__).parent.glob("seed_files/*.py"))
    return [importlib.import_module(f"synthesis.seed_files.{name}") for name in names]


SEEDS: dict[str, Writer] = {}
VARIANTS: dict[str, tuple[str, ...]] = {}
ROUNDING: dict[str, Callable[[np.ndarray], np.ndarray]] = {}
for _module in _modules():
    repeated = SEEDS.keys() & _module.SEEDS.keys()
    if repeated:
        raise ValueError(f"{_module.__name__}: {sorted(repeated)} are registered already")
    SEEDS.update(_module.SEEDS)
    VARIANTS.update(getattr(_module, "VARIANTS", {}))
    ROUNDING.update(getattr(_module, "ROUNDING", {}))
VARIANTS.update({name: ALL_VARIANTS for name in SEEDS if name not in VARIANTS})


def rounded(encoding: str, tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the tensors as a file of this encoding holds them."""
    rounding = ROUNDING.get(encoding)
    return tensors if rounding is None else {k: rounding(v) for k, v in tensors.items()}
