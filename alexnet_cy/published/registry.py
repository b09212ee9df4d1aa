"""The weight files that others publish, as data: where they are, what they are, how to know them.

Nothing here is downloaded or opened; `alexnet_cy.published.download` does that.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from alexnet_cy.machine.cache_folder import expand_home

__all__ = ["PUBLISHED", "SMALLEST", "PublishedFile", "get_published", "torch_checkpoints"]

# Most bytes that a file of unknown size may turn out to have, relative to the published megabytes:
# those are rounded.
_SIZE_MARGIN = 1.5


@dataclass(frozen=True, slots=True)
class PublishedFile:
    r"""One file of weights on somebody's server.

    Attributes
    ----------
    name : str
        The name for users.
    title : str
        One line for people.
    variant : str
        The network that the weights were trained for.
    file_name : str
        Its name on the server and in the cache.
    urls : tuple of str
        Where it is, the first one first.
    size_mb : float
        In millions of bytes, as far as it is published.
    size_bytes : int or None
        Exactly, where that is known.
    hash_name : str
        "sha256", "sha1", or "git-blob": the SHA-1 over ``b"blob <size>\0"`` and the content, by
        which git names a file.
    hash_hex : str
        The hash, in hexadecimal digits.
    license : str
        As the publisher states it.
    top1, top5 : float
        Published accuracy on ImageNet's validation set, in percent, one centre crop.
    source : str
        The publisher, and where the figures above come from.
    """

    name: str
    title: str
    variant: str
    file_name: str
    urls: tuple[str, ...]
    size_mb: float
    size_bytes: int | None
    hash_name: str
    hash_hex: str
    license: str
    top1: float
    top5: float
    source: str

    @property
    def max_bytes(self) -> int:
        """The most bytes that are accepted from a server."""
        if self.size_bytes is not None:
            return self.size_bytes
        return int(self.size_mb * 1e6 * _SIZE_MARGIN)


def torch_checkpoints() -> Path:
    """Return the folder in which torch keeps what it has downloaded.

    The rule is that of torch.hub: ``$TORCH_HOME``, or ``torch`` in ``$XDG_CACHE_HOME`` or
    ``~/.cache``; in it ``hub/checkpoints``.

    Raises
    ------
    OSError
        There is no such home folder.
    """
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("TORCH_HOME", os.path.join(cache, "torch"))
    return expand_home(home, "TORCH_HOME") / "hub" / "checkpoints"


def get_published(name: str) -> PublishedFile:
    """Return the file called `name`.

    Raises
    ------
    ValueError
        There is none; the message lists the names.
    """
    try:
        return PUBLISHED[name]
    except (KeyError, TypeError):
        names = ", ".join(PUBLISHED)
        raise ValueError(f"name: need one of the published {names}, got {name!r}") from None


_ONNX_ZOO = "https://huggingface.co/onnxmodelzoo/legacy_models/resolve/main/validated/vision/"

PUBLISHED: Mapping[str, PublishedFile] = MappingProxyType(
    {
        file.name: file
        for file in (
            PublishedFile(
                name="deep-compression",
                title="BVLC AlexNet, pruned and quantised",
                variant="caffe",
                file_name="AlexNet_compressed.net",
                urls=(
                    "https://github.com/songhan/Deep-Compression-AlexNet/raw/master/"
                    "AlexNet_compressed.net",
                ),
                size_mb=8.9,
                size_bytes=None,
                hash_name="git-blob",
                hash_hex="ea0d14e98edfbcbfba995003c94d7259fa23b6cc",
                license="BSD-2-Clause",
                top1=57.074,
                top5=80.254,
                source="github.com/songhan/Deep-Compression-AlexNet: README.md, LICENSE",
            ),
            PublishedFile(
                name="caffe",
                title="BVLC AlexNet",
                variant="caffe",
                file_name="bvlc_alexnet.caffemodel",
                urls=("http://dl.caffe.berkeleyvision.org/bvlc_alexnet.caffemodel",),
                size_mb=243.9,
                size_bytes=243_862_414,
                hash_name="sha1",
                hash_hex="9116a64c0fbe4459d18f4bb6b56d647b63920377",
                license="unrestricted",
                top1=57.1,
                top5=80.2,
                source="BVLC/caffe: models/bvlc_alexnet/readme.md; size: "
                "openvinotoolkit/open_model_zoo, models/public/alexnet/model.yml",
            ),
            PublishedFile(
                name="caffenet",
                title="BVLC reference CaffeNet",
                variant="caffenet",
                file_name="bvlc_reference_caffenet.caffemodel",
                urls=("http://dl.caffe.berkeleyvision.org/bvlc_reference_caffenet.caffemodel",),
                size_mb=243.9,
                size_bytes=243_862_418,
                hash_name="sha1",
                hash_hex="4c8d77deb20ea792f84eb5e6d0a11ca0a8660a46",
                license="unrestricted",
                top1=57.4,
                top5=80.4,
                source="BVLC/caffe: models/bvlc_reference_caffenet/readme.md; size: "
                "openvinotoolkit/open_model_zoo, models/public/caffenet/model.yml",
            ),
            PublishedFile(
                name="torchvision",
                title="torchvision's AlexNet, IMAGENET1K_V1",
                variant="torchvision",
                file_name="alexnet-owt-7be5be79.pth",
                urls=("https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",),
                size_mb=244.4,
                size_bytes=244_408_911,
                hash_name="sha256",
                hash_hex="7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
                license="BSD-3-Clause",
                top1=56.522,
                top5=79.066,
                source="pytorch/vision: torchvision/models/alexnet.py, AlexNet_Weights",
            ),
            PublishedFile(
                name="bvlcalexnet-12",
                title="BVLC AlexNet from the ONNX model zoo",
                variant="caffe",
                file_name="bvlcalexnet-12.onnx",
                urls=(_ONNX_ZOO + "classification/alexnet/model/bvlcalexnet-12.onnx",),
                size_mb=243.9,
                size_bytes=243_863_787,
                hash_name="sha256",
                hash_hex="6b0da9510f27f234ee96a85dc3809dd210150fdefad87f6850f9788513216945",
                license="BSD-3-Clause",
                top1=54.80,
                top5=78.23,
                source="onnx/models: validated/vision/classification/alexnet/README.md, pointer of "
                "git-lfs; accuracy at 224 pixels",
            ),
            PublishedFile(
                name="caffenet-12",
                title="BVLC CaffeNet from the ONNX model zoo",
                variant="caffenet",
                file_name="caffenet-12.onnx",
                urls=(_ONNX_ZOO + "classification/caffenet/model/caffenet-12.onnx",),
                size_mb=243.9,
                size_bytes=243_863_798,
                hash_name="sha256",
                hash_hex="ea563e5c47d1f58e1717cf1a2d8bf288b8adc07af0ad228b622096cd243aeecb",
                license="BSD-3-Clause",
                top1=56.27,
                top5=79.52,
                source="onnx/models: validated/vision/classification/caffenet/README.md, pointer "
                "of git-lfs; size: xetdata/onnx-models; accuracy at 224 pixels",
            ),
        )
    }
)
"""The published files by name."""

SMALLEST = "deep-compression"
"""The network that is taken where none is named."""
