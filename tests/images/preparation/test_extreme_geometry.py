"""Images of one pixel, one column or 60,000 columns: right values, bounded memory."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alexnet_cy.images import PRESETS, preprocess, views

pytestmark = pytest.mark.slow

THIN = [(1, 60_000), (60_000, 1), (2, 50_000), (65_535, 3)]  # width, height


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("size", [(1, 1), (1, 2), (2, 2), *THIN])
def test_a_constant_image_stays_constant(name, size):
    image = Image.new("RGB", size, (10, 20, 30))
    rows = preprocess(image, name)
    expected = preprocess(Image.new("RGB", (256, 256), (10, 20, 30)), name)
    np.testing.assert_array_equal(rows, expected)


@pytest.mark.parametrize("resampling", ["pillow-bilinear", "opencv-bilinear"])
@pytest.mark.parametrize("size", [(1, 700), (701, 7), (3, 700), (33, 499)])
def test_crops_computed_alone_equal_crops_of_the_whole(picture, monkeypatch, resampling, size):
    preset = replace(PRESETS["torchvision-10crop"], resampling=resampling)
    whole = preprocess(picture(*size), preset)
    monkeypatch.setattr(views, "MAX_RESIZED_PIXELS", 0)
    np.testing.assert_array_equal(preprocess(picture(*size), preset), whole)


def test_the_crop_of_a_thin_image_is_from_its_middle():
    # 1 x 60,000: resized to 256 x 15,360,000, the centre crop of 224 lies within one source row.
    column = np.zeros((60_000, 1, 3), np.uint8)
    column[29_998:30_002] = 200
    rows = preprocess(column, "torchvision-10crop")
    black = preprocess(np.zeros((1, 1, 3), np.uint8), "torchvision")[0]
    bright = preprocess(np.full((1, 1, 3), 200, np.uint8), "torchvision")[0]
    for view, expected in enumerate([black, black, black, black, bright] * 2):
        np.testing.assert_array_equal(rows[view], expected)


def test_a_warp_of_a_thin_image_averages_or_samples_it():
    stripes = np.tile(np.uint8([[[0], [255]]]), (1, 30_000, 3)).reshape(1, 60_000, 3)
    one_level = 1 / 255 / 0.224
    assert np.ptp(preprocess(stripes, "torchvision-warp")[0, 1]) <= 1.01 * one_level
    assert np.ptp(preprocess(stripes, "warp")[0, 1]) > 200


MEMORY_SCRIPT = """
import io, zlib
from PIL import Image
from alexnet_cy.errors import ImageError
from alexnet_cy.images import PRESETS, preprocess

def peak_mib():  # of this process alone; getrusage would begin with the parent's peak
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024

for name in PRESETS:
    preprocess(Image.new("RGB", (8, 8)), name)
before = peak_mib()
for size in ((1, 60_000), (60_000, 1), (65_535, 256), (256, 65_535)):
    image = Image.new("RGB", size)
    for name in PRESETS:
        preprocess(image, name)
buffer = io.BytesIO()
Image.new("L", (8, 8)).save(buffer, "PNG")
for side in (9_000, 20_000, 2**31 - 1):
    bomb = bytearray(buffer.getvalue())
    bomb[16:24] = side.to_bytes(4, "big") * 2
    bomb[29:33] = zlib.crc32(bomb[12:29]).to_bytes(4, "big")
    try:
        preprocess(bytes(bomb))
    except ImageError:
        continue
    raise SystemExit(f"a bomb of {side} x {side} was decoded")
print(peak_mib() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_peak_memory_of_extreme_images_and_bombs():
    root = str(Path(views.__file__).parents[2])
    result = subprocess.run(
        [sys.executable, "-c", MEMORY_SCRIPT],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": root},
    )
    assert result.returncode == 0, result.stderr
    # Largest: 65,535 x 256 at 64 MiB, resized to as much again (64 MiB), and as an array of
    # 48 MiB, for which Pillow joins pieces of the same size.
    assert float(result.stdout) < 300
