"""What other tools call the values inside an AlexNet, and the schemes that decide between two.

A name that means one value, whoever uses it, is always understood. A name that means different
values to different tools is refused with its candidates, unless a scheme says whose names they are.
Upper and lower case make no difference.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["ALIASES", "SCHEMES", "TWO_MEANINGS"]

_CONVOLUTIONS = range(1, 6)
_POOLED = (1, 2, 5)  # the convolutions that a pooling follows

ALIASES: Mapping[str, str] = MappingProxyType(
    {
        # Caffe's and MATLAB's layers, LPIPS' slices: the value after the ReLU.
        **{f"relu{i}": f"conv{i}" for i in _CONVOLUTIONS},
        "relu6": "fc6",
        "relu7": "fc7",
        # dnnbrain (dnnbrain/dnn/models.py) counts fully connected layers from 1.
        **{f"conv{i}_relu": f"conv{i}" for i in _CONVOLUTIONS},
        **{f"conv{i}_maxpool": f"pool{i}" for i in _POOLED},
        "fc1_relu": "fc6",
        "fc2_relu": "fc7",
        "fc3": "fc8",
        "fc6_relu": "fc6",
        "fc7_relu": "fc7",
        **{f"maxpool{i}": f"pool{i}" for i in _POOLED},
        "lrn1": "norm1",
        "lrn2": "norm2",
        # Dropout does nothing at inference: its value is what goes into it.
        "drop6": "fc6",
        "drop7": "fc7",
        "classifier.3": "fc6",
        # The parts of torchvision's network; what is called "flatten" depends on the variant.
        "features": "pool5",
        "classifier": "fc8",
        "logits": "fc8",
        "softmax": "prob",
    }
)
"""Our name for each name that means one value."""

TWO_MEANINGS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "fc1": {"fc6": "after the ReLU", "fc6_pre": "before it, as in dnnbrain"},
        "fc2": {"fc7": "after the ReLU", "fc7_pre": "before it, as in dnnbrain"},
        "dropout": {"fc6": "what drop6 passes on", "fc7": "what drop7 passes on"},
    }
)
"""For each name that means several values, our name for each of them, and who means it."""

SCHEMES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "brainscore": {
            # brain-score/vision, models/alexnet/region_layer_map/alexnet.json: features.2, .7, .7,
            # .12 of torchvision's network.
            "v1": "pool1",
            "v2": "conv3",
            "v4": "conv3",
            "it": "pool5",
        },
        "dnnbrain": {
            **{f"conv{i}": f"conv{i}_pre" for i in _CONVOLUTIONS},
            "fc1": "fc6_pre",
            "fc2": "fc7_pre",
        },
        "matlab": {
            # The network of MATLAB's alexnet has its ReLUs as layers of their own.
            **{f"conv{i}": f"conv{i}_pre" for i in _CONVOLUTIONS},
            "fc6": "fc6_pre",
            "fc7": "fc7_pre",
        },
    }
)
"""By the name of the scheme, the names that it gives a meaning of its own; all others keep theirs.
"""
