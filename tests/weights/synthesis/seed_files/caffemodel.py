"""The ``.caffemodel`` files that every test of all formats reads."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from synthesis.bits import to_f16_and_back
from synthesis.programs.caffe_files import Encoding, write_caffemodel

from alexnet_cy.weights.caffe import write as caffemodel_write

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from alexnet_cy.network.variants import Variant

ENCODINGS = {
    "caffemodel-v1": Encoding(v1=True, legacy_shapes=True, training=True),
    "caffemodel-v1-diffs": Encoding(v1=True, legacy_shapes=True, diffs=True, shuffled=True),
    "caffemodel-layer": Encoding(training=True, names={"fc8": "fc8_flickr"}),
    "caffemodel-chunks": Encoding(pieces="chunks", transposed=True, connected=False),
    "caffemodel-unpacked": Encoding(pieces="unpacked", v1=True),
    "caffemodel-mixed": Encoding(pieces="mixed", legacy_shapes=True, settings=False),
    "caffemodel-double": Encoding(numbers="double_data", pieces="last", diffs=True),
    "caffemodel-double-unpacked": Encoding(numbers="double_data", pieces="unpacked"),
    "caffemodel-transposed": Encoding(transposed=True),
    "caffemodel-nvidia": Encoding(numbers="raw-f32"),
    "caffemodel-nvidia-f16": Encoding(numbers="raw-f16"),
}


def _write(
    encoding: Encoding, directory: Path, variant: Variant, tensors: dict[str, np.ndarray]
) -> Path:
    return write_caffemodel(directory / "network.caffemodel", variant, tensors, encoding)


def _write_ours(directory: Path, variant: Variant, tensors: dict[str, np.ndarray]) -> Path:
    path = directory / "ours.caffemodel"
    caffemodel_write.write(path, variant, tensors)
    return path


SEEDS = {name: partial(_write, encoding) for name, encoding in ENCODINGS.items()}
SEEDS["caffemodel-ours"] = _write_ours
ROUNDING = {"caffemodel-nvidia-f16": to_f16_and_back}
