"""Mean images: Caffe's two shapes, both number formats, and files that are none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from synthesis.programs.caffe_files import Encoding, encode_blob
from synthesis.programs.caffe_proto import new

from alexnet_cy.errors import WeightsError
from alexnet_cy.weights.caffe import mean as binaryproto

if TYPE_CHECKING:
    from pathlib import Path

MEAN = np.random.default_rng(0).uniform(94, 131, (3, 5, 7)).astype(np.float32)


def write(directory: Path, data: bytes) -> Path:
    path = directory / "mean.binaryproto"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    "encoding",
    [
        Encoding(legacy_shapes=True),
        Encoding(),
        Encoding(numbers="double_data"),
        Encoding(pieces="unpacked", diffs=True),
    ],
)
@pytest.mark.parametrize("axes", [3, 4])
def test_both_shapes_and_all_encodings(tmp_path: Path, encoding: Encoding, axes: int) -> None:
    stored = MEAN.reshape((1, 3, 5, 7)[-axes:])
    mean = binaryproto.read(write(tmp_path, encode_blob(stored, encoding)))
    assert mean.dtype == np.float32
    np.testing.assert_array_equal(mean, MEAN)


def test_round_trip_is_exact(tmp_path: Path) -> None:
    path = tmp_path / "mean.binaryproto"
    binaryproto.write(path, np.asfortranarray(MEAN))
    np.testing.assert_array_equal(binaryproto.read(path), MEAN)
    blob = new("BlobProto").FromString(path.read_bytes())
    assert (blob.num, blob.channels, blob.height, blob.width) == (1, 3, 5, 7)
    assert blob.data == MEAN.tobytes()


@pytest.mark.parametrize("shape", [(2, 3, 5, 7), (2, 5, 7), (4, 5, 7), (105,), (1, 1, 3, 5, 7)])
def test_other_shapes_are_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    path = write(tmp_path, encode_blob(np.zeros(shape, np.float32), Encoding()))
    with pytest.raises(WeightsError, match=r"mean image: shape .* is needed"):
        binaryproto.read(path)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(tmp_path: Path, value: float) -> None:
    mean = MEAN.copy()
    mean[1, 2, 3] = value
    with pytest.raises(WeightsError, match="holds NaN or infinity"):
        binaryproto.read(write(tmp_path, encode_blob(mean, Encoding())))


def test_every_cut_is_refused(tmp_path: Path) -> None:
    data = encode_blob(MEAN, Encoding(legacy_shapes=True))
    for end in range(1, len(data)):
        with pytest.raises(WeightsError):
            binaryproto.read(write(tmp_path, data[:end]))


def test_what_cannot_be_written(tmp_path: Path) -> None:
    path = tmp_path / "mean.binaryproto"
    with pytest.raises(TypeError, match="mean must be a float32 array, got float64"):
        binaryproto.write(path, MEAN.astype(np.float64))
    with pytest.raises(TypeError, match="got list"):
        binaryproto.write(path, MEAN.tolist())
    for shape in ((5, 7), (2, 5, 7), (3, 0, 7), (1, 3, 5, 7)):
        with pytest.raises(ValueError, match=r"mean must have shape .3, H, W., got"):
            binaryproto.write(path, np.zeros(shape, np.float32))
    assert not path.exists()
