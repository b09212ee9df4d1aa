"""The bars of the emoji benchmark, where its images and weights are."""

import importlib.util
import os
from pathlib import Path

import pytest

from alexnet_cy import AlexNet

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "learning" / "emoji.py"
IMAGES, WEIGHTS = (os.environ.get(f"ALEXNET_CY_{name}") for name in ("EMOJI", "TRUNK"))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (IMAGES and WEIGHTS and SCRIPT.exists()),
        reason="ALEXNET_CY_EMOJI and ALEXNET_CY_TRUNK point to no images and weights",
    ),
]


@pytest.mark.parametrize(("name", "least"), [("M9", 0.73), ("S28", 0.68), ("X9", 0.56)])
@pytest.mark.filterwarnings("ignore:val_folder")  # vendors draw some emoji alike
def test_the_bars_are_reached(name, least):
    spec = importlib.util.spec_from_file_location("emoji_benchmark", SCRIPT)
    emoji = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(emoji)
    [task] = [task for task in emoji.TASKS if task.name == name]
    with emoji.folders(Path(IMAGES), task) as (learnt, measured):
        net = AlexNet.load(WEIGHTS)
        result = net.finetune(learnt, val_folder=measured, preset="torchvision-warp")
    assert result.accuracy >= least
