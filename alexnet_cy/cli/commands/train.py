"""`alexnet-cy train`: train a network from its first weights on."""

from __future__ import annotations

import argparse
from pathlib import Path
from time import perf_counter

from alexnet_cy.cli.checkpoints import add_resume_options, refuse_kept_training
from alexnet_cy.cli.commands.finetune import (
    add_class_weight_option,
    add_loop_options,
    add_split_options,
    report_images,
    result_entries,
)
from alexnet_cy.cli.evaluations import print_evaluation
from alexnet_cy.cli.failures import note
from alexnet_cy.cli.options import (
    Subparsers,
    add_image_options,
    add_json_option,
    add_threads_option,
    add_variant_option,
    whole_number,
)
from alexnet_cy.cli.output import print_json, printable, stdout_console
from alexnet_cy.cli.progress import parts_bar, step_of
from alexnet_cy.model import AlexNet

__all__ = ["add_parser", "run"]

DESCRIPTION = """\
Train a network from its first weights on, on a folder that has a folder of images for each class.
The output folder gets the network of the last and of the best epoch, the state to go on from, and
logs. Ctrl-C finishes the step and saves; --resume goes on with the same bits. For a few thousand
photographs finetune is better, and takes a thousandth of the time.
"""


def add_parser(subparsers: Subparsers) -> None:
    """Add the command to the command line."""
    from alexnet_cy.training.data.augment import CROPS
    from alexnet_cy.training.loop.initial import INITIALISATIONS
    from alexnet_cy.training.loop.recipes import RECIPES

    parser = subparsers.add_parser("train", help="train from scratch", description=DESCRIPTION)
    parser.set_defaults(run=run)
    parser.add_argument("folder", metavar="FOLDER", help="a folder of folders of images")
    parser.add_argument(
        "-o", "--output", required=True, type=Path, metavar="FOLDER", help="for checkpoints, logs"
    )
    add_variant_option(parser, "the network (default: caffe)", "caffe")
    parser.add_argument(
        "--recipe", choices=tuple(RECIPES), default="he", help="the settings (default: he)"
    )
    parser.add_argument(
        "--init", choices=INITIALISATIONS, help="the first weights (default: the recipe's)"
    )
    of_recipe = "the recipe's"
    add_loop_options(parser, "", of_recipe, of_recipe, of_recipe)
    parser.add_argument(
        "--warmup",
        type=whole_number(0),
        metavar="N",
        help="steps in which the rate grows to its value (default: the recipe's)",
    )
    parser.add_argument(
        "--patience",
        type=whole_number(1),
        metavar="N",
        help="end when the validation loss has not fallen below its best for N epochs",
    )
    add_class_weight_option(parser)
    parser.add_argument(
        "--batch-block",
        type=whole_number(1),
        metavar="N",
        help="images whose activations are held at once, for less memory; the bits are the same",
    )
    parser.add_argument(
        "--crop",
        choices=CROPS,
        help="what the network sees of an image: anything of its input's size, a part of random "
        "size and shape resized to that, or the middle (default: the recipe's)",
    )
    parser.add_argument(
        "--no-flip", action="store_true", help="no mirror images: for letters, digits"
    )
    add_split_options(parser)
    add_resume_options(parser, "--output")
    add_image_options(parser)
    add_threads_option(parser)
    add_json_option(parser)


def run(args: argparse.Namespace) -> int:
    """Run the command; return its exit status."""
    from dataclasses import replace

    from alexnet_cy.cli.images import mean_option
    from alexnet_cy.training.loop.recipes import get_recipe
    from alexnet_cy.training.loop.schedules import EarlyStopping

    refuse_kept_training(args.output, resume=args.resume)
    recipe = get_recipe(args.recipe).changed(
        lr=args.lr,
        epochs=args.epochs,
        batch_size=args.batch,
        warmup=args.warmup,
        init=args.init,
    )
    if args.no_flip or args.crop is not None:
        flip, crop = not args.no_flip, args.crop or recipe.augment.crop
        recipe = recipe.changed(augment=replace(recipe.augment, flip=flip, crop=crop))
    for name, value in recipe.settings().items():
        note(f"{name}: {value}")
    started = perf_counter()
    with parts_bar() as advance:
        result = AlexNet.train(
            args.folder,
            args.output,
            variant=args.variant,
            recipe=recipe,
            class_weight=args.class_weight,
            early_stopping=None if args.patience is None else EarlyStopping(args.patience),
            val=args.val,
            val_folder=args.val_folder,
            group_by=args.group_by,
            seed=args.seed,
            preset=args.preset,
            mean=mean_option(args.mean),
            exif=args.exif,
            threads=args.threads,
            batch_block=args.batch_block,
            resume=args.resume,
            time_limit_s=args.time_limit,
            on_error="raise" if args.strict else "skip",
            progress=advance,
            on_step=step_of(advance),
        )
    seconds = perf_counter() - started
    failures = report_images(result, args)
    result.evaluation.save_confusion(args.output / "confusion.csv")
    if args.json:
        print_json({"output": str(args.output), **result_entries(result, seconds)})
    else:
        print_evaluation(result.evaluation)
        epochs = len(result.history.get("loss", []))
        stdout_console().print(
            f"{printable(args.output)}: {epochs} epoch{'s' * (epochs != 1)} of "
            f"{result.train_images} images, {seconds:.1f} s",
            soft_wrap=True,
        )
    return 1 if failures else 0
