"""The preprocessing presets as data, each with the address of what it reproduces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from alexnet_cy.images.preset import Preset

__all__ = ["PRESETS", "get_preset"]

_CAFFE = Preset(
    name="caffe",
    title="Caffe: warp to 256 x 256, centre crop, BGR 0..255 minus the channel mean",
    resize="warp",
    resize_size=256,
    resampling="opencv-bilinear",
    crop_size=(227, 227),
    crops="centre",
    crop_rounding="floor",
    channel_order="BGR",
    divisor=1.0,
    # Channel means of ilsvrc_2012_mean.npy, which Caffe's tools distribute; blue, green, red.
    mean=(104.00698793, 116.66876762, 122.67891434),
    std=(1.0, 1.0, 1.0),
    source="BVLC/caffe: src/caffe/util/io.cpp ReadImageToCVMat (cv::resize), "
    "examples/imagenet/create_imagenet.sh (256 x 256), src/caffe/data_transformer.cpp (offset), "
    "models/bvlc_alexnet/train_val.prototxt (crop_size)",
)

_TORCHVISION = Preset(
    name="torchvision",
    title="torchvision: short side to 256, centre crop, RGB 0..1, mean and std",
    resize="short-side",
    resize_size=256,
    resampling="pillow-bilinear",
    crop_size=(224, 224),
    crops="centre",
    crop_rounding="half-even",
    channel_order="RGB",
    divisor=255.0,
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
    source="pytorch/vision: AlexNet_Weights.IMAGENET1K_V1.transforms(), that is "
    "torchvision/transforms/_presets.py ImageClassification(crop_size=224) on PIL images",
)

PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        preset.name: preset
        for preset in (
            _CAFFE,
            replace(
                _CAFFE,
                name="caffe-10crop",
                title="Caffe's ten crops of the warped 256 x 256 image",
                crops="pycaffe-10",
                source=_CAFFE.source + "; python/caffe/io.py (oversample) for the ten crops",
            ),
            replace(
                _CAFFE,
                name="caffe-rgb",
                title="Caffe's preprocessing with the channels in the order RGB",
                channel_order="RGB",
                mean=_CAFFE.mean[::-1],
                source="vlfeat/matconvnet: utils/import-caffe.py, which turns conv1 round; MATLAB",
            ),
            replace(
                _CAFFE,
                name="warp",
                title="Caffe's C++ example: warp straight to the input size, BGR minus mean",
                resize_size=None,
                source="BVLC/caffe: examples/cpp_classification/classification.cpp",
            ),
            _TORCHVISION,
            replace(
                _TORCHVISION,
                name="torchvision-10crop",
                title="torchvision's TenCrop after the short side went to 256",
                crops="torchvision-10",
                source=_TORCHVISION.source + "; transforms.TenCrop(224)",
            ),
            replace(
                _TORCHVISION,
                name="torchvision-warp",
                title="Brain-Score: warp straight to the input size, torchvision's mean and std",
                resize="warp",
                resize_size=None,
                source="brain-score: load_preprocess_images, transforms.Resize((224, 224)) on "
                "PIL images, then torchvision's normalisation",
            ),
            replace(
                _TORCHVISION,
                name="darknet",
                title="Darknet: short side to 227, centre crop, RGB 0..1 as they are",
                resize_size=227,
                resampling="opencv-bilinear",
                crop_size=(227, 227),
                crop_rounding="floor",
                mean=(0.0, 0.0, 0.0),
                std=(1.0, 1.0, 1.0),
                source="pjreddie/darknet: examples/classifier.c (resize_min, crop_image), "
                "src/image.c (load_image: values / 255)",
            ),
        )
    }
)
"""The presets by name; immutable."""


def get_preset(preset: str | Preset) -> Preset:
    """Look a preset up.

    Parameters
    ----------
    preset : str or Preset
        A key of `PRESETS`, or a preset, which is returned as it is.

    Returns
    -------
    Preset

    Raises
    ------
    ValueError
        An unknown name; the message lists the valid ones.
    TypeError
        Neither a str nor a Preset.
    """
    if isinstance(preset, Preset):
        return preset
    if not isinstance(preset, str):
        raise TypeError(f"preset: expected a name or a Preset, got {type(preset).__name__}")
    if preset not in PRESETS:
        raise ValueError(f"preset: unknown name {preset!r}; expected one of {', '.join(PRESETS)}")
    return PRESETS[preset]
