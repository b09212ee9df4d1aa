"""`alexnet-cy finetune`: teach a network the classes of a folder of photographs."""

from __future__ import annotations

import argparse
from math import isnan
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from alexnet_cy.cli.checkpoints import add_resume_options, refuse_kept_training
from alexnet_cy.cli.commands.evaluate import add_confusion_option
from alexnet_cy.cli.evaluations import evaluation_entries, print_evaluation
from alexnet_cy.cli.failures import UsageError, note, warn
from alexnet_cy.cli.images import Failure, chosen_preparation, report_skipped
from alexnet_cy.cli.network import load_network
from alexnet_cy.cli.options import (
    Subparsers,
    add_image_options,
    add_json_option,
    add_threads_option,
    add_weights_option,
    argument,
    whole_number,
)
from alexnet_cy.cli.output import print_json, printable, stdout_console
from alexnet_cy.cli.overwriting import add_overwrite_option, allow_outputs, weights_read
from alexnet_cy.cli.progress import parts_bar, step_of

if TYPE_CHECKING:
    from alexnet_cy.model import AlexNet
    from alexnet_cy.training import FineTuned

__all__ = ["add_parser", "run"]

WITH_LOOP = "with --trainable fc or all: "

DESCRIPTION = """\
Learn the classes of a folder, which has a folder of images for each, and write the network: a new
last layer on the features of another network, which stay what they are. A part of the images is not
learnt from but measured with. An image that cannot be read is reported and skipped, and the exit
status is then 1.
"""


def add_parser(subparsers: Subparsers) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "finetune", help="learn the classes of a folder of photographs", description=DESCRIPTION
    )
    parser.set_defaults(run=run)
    parser.add_argument("folder", metavar="FOLDER", help="a folder of folders of images")
    parser.add_argument(
        "-o", "--output", required=True, type=Path, metavar="FILE", help="the .safetensors file"
    )
    add_weights_option(parser)
    add_split_options(parser)
    parser.add_argument(
        "--trainable",
        choices=("head", "fc", "all"),
        default="head",
        help="what learns: the last layer, all fully connected ones, or every layer "
        "(default: head)",
    )
    add_loop_options(parser, WITH_LOOP, "20", "0.001", "32")
    parser.add_argument(
        "--checkpoints",
        type=Path,
        metavar="FOLDER",
        help=f"{WITH_LOOP}save there after every epoch, and when Ctrl-C ends it",
    )
    add_resume_options(parser, "--checkpoints", WITH_LOOP)
    parser.add_argument(
        "--views",
        type=whole_number(1),
        default=1,
        metavar="N",
        help="views of each image to learn from: itself, random crops, mirror images (default: 1)",
    )
    parser.add_argument(
        "--no-flip", action="store_true", help="no mirror images among the views: for letters"
    )
    add_class_weight_option(parser)
    parser.add_argument(
        "--c",
        type=argument(_above_zero),
        metavar="C",
        help="how freely weights may grow (default: chosen among 10, 100 and 1000)",
    )
    add_confusion_option(parser)
    parser.add_argument(
        "--curves", type=Path, metavar="FILE", help="draw learning curves; needs matplotlib"
    )
    add_image_options(parser)
    add_overwrite_option(parser)
    add_threads_option(parser)
    add_json_option(parser)


def add_split_options(parser: argparse.ArgumentParser) -> None:
    """Add what says which images are learnt from."""
    parser.add_argument(
        "--val",
        type=argument(_share),
        default=0.2,
        metavar="SHARE",
        help="the share of each class to measure with (default: 0.2)",
    )
    parser.add_argument(
        "--val-folder", metavar="FOLDER", help="a folder to measure with, in place of --val"
    )
    parser.add_argument(
        "--group-by",
        metavar="REGEX",
        help="images in whose path it finds the same text stay together in the split",
    )
    parser.add_argument(
        "--seed",
        type=whole_number(0),
        default=0,
        metavar="N",
        help="of the split, and of all that is drawn in training (default: 0)",
    )
    parser.add_argument(
        "--strict", action="store_true", help="end at the first image that cannot be read"
    )


def add_class_weight_option(parser: argparse.ArgumentParser) -> None:
    """Add --class-weight."""
    parser.add_argument(
        "--class-weight",
        choices=("balanced",),
        help="count all classes the same, however many images they have",
    )


def add_loop_options(
    parser: argparse.ArgumentParser, when: str, epochs: str, lr: str, batch: str
) -> None:
    """Add what the training loop is told, with what it does otherwise."""
    parser.add_argument(
        "--epochs",
        type=whole_number(1),
        metavar="N",
        help=f"{when}how often every image is seen (default: {epochs})",
    )
    parser.add_argument(
        "--lr", type=argument(_above_zero), help=f"{when}the learning rate (default: {lr})"
    )
    parser.add_argument(
        "--batch",
        type=whole_number(1),
        metavar="N",
        help=f"{when}images of a step (default: {batch})",
    )


