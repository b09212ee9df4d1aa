"""Fine-tuning on emoji: categories of unseen emoji, and of another vendor's.

    npm pack emoji-datasource-google@16.0.0 emoji-datasource-twitter@16.0.0
    for vendor in google twitter; do
        mkdir -p emoji/$vendor && tar xzf emoji-datasource-$vendor-16.0.0.tgz -C emoji/$vendor
    done
    python benchmarks/learning/emoji.py emoji --weights FILE

Google's images are under the Apache license 2.0, Twitter's under CC-BY 4.0.

M9: nine categories, of both vendors; S28: the sub-categories of at least 20 emoji, without flags;
X9: nine categories, learnt from Google's and measured with Twitter's. A fifth of the emoji is never
learnt from, the same ones of both vendors.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np

from alexnet_cy import AlexNet

VENDORS = ("google", "twitter")
HELD_OUT = 370  # of the 1852 emoji that Apple, Facebook, Google and Twitter all have
SMALLEST_SUBCATEGORY = 20


@dataclass(frozen=True)
class Task:
    """What is learnt from which images.

    Attributes
    ----------
    name : str
    key : str
        The entry of emoji.json that is the class.
    learnt, measured : tuple of str
        Vendors.
    """

    name: str
    key: str
    learnt: tuple[str, ...]
    measured: tuple[str, ...]


TASKS = (
    Task("M9", "category", VENDORS, VENDORS),
    Task("S28", "subcategory", VENDORS, VENDORS),
    Task("X9", "category", ("google",), ("twitter",)),
)


def read_emoji(folder: Path) -> list[dict[str, str]]:
    """Return the emoji that all four vendors have, in the order of the file."""
    text = (folder / "google" / "package" / "emoji.json").read_text(encoding="utf-8")
    vendors = (*VENDORS, "apple", "facebook")
    return [
        emoji
        for emoji in json.loads(text)
        if all(emoji[f"has_img_{vendor}"] for vendor in vendors)
        and emoji["category"] != "Component"
    ]


def split_emoji(emoji: list[dict[str, str]], task: Task) -> tuple[list[int], list[int]]:
    """Return the places of the emoji to learn from and to measure with."""
    order = np.random.default_rng(0).permutation(len(emoji)).tolist()
    held_out, learnt = order[:HELD_OUT], order[HELD_OUT:]
    if task.key == "category":
        return learnt, held_out
    counts = Counter(one["subcategory"] for one in emoji if one["category"] != "Flags")
    kept = {name for name, count in counts.items() if count >= SMALLEST_SUBCATEGORY}
    return (
        [i for i in learnt if emoji[i]["subcategory"] in kept],
        [i for i in held_out if emoji[i]["subcategory"] in kept],
    )


@contextmanager
def folders(source: Path, task: Task) -> Iterator[tuple[str, str]]:
    """Make the folders of a task, of links to the images; removed at the end."""
    emoji = read_emoji(source)
    with tempfile.TemporaryDirectory() as made:
        for part, places, vendors in zip(
            ("learn", "measure"),
            split_emoji(emoji, task),
            (task.learnt, task.measured),
            strict=True,
        ):
            for i in places:
                name = emoji[i][task.key].replace("/", "-")
                target = Path(made, part, name)
                target.mkdir(parents=True, exist_ok=True)
                for vendor in vendors:
                    image = source / vendor / "package" / "img" / vendor / "64" / emoji[i]["image"]
                    os.symlink(image.resolve(), target / f"{vendor}-{emoji[i]['image']}")
        yield os.path.join(made, "learn"), os.path.join(made, "measure")


def main() -> None:
    """Run the tasks and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="with google/package and twitter/package")
    parser.add_argument("--weights", required=True, help="a weight file, or a trunk alone")
    parser.add_argument("--views", type=int, default=1)
    args = parser.parse_args()
    net = AlexNet.load(args.weights)
    print("| task | images | unseen | top-1 | macro recall | largest class | C | seconds |")
    print("|---|---|---|---|---|---|---|---|")
    for task in TASKS:
        with folders(args.folder, task) as (learnt, measured):
            started = perf_counter()
            result = net.finetune(
                learnt, val_folder=measured, preset="torchvision-warp", views=args.views
            )
            seconds = perf_counter() - started
        found = result.evaluation
        print(
            f"| {task.name} | {result.train_images} | {found.images} | {100 * found.top1:.1f} | "
            f"{100 * found.macro_recall:.1f} | {100 * found.majority:.1f} | {result.c:g} | "
            f"{seconds:.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
