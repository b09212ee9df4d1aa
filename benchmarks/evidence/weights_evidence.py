"""Show that a network gives the same numbers from every weight file, and those of its peers.

    python benchmarks/evidence/weights_evidence.py   all that follows, for all encodings
    python benchmarks/evidence/weights_evidence.py --only formats --encoding caffemodel

writes random networks of full size (61 to 62 million weights) in every format and encoding that the
tests can write, and prints a table for each question:

formats    are weights and outputs the same bits whatever file the network comes from?
torch      torchvision's AlexNet: our logits and torch's, of images of three sizes
opencv     .caffemodel: our values and those of OpenCV 4, which reads the same file
onnx       .onnx: our values and those of ONNX Runtime, which runs the same file

A difference is the largest one, divided by the largest value of the peer's. The exit status is 1 if
a bit differs or a difference is above 1e-4.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "weights"))

from synthesis.networks import random_tensors
from synthesis.programs.caffe_files import Encoding, prototxt, write_caffemodel
from synthesis.programs.onnx_files import write_onnx
from synthesis.programs.torch_module import as_torch_module
from synthesis.seed_files.onnx import ENCODINGS as ONNX_ENCODINGS
from synthesis.seeds import SEEDS, VARIANTS, rounded

from alexnet_cy import AlexNet
from alexnet_cy.network import get_variant
from alexnet_cy.weights import open_network

LIMIT = 1e-4
NETWORKS = ("caffe", "torchvision")

Row = tuple[str, ...]


def print_table(title: str, head: Row, rows: Iterator[tuple[Row, bool]]) -> bool:
    """Print rows as they come, in Markdown; return whether all were sound."""
    print(f"\n### {title}\n\n| {' | '.join(head)} |\n|{'---|' * len(head)}", flush=True)
    all_sound = True
    for row, is_sound in rows:
        all_sound &= is_sound
        print(f"| {' | '.join(row)} |{'' if is_sound else '  <-- differs'}", flush=True)
    return all_sound


def random_images(height: int, width: int) -> np.ndarray:
    """Two images with the range of preprocessed photographs."""
    generator = np.random.default_rng(7)
    return generator.uniform(-120, 130, (2, 3, height, width)).astype(np.float32)


def compare(ours: np.ndarray, theirs: np.ndarray) -> tuple[str, bool]:
    """Return max |ours - theirs| / max |theirs|, and whether it is small enough."""
    difference = float(np.abs(ours - theirs.reshape(ours.shape)).max() / np.abs(theirs).max())
    return f"{difference:.1e}", difference <= LIMIT


# ---------------------------------------------------------------------------------------- formats


def compare_formats(
    directory: Path, networks: Sequence[str], prefix: str
) -> Iterator[tuple[Row, bool]]:
    """Write and load every encoding of some networks."""
    for name in networks:
        tensors = random_tensors(name)
        images = random_images(*[get_variant(name).input_size] * 2)
        exact = AlexNet(name, tensors).forward(images)
        for encoding in SEEDS:
            if encoding.startswith(prefix) and name in VARIANTS[encoding]:
                yield _compare_encoding(directory, encoding, name, tensors, images, exact)


def _compare_encoding(
    directory: Path,
    encoding: str,
    name: str,
    tensors: dict[str, np.ndarray],
    images: np.ndarray,
    exact: np.ndarray,
) -> tuple[Row, bool]:
    path = SEEDS[encoding](directory, get_variant(name), tensors)
    expected = rounded(encoding, tensors)
    opened = open_network(path)
    same_weights = all(
        opened.tensors[key].read().tobytes() == value.tobytes() for key, value in expected.items()
    )
    start = time.perf_counter()
    net = AlexNet.load(path)
    outputs = net.forward(images)
    seconds = time.perf_counter() - start
    is_lossless = expected is tensors
    wanted = exact if is_lossless else AlexNet(name, expected).forward(images)
    same_outputs = outputs.tobytes() == wanted.tobytes()
    size_mb = path.stat().st_size / 1e6
    path.unlink()
    row = (
        encoding,
        name,
        net.variant.name,
        f"{size_mb:.1f}",
        "" if is_lossless else "rounded",
        "same" if same_weights else "differ",
        "same" if same_outputs else "differ",
        f"{seconds:.2f}",
    )
    return row, same_weights and same_outputs and net.variant.name == name


# ------------------------------------------------------------------------------------------- peers


def compare_with_torch(directory: Path) -> Iterator[tuple[Row, bool]]:
    """Run torchvision's network here and in torch."""
    import torch

    tensors = random_tensors("torchvision")
    module = as_torch_module(torch, tensors).eval()
    path = directory / "alexnet.pth"
    torch.save(module.state_dict(), path)
    opened = open_network(path)
    nets = {
        "default": AlexNet.load(path),
        "exact": AlexNet(opened.variant, opened.tensors, exact=True),
    }
    for height, width in ((224, 224), (256, 320), (63, 63)):
        images = random_images(height, width)
        with torch.no_grad():
            theirs = module(torch.from_numpy(images)).numpy()
        for how, net in nets.items():
            difference, is_small = compare(net.forward(images, ["fc8"])["fc8"], theirs)
            yield (f"{height} x {width}", how, difference), is_small


