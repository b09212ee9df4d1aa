"""Times a training step beside PyTorch's: forward, backward, SGD, on the same weights and images.

Each contender has a process of its own, which holds the network; they step in turn, in rounds, and
medians count. Both drop half of the inputs that the network drops in training. PyTorch runs as it
is installed: its default layout was faster here than channels_last.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from statistics import median
from time import perf_counter, sleep
from types import MappingProxyType
from typing import Any

import numpy as np

from alexnet_cy.network import VARIANTS, Softmax, Variant, get_variant
from alexnet_cy.network.random_weights import random_tensors

CONTENDERS = ("alexnet_cy", "torch")

# OpenMP's threads of the one that has just run may spin on; the other one waits that out.
PAUSE_S = 0.3

# Small, so that random weights and images do not overflow in the rounds there are.
RATE, MOMENTUM, DECAY = 1e-4, 0.9, 5e-4


def batch_of(variant: Variant, n_images: int) -> tuple[Any, Any]:
    """Draw images of deviation 1, and labels."""
    rng, size = np.random.default_rng(0), variant.input_size
    images = rng.standard_normal((n_images, 3, size, size), np.float32)
    return images, rng.integers(0, variant.num_classes, n_images)


def our_step(variant: Variant, images: Any, labels: Any, threads: int) -> Callable[[], float]:
    """Return what takes a step and returns its loss."""
    from alexnet_cy.training.step.head import default_dropout
    from alexnet_cy.training.step.network import TrainingNetwork
    from alexnet_cy.training.step.rate import Rate

    dropout = default_dropout(variant, 0.5)
    net = TrainingNetwork(variant, random_tensors(variant, 0), dropout=dropout, threads=threads)
    rates = dict.fromkeys(net.parameters, Rate(RATE, DECAY, MOMENTUM, "pytorch"))
    return lambda: net.step(images, labels, rates).loss


def torch_step(variant: Variant, images: Any, labels: Any, threads: int) -> Callable[[], float]:
    """Return what takes a step of PyTorch and returns its loss."""
    import torch
    from peers.torch_peer import build

    from alexnet_cy.training.step.head import default_dropout

    torch.set_num_threads(threads)
    module = build(variant)
    weights = {
        name: torch.from_numpy(one.read()) for name, one in random_tensors(variant, 0).items()
    }
    module.load_state_dict(weights)
    softmaxes = {layer.name for layer in variant.layers if isinstance(layer, Softmax)}
    chain = torch.nn.Sequential()
    dropout = default_dropout(variant, 0.5)
    for name, child in module.named_children():
        if name in dropout:
            chain.add_module(f"{name}_dropout", torch.nn.Dropout(dropout[name]))
        if name not in softmaxes:
            chain.add_module(name, child)
    sgd = torch.optim.SGD(chain.parameters(), RATE, momentum=MOMENTUM, weight_decay=DECAY)
    x, y = torch.from_numpy(images), torch.from_numpy(labels)

    def step() -> float:
        sgd.zero_grad()
        loss = torch.nn.functional.cross_entropy(chain(x), y)
        loss.backward()
        sgd.step()
        return float(loss.item())

    return step


def work(args: argparse.Namespace) -> int:
    """Be a contender: a step for every line of standard input."""
    variant = get_variant(args.variant)
    images, labels = batch_of(variant, args.batch)
    make = our_step if args.contender == "alexnet_cy" else torch_step
    step = make(variant, images, labels, args.threads)
    for _ in sys.stdin:
        start = perf_counter()
        loss = step()
        seconds = perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(json.dumps({"seconds": seconds, "loss": loss, "peak_bytes": peak}), flush=True)
    return 0


def compare(
    variant: str,
    batch: int,
    threads: int,
    rounds: int,
    contenders: Sequence[str] = CONTENDERS,
    pythons: Mapping[str, str] = MappingProxyType({}),
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Let the contenders step in turn.

    Parameters
    ----------
    variant : str
    batch, threads, rounds : int
    contenders : sequence of str
        Of CONTENDERS.
    pythons : mapping of str to str
        The interpreter of a contender that lives in another environment.

    Returns
    -------
    list of dict, dict of str to str
        A row for each that has taken all its steps, and why the others have not.
    """
    options = ["--variant", variant, "--batch", str(batch), "--threads", str(threads)]
    workers = {
        name: subprocess.Popen(
            [pythons.get(name, sys.executable), __file__, *options, "--contender", name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in contenders
    }
    answers: dict[str, list[dict[str, float]]] = {name: [] for name in workers}
    gaps: dict[str, str] = {}
    try:
        for _ in range(rounds + 1):  # the first step makes memory and packs weights
            for name in list(answers):
                line = _ask(workers[name])
                if line:
                    answers[name].append(json.loads(line))
                else:
                    del answers[name]
                    gaps[name] = "ended; is it installed?"
                sleep(PAUSE_S)
    finally:
        for worker in workers.values():
            worker.kill()
            with suppress(BrokenPipeError):  # it has not read all that was written
                worker.communicate()
    rows: list[dict[str, Any]] = []
    for name, found in answers.items():
        step_s = median(answer["seconds"] for answer in found[1:])
        rows.append(
            {
                "contender": name,
                "step_ms": 1000 * step_s,
                "image_ms": 1000 * step_s / batch,
                "images_per_s": batch / step_s,
                "peak_mb": found[-1]["peak_bytes"] / 1e6,
                "first_loss": found[0]["loss"],
            }
        )
    return rows, gaps


def _ask(worker: subprocess.Popen[str]) -> str:
    """Have a step taken; return the answer, or nothing if the process has ended."""
    assert worker.stdin is not None
    assert worker.stdout is not None
    try:
        worker.stdin.write("\n")
        worker.stdin.flush()
    except BrokenPipeError:
        return ""
    return worker.stdout.readline()


def row_text(row: Mapping[str, Any]) -> str:
    """Write a row for people."""
    return (
        f"{row['contender']:12} {row['step_ms']:9.1f} ms a step {row['image_ms']:7.2f} ms an "
        f"image {row['images_per_s']:7.1f} images/s {row['peak_mb']:7.0f} MB at most"
    )


def main(argv: list[str] | None = None) -> int:
    """Measure and print; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--variant", choices=list(VARIANTS), default="torchvision")
    parser.add_argument("--batch", type=int, default=32, metavar="N")
    parser.add_argument("--threads", type=int, default=2, metavar="N")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="steps that count")
    parser.add_argument("--contenders", nargs="+", choices=CONTENDERS, default=list(CONTENDERS))
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--contender", choices=CONTENDERS, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    for name in ("batch", "threads", "rounds"):
        if getattr(args, name) < 1:
            parser.error(f"--{name}: need a whole number from 1 up, got {getattr(args, name)}")
    if args.contender is not None:
        return work(args)
    rows, gaps = compare(args.variant, args.batch, args.threads, args.rounds, args.contenders)
    for name, why in gaps.items():
        print(f"{name}: {why}", file=sys.stderr)
    if args.json:
        print(json.dumps(rows, indent=2))
    else:
        print(f"{args.variant}, batch {args.batch}, {args.threads} threads, {args.rounds} rounds")
        for row in rows:
            print(row_text(row))
    return 1 if gaps else 0


if __name__ == "__main__":
    sys.exit(main())