def run(args: argparse.Namespace) -> int:
    """Run the command; return its exit status."""
    from alexnet_cy.training import Augment

    if args.output.suffix != ".safetensors":
        raise UsageError(f"--output: need a name that ends in .safetensors, got {args.output}")
    outputs = [path for path in (args.output, args.confusion, args.curves) if path is not None]
    allow_outputs(outputs, weights_read(args.weights), overwrite=args.overwrite)
    _check_loop_options(args)
    if args.curves is not None:
        _check_picture(args.curves)
    net = load_network(args)
    started = perf_counter()
    with parts_bar() as advance:
        result = net.finetune(
            args.folder,
            val=args.val,
            val_folder=args.val_folder,
            views=args.views,
            augment=Augment(flip=not args.no_flip),
            class_weight=args.class_weight,
            c=args.c,
            group_by=args.group_by,
            seed=args.seed,
            preset=chosen_preparation(args, net),
            threads=args.threads,
            on_error="raise" if args.strict else "skip",
            progress=advance,
            trainable=args.trainable,
            epochs=args.epochs,
            lr=args.lr,
            batch_size=args.batch,
            on_step=step_of(advance),
            checkpoints=args.checkpoints,
            resume=args.resume,
            time_limit_s=args.time_limit,
        )
    seconds = perf_counter() - started
    failures = report_images(result, args)
    result.save(args.output)
    if args.confusion is not None:
        result.evaluation.save_confusion(args.confusion)
    if args.curves is not None:
        result.plot(args.curves)
    if args.json:
        print_json(_document(args.output, result, seconds))
    else:
        _print_result(args.output, result, seconds)
    return 1 if failures else 0


def _check_loop_options(args: argparse.Namespace) -> None:
    """Refuse options that would do nothing, and a folder that holds another training."""
    if args.trainable == "head":
        for name in ("epochs", "lr", "batch", "checkpoints", "resume", "time_limit"):
            if getattr(args, name) not in (None, False):
                raise UsageError(f"--{name.replace('_', '-')}: only with --trainable fc or all")
    if args.checkpoints is not None:
        refuse_kept_training(args.checkpoints, resume=args.resume)
    elif args.resume:
        raise UsageError("--resume: needs --checkpoints FOLDER, where the training was saved")


def _check_picture(path: Path) -> None:
    """Refuse a picture that cannot be drawn, before anything is learnt."""
    from alexnet_cy.bench.plot import check_format

    try:
        check_format(path)
    except ValueError as error:
        raise UsageError(f"--curves: {error}") from error


def report_images(result: FineTuned[AlexNet], args: argparse.Namespace) -> list[Failure]:
    """Report what was left out; return the images that could not be read."""
    failures = report_skipped(result.skipped)
    for left_out in result.left_out:
        warn(f"left out {printable(left_out.path)!r}: {left_out.reason}")
    if result.duplicates and args.val_folder is None:
        note(f"{result.duplicates} images are copies of others; copies stay together in the split")
    return failures


def _document(output: Path, result: FineTuned[AlexNet], seconds: float) -> dict[str, object]:
    return {
        "output": str(output),
        "layer": result.layer,
        "c": result.c,
        "frozen_accuracy": result.frozen_accuracy,
        **result_entries(result, seconds),
    }


def result_entries(result: FineTuned[AlexNet], seconds: float) -> dict[str, object]:
    """Return what JSON says of any training."""
    known = result.train_accuracy
    return {
        "variant": result.net.variant.name,
        "classes": list(result.classes),
        "train_images": result.train_images,
        "train_accuracy": None if isnan(known) else known,
        **evaluation_entries(result.evaluation),
        "history": dict(result.history),
        "skipped": [{"path": image.name, "error": image.error} for image in result.skipped],
        "left_out": [{"path": one.path, "reason": one.reason} for one in result.left_out],
        "duplicates": result.duplicates,
        "seconds": round(seconds, 3),
    }


def _print_result(output: Path, result: FineTuned[AlexNet], seconds: float) -> None:
    print_evaluation(result.evaluation)
    console = stdout_console()
    few = min(int(count) for count in result.evaluation.confusion.sum(axis=1))
    console.print(
        f"{printable(output)}: {len(result.classes)} classes learnt from {result.train_images} "
        f"images on {result.layer}, C {result.c:g}, {seconds:.1f} s; "
        f"{100 * result.train_accuracy:.1f} % of these images are known; the frozen network with "
        f"a new head {100 * (result.frozen_accuracy or 0):.1f} %",
        soft_wrap=True,
    )
    if few < 5:
        note(f"a class has {few} images to measure with: its figures say little")


def _share(text: str) -> float:
    return _number(text, 1.0, "a share above 0 and below 1")


def _above_zero(text: str) -> float:
    return _number(text, float("inf"), "a number above 0")


def _number(text: str, below: float, need: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < below:
        raise ValueError(f"need {need}, got {text!r}")
    return number