def compare_with_opencv(directory: Path) -> Iterator[tuple[Row, bool]]:
    """Run AlexNet and CaffeNet of the same weights here and in OpenCV."""
    import cv2

    images = random_images(227, 227)
    layers = ["pool5", "fc8"]
    tensors = random_tensors("caffe")
    logits = {}
    for name in ("caffe", "caffenet"):
        variant = get_variant(name)
        for what, encoding in (
            ("layers, legacy shapes", Encoding(v1=True, legacy_shapes=True)),
            ("layer, N-D shapes", Encoding()),
        ):
            path = write_caffemodel(directory / "net.caffemodel", variant, tensors, encoding)
            text = directory / "net.prototxt"
            text.write_text(prototxt(variant, tensors, 227))
            opencv = cv2.dnn.readNetFromCaffe(str(text), str(path))
            opencv.setInput(images)
            theirs = dict(zip(layers, opencv.forward(layers), strict=True))
            net = AlexNet.load(path)
            ours = net.forward(images, layers)
            found = [compare(ours[layer], theirs[layer]) for layer in layers]
            is_sound = all(small for _, small in found) and net.variant.name == name
            yield (name, what, net.variant.name, *(text for text, _ in found)), is_sound
            logits[name] = ours["fc8"]
    apart, is_near = compare(logits["caffe"], logits["caffenet"])
    yield ("caffe", "against our caffenet", "", "", apart), not is_near


def compare_with_onnxruntime(directory: Path) -> Iterator[tuple[Row, bool]]:
    """Run ONNX models here and in ONNX Runtime."""
    for name, encoding, size in (
        ("caffe", "onnx-zoo12", 224),
        ("caffenet", "onnx-zoo12", 224),
        ("caffe", "onnx-matmul", 224),
        ("caffe", "onnx-matmul", 227),
        ("caffe", "onnx-ours", 227),
        ("caffenet", "onnx-ours", 227),
        ("torchvision", "onnx-torch", 224),
        ("torchvision", "onnx-ours", 224),
    ):
        variant = get_variant(name)
        tensors = random_tensors(name)
        if encoding in ONNX_ENCODINGS:
            path = write_onnx(directory / "net.onnx", variant, tensors, ONNX_ENCODINGS[encoding])
        else:
            path = SEEDS[encoding](directory, variant, tensors)
        images = random_images(size, size)
        net = AlexNet.load(path)
        ours = net.forward(images, ["fc8"])["fc8"]
        theirs = np.concatenate([_onnx_logits(path, image[np.newaxis]) for image in images])
        difference, is_small = compare(ours, theirs)
        is_sound = is_small and net.variant.name == name
        yield (name, encoding, str(size), net.variant.name, difference), is_sound


def _onnx_logits(path: Path, images: np.ndarray) -> np.ndarray:
    """Return what goes into the softmax, or the output where there is none."""
    import onnx
    import onnxruntime

    model: Any = onnx.load(path)
    softmax = [node for node in model.graph.node if node.op_type == "Softmax"]
    wanted = softmax[0].input[0] if softmax else model.graph.output[0].name
    if softmax:
        model.graph.output.append(onnx.ValueInfoProto(name=wanted))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # it warns that weights listed as inputs cannot be folded
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    (logits,) = session.run([wanted], {session.get_inputs()[0].name: images})
    return logits


Question = tuple[str, Row, Callable[[Path], Iterator[tuple[Row, bool]]]]


def questions(networks: Sequence[str] = NETWORKS, prefix: str = "") -> dict[str, Question]:
    """Return title, head and rows of every table."""
    return {
        "formats": (
            "One network, every file",
            ("encoding", "network", "told", "MB", "numbers", "weights", "outputs", "load + run, s"),
            lambda directory: compare_formats(directory, networks, prefix),
        ),
        "torch": ("Beside torch", ("image", "ours", "difference"), compare_with_torch),
        "opencv": (
            "Beside OpenCV",
            ("network", "file", "told", "pool5", "fc8"),
            compare_with_opencv,
        ),
        "onnx": (
            "Beside ONNX Runtime",
            ("network", "encoding", "image", "told", "fc8"),
            compare_with_onnxruntime,
        ),
    }


def main() -> int:
    """Run the script."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", choices=questions(), help="one table (all)")
    parser.add_argument("--network", choices=NETWORKS, help="formats: one network (both)")
    parser.add_argument("--encoding", default="", help="formats: whose name begins so (all)")
    options = parser.parse_args()
    networks = (options.network,) if options.network else NETWORKS
    all_sound = True
    for name, (title, head, rows) in questions(networks, options.encoding).items():
        if options.only in (None, name):
            with tempfile.TemporaryDirectory() as directory:
                all_sound &= print_table(title, head, rows(Path(directory)))
    return 0 if all_sound else 1


if __name__ == "__main__":
    sys.exit(main())
