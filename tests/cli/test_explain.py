"""`alexnet-cy explain`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alexnet_cy import AlexNet
from alexnet_cy.images import PRESETS

Run = Callable[..., Any]
WeightsOf = Callable[..., Path]


def probabilities(net: AlexNet, image: Path, preset: object) -> np.ndarray:
    x = net.preprocess(image, preset)  # type: ignore[arg-type]
    return net.forward(x).mean(axis=0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variant", "changes"),
    [
        (
            "caffe",
            {
                "but RGB, not BGR": {"channel_order": "RGB"},
                "but no mean subtracted": {"mean": (0.0, 0.0, 0.0)},
                "but pixels 0-1, not 0-255": {"divisor": 255.0},
                "but cropped, not warped": {"resize": "short-side"},
                "but resized with antialias": {"resampling": "pillow-bilinear"},
            },
        ),
        (
            "torchvision",
            {
                "but BGR, not RGB": {"channel_order": "BGR"},
                "but no mean subtracted": {"mean": (0.0, 0.0, 0.0)},
                "but not divided by std": {"std": (1.0, 1.0, 1.0)},
                "but pixels 0-255, not 0-1": {"divisor": 1.0},
                "but warped, not cropped": {"resize": "warp"},
                "but resized without antialias": {"resampling": "opencv-bilinear"},
            },
        ),
    ],
)
def test_trials(
    run: Run, weights_of: WeightsOf, photographs: Path, variant: str, changes: dict[str, Any]
) -> None:
    weights = weights_of(variant)
    image = photographs / "a.png"
    outcome = run("explain", image, "--weights", weights, "--json")
    assert (outcome.status, outcome.err) == (0, "")
    document = outcome.json
    assert (document["variant"], document["preset"]) == (variant, variant)
    presets = [trial for trial in document["trials"] if trial["kind"] == "preset"]
    assert presets[0]["title"] == variant
    assert {trial["title"] for trial in presets} == set(PRESETS)
    fitting = {trial["title"] for trial in presets if trial["fits"]}
    suiting = {p.name for p in PRESETS.values() if p.suits_weights_of(PRESETS[variant])}
    assert fitting == suiting

    net = AlexNet.load(weights)
    own = PRESETS[variant]
    expected = {name: PRESETS[name] for name in PRESETS}
    expected |= {title: replace(own, **change) for title, change in changes.items()}
    assert {trial["title"] for trial in document["trials"]} == set(expected)
    right = probabilities(net, image, own)
    for trial in document["trials"]:
        row = probabilities(net, image, expected[trial["title"]])
        assert trial["moved"] == pytest.approx(np.abs(row - right).sum() / 2, abs=1e-6)
        assert len(trial["predictions"]) == 3
        assert trial["predictions"][0]["probability"] == pytest.approx(row.max(), abs=1e-6)
    assert document["trials"][0]["moved"] == 0


def test_table_and_warning(run: Run, weights_of: WeightsOf, photographs: Path) -> None:
    weights = weights_of("caffe")
    outcome = run("explain", photographs / "b.jpg", "--weights", weights, "--top", 1)
    assert outcome.status == 0
    lines = outcome.out.splitlines()
    assert lines[0] == f"{photographs / 'b.jpg'}; {weights}: variant caffe, whose preset is caffe"
    assert lines[3].split()[:4] == ["preset", "caffe", "0.0", "%"]
    marked = [line for line in lines if "(!)" in line]
    assert [line.split()[1] for line in marked] == [
        "caffe-rgb",
        "torchvision",
        "torchvision-10crop",
        "torchvision-warp",
        "darknet",
    ]
    assert outcome.err == (
        "alexnet-cy: warning: (!) not for variant 'caffe': caffe-rgb, torchvision, "
        "torchvision-10crop, torchvision-warp, darknet; the presets for it are caffe, "
        "caffe-10crop, warp\n"
    )


def test_photograph_moves_with_its_preprocessing(
    run: Run, weights_of: WeightsOf, shared: Path
) -> None:
    document = run(
        "explain", shared / "images" / "cat.jpg", "--weights", weights_of(), "--json"
    ).json
    moved = {trial["title"]: trial["moved"] for trial in document["trials"]}
    assert moved.pop("caffe") == 0
    assert all(0 < distance <= 1 for distance in moved.values())
    assert moved["but pixels 0-1, not 0-255"] > moved["but resized with antialias"]


def test_grey_image_has_no_order_of_channels(
    run: Run, weights_of: WeightsOf, photographs: Path
) -> None:
    """Swapping equal channels changes nothing: what is swapped are pixels, not the mean."""
    document = run("explain", photographs / "b.jpg", "--weights", weights_of(), "--json").json
    moved = {trial["title"]: trial["moved"] for trial in document["trials"]}
    assert moved["but RGB, not BGR"] == 0


def test_image_that_cannot_be_read(run: Run, weights_of: WeightsOf, photographs: Path) -> None:
    outcome = run("explain", photographs / "notes.txt", "--weights", weights_of())
    assert (outcome.status, outcome.out) == (1, "")
    assert "no JPEG, PNG" in outcome.err
