"""Images a second from files to features, beside PyTorch with a DataLoader, decoding included.

Makes a folder of JPEGs from photographs, each distorted in its own way, and times what a user does
with it, in turns::

    python bench_features.py make PHOTOGRAPHS FOLDER 20000
    python bench_features.py time FOLDER --images 1500 --threads 2

`time` prints images a second of `AlexNet.write_features` and of PyTorch, what decoding alone and
the network alone would give, and the peak memory of each, in a process of its own. One way alone,
such as `ours` or `pytorch`, prints JSON, and for `ours` how memory went over the run::

    python bench_features.py ours FOLDER 20000 2
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

VARIANT, LAYER, BATCH = "torchvision", "fc7", 64
TENTHS = 10


def make(photographs: Path, folder: Path, count: int) -> None:
    """Write `count` JPEGs of 480 x 360 pixels: a crop, turned, brighter or darker.

    Each has random numbers of its own, and one that is there is left alone: what was cut off goes
    on.
    """
    from PIL import Image, ImageEnhance

    folder.mkdir(parents=True, exist_ok=True)
    originals = [Image.open(path).convert("RGB") for path in sorted(photographs.glob("*.jpg"))]
    for i in range(count):
        path = folder / f"{i:05}.jpg"
        if path.exists():
            continue
        rng = np.random.default_rng(i)
        image = originals[i % len(originals)].rotate(rng.uniform(-15, 15))
        width, height = image.size
        share = rng.uniform(0.5, 0.9)
        left, top = rng.uniform(0, 1 - share, 2)
        box = (left * width, top * height, (left + share) * width, (top + share) * height)
        image = image.resize((480, 360), Image.Resampling.BILINEAR, box=box)
        image = ImageEnhance.Brightness(image).enhance(rng.uniform(0.6, 1.4))
        partial = folder / "partial"
        image.save(partial, "JPEG", quality=int(rng.integers(75, 95)))
        partial.rename(path)


def ours(paths: list[str], threads: int) -> None:
    """Write features as a user does."""
    from alexnet_cy import AlexNet

    net = AlexNet.random(VARIANT)
    net.features(paths[:BATCH], LAYER, threads=threads)  # packs the weights
    memory_mb: list[float] = []

    def remember(done: int, total: int) -> None:
        if done * TENTHS >= (len(memory_mb) + 1) * total:
            memory_mb.append(resident_mb())

    with tempfile.TemporaryDirectory() as folder:
        began = perf_counter()
        net.write_features(paths, Path(folder) / "x.npy", LAYER, threads=threads, progress=remember)
        report(len(paths), perf_counter() - began, memory_mb)


def resident_mb() -> float:
    """Return the memory of this process that is in use now, not the peak."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def decoding(paths: list[str], threads: int) -> None:
    """Decode and prepare, and do nothing with it."""
    from alexnet_cy import AlexNet
    from alexnet_cy.images.batches import read_batches

    preparation = AlexNet.random(VARIANT).preparation()
    began = perf_counter()
    for _ in read_batches(paths, preparation, threads=threads):
        pass
    report(len(paths), perf_counter() - began)


def network(paths: list[str], threads: int) -> None:
    """Run the network over images that are prepared already."""
    from alexnet_cy import AlexNet
    from alexnet_cy.images import prepare

    net = AlexNet.random(VARIANT)
    x = prepare(paths[:BATCH], VARIANT)
    for _ in range(2):
        net.forward(x, [LAYER], threads=threads)
    began = perf_counter()
    n_batches = len(paths) // BATCH
    for _ in range(n_batches):
        net.forward(x, [LAYER], threads=threads)
    report(n_batches * BATCH, perf_counter() - began)


