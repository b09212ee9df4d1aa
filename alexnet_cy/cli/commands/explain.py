"""`alexnet-cy explain`: how the answer for an image moves with its preprocessing."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from alexnet_cy.cli.failures import warn
from alexnet_cy.cli.network import load_network, summary_of
from alexnet_cy.cli.options import (
    Subparsers,
    add_exif_option,
    add_json_option,
    add_threads_option,
    add_weights_option,
    whole_number,
)
from alexnet_cy.cli.output import make_table, print_json, printable, stdout_console
from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.labels import Prediction, top_predictions
from alexnet_cy.network import Variant

if TYPE_CHECKING:
    from PIL import Image

    from alexnet_cy.images import Preset
    from alexnet_cy.model import AlexNet

__all__ = ["add_parser", "run"]

DESCRIPTION = """\
Classify one image with every preset, and with the mistakes that are made most: channels in the
other order, no mean, pixels of another scale, another way to resize. "moved" is how much of the
probability lies elsewhere than with the variant's own preset, from 0 to 100 %.
"""

PIXEL_MAXIMUM = 255.0


@dataclass(frozen=True, slots=True)
class Trial:
    """One way to preprocess.

    Attributes
    ----------
    title : str
        The name of a preset, or what is changed about the variant's own.
    is_preset : bool
    preset : Preset
        For the variant's input size.
    fits : bool
        Whether the pixels are what the variant's weights expect.
    """

    title: str
    is_preset: bool
    preset: Preset
    fits: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of a trial.

    Attributes
    ----------
    trial : Trial
    predictions : list of Prediction
    moved : float
        0 to 1: half the sum of the absolute differences of the probabilities from those of the
        variant's own preset (the total variation distance).
    """

    trial: Trial
    predictions: list[Prediction]
    moved: float


def add_parser(subparsers: Subparsers) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "explain", help="how preprocessing moves the answer", description=DESCRIPTION
    )
    parser.set_defaults(run=run)
    parser.add_argument("image", metavar="IMAGE")
    add_weights_option(parser)
    parser.add_argument(
        "--top", type=whole_number(1), default=3, metavar="N", help="how many classes (default: 3)"
    )
    add_exif_option(parser)
    add_threads_option(parser)
    add_json_option(parser)


def run(args: argparse.Namespace) -> int:
    """Run the command; return its exit status."""
    from alexnet_cy.images import decode

    image = decode(args.image, exif=args.exif)
    net = load_network(args)
    trials = list(_trials(net.variant))
    rows = _probabilities(net, image, trials, args.threads)
    answers = [
        # Total variation distance: 1/2 * sum over i of |p[i] - q[i]|
        Answer(
            trial,
            top_predictions(row, args.top, net.classes),
            float(np.abs(row - rows[0]).sum() / 2),
        )
        for trial, row in zip(trials, rows, strict=True)
    ]
    if args.json:
        print_json(_document(args.image, net, answers))
    else:
        _print_answers(args.image, net, answers)
        _warn_of_misfits(net.variant, trials)
    return 0


def _trials(variant: Variant) -> Iterator[Trial]:
    """Yield the presets, the variant's own first, and then changes to that one."""
    from alexnet_cy.images import PRESETS

    own = PRESETS[variant.preset].with_input_size(variant.input_size)
    for preset in [own, *(other for other in PRESETS.values() if other.name != own.name)]:
        fitted = preset.with_input_size(variant.input_size)
        yield Trial(preset.name, True, fitted, preset.suits_weights_of(own))
    for title, preset in _changes(own):
        yield Trial(title, False, preset, preset.suits_weights_of(own))


def _changes(own: Preset) -> Iterator[tuple[str, Preset]]:
    """Yield presets that differ from `own` in one thing each, and what that is."""
    order, other = ("BGR", "RGB") if own.channel_order == "BGR" else ("RGB", "BGR")
    yield f"but {other}, not {order}", replace(own, channel_order=other)  # type: ignore[arg-type]
    yield "but no mean subtracted", replace(own, mean=(0.0, 0.0, 0.0))
    if own.std != (1.0, 1.0, 1.0):
        yield "but not divided by std", replace(own, std=(1.0, 1.0, 1.0))
    if own.divisor == 1.0:
        yield "but pixels 0-1, not 0-255", replace(own, divisor=PIXEL_MAXIMUM)
    else:
        yield "but pixels 0-255, not 0-1", replace(own, divisor=1.0)
    if own.resize == "warp":
        yield "but cropped, not warped", replace(own, resize="short-side")
    else:
        yield "but warped, not cropped", replace(own, resize="warp")
    if own.resampling == "opencv-bilinear":
        yield "but resized with antialias", replace(own, resampling="pillow-bilinear")
    else:
        yield "but resized without antialias", replace(own, resampling="opencv-bilinear")


def _probabilities(
    net: AlexNet, image: Image.Image, trials: list[Trial], threads: int | None
) -> Float32Array:
    """Return (trials, classes); the views of all trials go through the network together."""
    from alexnet_cy.images import preprocess

    views = [preprocess(image, trial.preset) for trial in trials]
    probabilities = net.forward(np.concatenate(views), threads=threads)
    ends = np.cumsum([len(x) for x in views])[:-1]
    return np.stack([part.mean(axis=0) for part in np.split(probabilities, ends)])


def _warn_of_misfits(variant: Variant, trials: list[Trial]) -> None:
    """Say which presets are not for the variant, and which are."""
    presets = [trial for trial in trials if trial.is_preset]
    misfits = ", ".join(trial.title for trial in presets if not trial.fits)
    others = ", ".join(trial.title for trial in presets if trial.fits)
    warn(f"(!) not for variant {variant.name!r}: {misfits}; the presets for it are {others}")


def _document(path: str, net: AlexNet, answers: list[Answer]) -> dict[str, object]:
    return {
        "path": path,
        **summary_of(net),
        "preset": net.variant.preset,
        "trials": [
            {
                "title": answer.trial.title,
                "kind": "preset" if answer.trial.is_preset else "change",
                "fits": answer.trial.fits,
                "moved": answer.moved,
                "predictions": [prediction._asdict() for prediction in answer.predictions],
            }
            for answer in answers
        ],
    }


def _print_answers(path: str, net: AlexNet, answers: list[Answer]) -> None:
    console = stdout_console()
    variant = net.variant
    console.print(
        f"{printable(path)}; {printable(net.origin.name)}: variant {variant.name}, whose preset is "
        f"{variant.preset}",
        soft_wrap=True,
    )
    table = make_table("preprocessing", ">moved", "answer")
    for is_preset in (True, False):
        for answer in answers:
            if answer.trial.is_preset is is_preset:
                table.add_row(*_cells(answer), style=_style(answer, answers[0]))
        table.add_section()
    console.print(table)


def _cells(answer: Answer) -> tuple[str, str, str]:
    title = answer.trial.title
    if answer.trial.is_preset:
        title = f"preset {title}{'' if answer.trial.fits else ' (!)'}"
    guesses = ", ".join(f"{p.label} {100 * p.probability:.0f}%" for p in answer.predictions)
    return title, f"{100 * answer.moved:.1f} %", guesses


def _style(answer: Answer, own: Answer) -> str | None:
    """Return the colour of a row: another first answer than the right preprocessing gives."""
    return None if answer.predictions[0][:2] == own.predictions[0][:2] else "yellow"
