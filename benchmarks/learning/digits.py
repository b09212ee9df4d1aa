"""From scratch: scikit-learn's handwritten digits at 64 pixels.

    python benchmarks/learning/digits.py --init he
    python benchmarks/learning/digits.py --init paper --epochs 5

1,437 digits to learn from, 360 to measure with, of 8 x 8 pixels, enlarged; torchvision's network,
batch 32, momentum 0.9, weight decay 0.0005, dropout 0.5. The paper's first weights and PyTorch's
stand still, and a warning says so.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from time import perf_counter

import numpy as np
from sklearn.datasets import load_digits

from alexnet_cy.images.preparation import make_preparation
from alexnet_cy.images.presets import get_preset
from alexnet_cy.network import get_variant
from alexnet_cy.training import SGD, PixelSource, StepReport, Trainer, TrainingNetwork
from alexnet_cy.training.loop.initial import INITIALISATIONS, initial_weights

SIZE = 64
HELD_OUT = 360


def make_sources() -> tuple[PixelSource, PixelSource]:
    """Return the digits to learn from and those to measure with."""
    digits = load_digits()
    grey = np.minimum(digits.images * 16, 255).astype(np.uint8)
    times = SIZE // grey.shape[1]
    pixels = grey.repeat(times, axis=1).repeat(times, axis=2)[..., None].repeat(3, axis=3)
    order = np.random.default_rng(0).permutation(len(pixels))
    values = pixels[order[HELD_OUT:]] / 255
    preset = replace(
        get_preset("torchvision-warp"), mean=(values.mean(),) * 3, std=(values.std(),) * 3
    )
    preparation = make_preparation(preset, input_size=SIZE)
    learnt, measured = (
        PixelSource(pixels[rows], digits.target[rows], preparation)
        for rows in (order[HELD_OUT:], order[:HELD_OUT])
    )
    return learnt, measured


def main() -> None:
    """Train and print a row for each epoch."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--init", choices=INITIALISATIONS, default="he")
    parser.add_argument("--lr", type=float, default=0.001)
    parser.add_argument("--warmup", type=int, default=0, help="steps")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--threads", type=int)
    args = parser.parse_args()
    variant = replace(get_variant("torchvision").with_num_classes(10), input_size=SIZE)
    network = TrainingNetwork(
        variant,
        initial_weights(variant, args.init, seed=0),
        dropout={"fc6": 0.5, "fc7": 0.5},
        threads=args.threads,
    )
    trainer = Trainer(network, SGD(args.lr), batch_size=32, warmup=args.warmup)
    learnt, measured = make_sources()
    print("| epoch | loss | accuracy, % | unseen: loss | accuracy, % | seconds |", flush=True)
    print("|---|---|---|---|---|---|", flush=True)
    started = perf_counter()

    def tell(report: StepReport) -> None:
        history = trainer.progress.history
        if report.step == 1 and history:
            print_row(report.epoch - 1, history, perf_counter() - started)

    history = trainer.fit(learnt, measured, args.epochs, on_step=tell)
    print_row(args.epochs, history, perf_counter() - started)


def print_row(epoch: int, history: dict[str, list[float]], seconds: float) -> None:
    """Print the last epoch."""
    print(
        f"| {epoch} | {history['loss'][-1]:.4f} | {100 * history['accuracy'][-1]:.1f} | "
        f"{history['val_loss'][-1]:.4f} | {100 * history['val_accuracy'][-1]:.1f} | "
        f"{seconds:.0f} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