def pytorch(paths: list[str], threads: int) -> None:
    """Do the same by PyTorch, a DataLoader and a model cut at fc7.

    As people tune it for a processor: `threads` workers decode while as many threads compute. The
    network and the transforms are torchvision's, written out: Resize(256), CenterCrop(224),
    ToTensor, Normalize on PIL images.
    """
    import torch
    from PIL import Image
    from torch import nn

    torch.set_num_threads(threads)
    mean = torch.tensor((0.485, 0.456, 0.406)).view(3, 1, 1)
    std = torch.tensor((0.229, 0.224, 0.225)).view(3, 1, 1)

    class Files(torch.utils.data.Dataset):  # type: ignore[misc]
        def __len__(self) -> int:
            return len(paths)

        def __getitem__(self, i: int) -> object:
            with Image.open(paths[i]) as image:
                width, height = image.size
                short = min(width, height)
                size = 256 * width // short, 256 * height // short
                small = image.convert("RGB").resize(size, Image.Resampling.BILINEAR)
            left, top = round((size[0] - 224) / 2), round((size[1] - 224) / 2)
            pixels = np.array(small.crop((left, top, left + 224, top + 224)))
            x = torch.from_numpy(pixels).permute(2, 0, 1).contiguous().float().div(255)
            return x.sub_(mean).div_(std)

    layers: list[nn.Module] = []
    for c, k, size, stride, padding, pool in (
        (3, 64, 11, 4, 2, True), (64, 192, 5, 1, 2, True), (192, 384, 3, 1, 1, False),
        (384, 256, 3, 1, 1, False), (256, 256, 3, 1, 1, True),
    ):  # fmt: skip
        layers += [nn.Conv2d(c, k, size, stride, padding), nn.ReLU(inplace=True)]
        layers += [nn.MaxPool2d(3, 2)] if pool else []
    layers += [nn.AdaptiveAvgPool2d(6), nn.Flatten()]
    layers += [nn.Linear(9216, 4096), nn.ReLU(inplace=True), nn.Linear(4096, 4096), nn.ReLU()]
    model = nn.Sequential(*layers).eval()
    with torch.inference_mode(), tempfile.TemporaryDirectory() as folder:
        for _ in range(2):
            model(torch.zeros(BATCH, 3, 224, 224))
        began = perf_counter()
        loader = torch.utils.data.DataLoader(Files(), BATCH, num_workers=threads)
        rows = np.concatenate([model(batch).numpy() for batch in loader])
        np.save(Path(folder) / "x.npy", rows)
        report(len(paths), perf_counter() - began)


def report(count: int, seconds: float, memory_mb: Sequence[float] = ()) -> None:
    """Print images a second and the peak of memory, this process's and its children's.

    `memory_mb` is this process's memory after each tenth of the images.
    """
    import resource

    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    found = {"rate": count / seconds, "peak_mb": own / 1024, "child_mb": children / 1024}
    print(json.dumps({**found, "tenths_mb": [round(mb) for mb in memory_mb]}))


def compare(folder: Path, count: int, threads: int, rounds: int) -> None:
    """Time each way in turns and print the median."""
    paths = sorted(map(str, folder.glob("*.jpg")))[:count]
    found: dict[str, list[dict[str, Any]]] = {}
    for i in range(rounds):
        ways = ["ours", "pytorch", "decoding", "network"]
        for way in ways if i % 2 == 0 else ways[::-1]:
            command = [sys.executable, __file__, way, str(folder), str(len(paths)), str(threads)]
            line = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            found.setdefault(way, []).append(json.loads(line))
    for way, runs in found.items():
        rate = float(np.median([run["rate"] for run in runs]))
        peak = max(run["peak_mb"] for run in runs)
        print(f"{way:9} {rate:7.1f} images/s  peak {peak:6.0f} MB  of {len(runs)} runs")
        if runs[-1]["tenths_mb"]:
            print(f"{'':9} MB after each tenth: {' '.join(map(str, runs[-1]['tenths_mb']))}")


def main() -> None:
    """Run what the first argument names."""
    way, *rest = sys.argv[1:]
    if way == "make":
        make(Path(rest[0]), Path(rest[1]), int(rest[2]))
    elif way == "time":
        parser = argparse.ArgumentParser()
        parser.add_argument("folder", type=Path)
        parser.add_argument("--images", type=int, default=1500)
        parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
        parser.add_argument("--rounds", type=int, default=3)
        args = parser.parse_args(rest)
        compare(args.folder, args.images, args.threads, args.rounds)
    else:
        paths = sorted(map(str, Path(rest[0]).glob("*.jpg")))[: int(rest[1])]
        {"ours": ours, "pytorch": pytorch, "decoding": decoding, "network": network}[way](
            paths, int(rest[2])
        )


if __name__ == "__main__":
    main()
