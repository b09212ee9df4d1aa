"""`alexnet-cy lpips`: how different images look."""

from __future__ import annotations

import argparse
import csv
import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from alexnet_cy.cli.failures import UsageError, warn
from alexnet_cy.cli.images import Failure, expand_folders, require_images
from alexnet_cy.cli.network import fetch_published
from alexnet_cy.cli.options import Subparsers, add_json_option, add_threads_option
from alexnet_cy.cli.output import print_json, printable, stdout_console
from alexnet_cy.cli.overwriting import add_overwrite_option, allow_outputs, weights_read
from alexnet_cy.machine.replace_file import replace_file
from alexnet_cy.machine.threads import resolve_threads

if TYPE_CHECKING:
    from alexnet_cy.perceptual import LPIPS
    from alexnet_cy.perceptual.comparison import Comparison, PairResult

__all__ = ["add_parser", "run"]

DESCRIPTION = """\
Print LPIPS, how different two images look: 0 for equal ones. A and B are two files; or two folders,
whose images are paired by their paths below them; or a file and a folder, which is compared with it
image by image. An image without a partner, or that cannot be read, is reported, and the exit status
is then 1. The weights are those of torchvision's AlexNet, of which the convolutions are enough.
"""

DEFAULT_WEIGHTS = "torchvision"


class Row(NamedTuple):
    """A pair that was compared, or was to be."""

    a: str
    b: str
    name: str
    comparison: Comparison | None
    error: str


def add_parser(subparsers: Subparsers) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "lpips", help="how different two images look", description=DESCRIPTION
    )
    parser.set_defaults(run=run)
    parser.add_argument("images", nargs="+", metavar="A B", help="two images, or folders of them")
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--all-pairs", action="store_true", help="compare all images with one another"
    )
    which.add_argument(
        "--consecutive", action="store_true", help="compare every image with the one before it"
    )
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="write a .csv file: pairs, distances, layers' parts"
    )
    parser.add_argument("--map", metavar="FILE", help="write a .png file: where two images differ")
    parser.add_argument(
        "--weights",
        metavar="FILE|NAME",
        default=DEFAULT_WEIGHTS,
        help="a file with torchvision's AlexNet or its convolutions; default: torchvision, 244 MB, "
        "fetched on first use",
    )
    parser.add_argument(
        "--lpips-version",
        choices=("0.1", "0.0"),
        default="0.1",
        help="0.0 is the first release, which did not scale its input; default: 0.1",
    )
    parser.add_argument(
        "--baseline", action="store_true", help="count every channel alike, as the paper's baseline"
    )
    add_overwrite_option(parser)
    add_threads_option(parser)
    add_json_option(parser)


def run(args: argparse.Namespace) -> int:
    """Run the command; return its exit status."""
    from alexnet_cy.published.registry import PUBLISHED

    _check_arguments(args)
    paths, failures = _inputs(args)
    outputs = [path for path in (args.output, args.map) if path]
    allow_outputs(outputs, [*paths, *weights_read(args.weights)], overwrite=args.overwrite)
    weights = fetch_published(args.weights) if args.weights in PUBLISHED else args.weights

    from alexnet_cy.perceptual import LPIPS

    metric = LPIPS(weights, version=args.lpips_version, lpips=not args.baseline)
    one = not (args.all_pairs or args.consecutive or any(map(os.path.isdir, args.images)))
    rows = []
    for row in _rows(metric, args, paths, failures):
        rows.append(row)
        if not args.json and row.comparison is not None:
            _print_row(row, one=one)
    if args.output:
        _write_csv(args.output, rows)
    largest = _save_map(args.map, rows) if args.map else None
    if args.json:
        _print_json(args, rows, failures, largest)
    else:
        _print_summary(args, [] if one else rows, largest)
    return 1 if failures else 0


def _check_arguments(args: argparse.Namespace) -> None:
    """Refuse arguments that do not go together before anything is opened."""
    several = args.all_pairs or args.consecutive
    if not several and len(args.images) != 2:
        raise UsageError(
            f"need two images or folders, got {len(args.images)}; --all-pairs and --consecutive "
            "take any number"
        )
    if args.map and (several or any(map(os.path.isdir, args.images))):
        raise UsageError("--map: shows one pair, so name two images")
    for name, path, suffix in (("output", args.output, ".csv"), ("map", args.map, ".png")):
        if path and os.path.splitext(path)[1].lower() != suffix:
            raise UsageError(f"--{name}: need a name that ends in {suffix}, got {path}")


def _inputs(args: argparse.Namespace) -> tuple[list[str], list[Failure]]:
    """Return every image that is read."""
    paths, failures, _ = expand_folders(args.images)
    require_images(paths, " to compare")
    return paths, failures


def _rows(
    metric: LPIPS, args: argparse.Namespace, paths: list[str], failures: list[Failure]
) -> Iterator[Row]:
    """Compare what the arguments name; warn of what cannot be compared."""
    threads = resolve_threads(args.threads)
    if args.all_pairs:
        rows = _named(metric.iter_all_pairs(paths, threads=threads), paths, paths)
    elif args.consecutive:
        rows = _named(metric.iter_neighbours(paths, threads=threads), paths, paths)
    else:
        rows = _pairs(metric, args, threads, failures)
    for row in rows:
        if row.error:
            warn(f"skipped {printable(row.name)}: {row.error}")
            failures.append(Failure(row.name, row.error))
        yield row


def _pairs(
    metric: LPIPS, args: argparse.Namespace, threads: int, failures: list[Failure]
) -> Iterator[Row]:
    """Compare two files, two folders, or a file and a folder."""
    from alexnet_cy.perceptual.folders import pair_folders

    a, b = args.images
    if os.path.isdir(a) and os.path.isdir(b):
        pairs = pair_folders(a, b)
        for path in pairs.unpaired:
            warn(f"unpaired: {printable(path)}")
            failures.append(Failure(path, "unpaired"))
        results = metric.iter_compare(pairs.a, pairs.b, threads=threads)
        for result, name in zip(results, pairs.names, strict=True):
            yield Row(pairs.a[result.a], pairs.b[result.b], name, result.comparison, result.error)
        return
    of_a, of_b = (expand_folders([x])[0] if os.path.isdir(x) else x for x in (a, b))
    results = metric.iter_compare(of_a, of_b, maps=bool(args.map), threads=threads)
    yield from _named(results, *([x] if isinstance(x, str) else x for x in (of_a, of_b)))


def _named(results: Iterable[PairResult], a: list[str], b: list[str]) -> Iterator[Row]:
    for result in results:
        path_a, path_b = a[result.a], b[result.b]
        alone = result.a == result.b and a is b  # an image that cannot be read
        name = path_a if alone else f"{path_a} {path_b}"
        yield Row(path_a, path_b, name, result.comparison, result.error)


def _write_csv(path: str, rows: list[Row]) -> None:
    from alexnet_cy.perceptual.trunk import LAYERS

    with (
        replace_file(path) as temporary,
        open(temporary, "w", newline="", encoding="utf-8", errors="surrogateescape") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(["a", "b", "distance", *LAYERS, "error"])
        for row in rows:
            found = row.comparison
            numbers = ["" for _ in range(6)] if found is None else [found.distance, *found.layers]
            writer.writerow([row.a, row.b, *numbers, row.error])


def _save_map(path: str, rows: list[Row]) -> float | None:
    """Write the map of the only pair; return its largest value, None if there is no map."""
    from alexnet_cy.perceptual.picture import save_map

    [row] = rows
    if row.comparison is None or row.comparison.map is None:
        return None
    save_map(path, row.comparison.map)
    return float(row.comparison.map.max())


def _print_row(row: Row, *, one: bool) -> None:
    """Print a pair when it has been compared, with its name if there may be others."""
    assert row.comparison is not None
    name = "" if one else f"  {printable(row.name)}"
    stdout_console().print(f"{row.comparison.distance:.6f}{name}", soft_wrap=True)


def _print_summary(args: argparse.Namespace, rows: list[Row], largest: float | None) -> None:
    from alexnet_cy.perceptual.statistics import mean_and_error

    console = stdout_console()
    distances = _distances(rows)
    if distances:
        mean, error = mean_and_error(distances)
        spread = "" if error is None else f" +/- {error:.6f} (standard error)"
        console.print(f"mean {mean:.6f}{spread}, n = {len(distances)}", style="dim", soft_wrap=True)
    if largest is not None:
        console.print(f"{printable(args.map)}: up to {largest:.6f}", style="dim", soft_wrap=True)


def _distances(rows: list[Row]) -> list[float]:
    return [float(row.comparison.distance) for row in rows if row.comparison is not None]


def _print_json(
    args: argparse.Namespace, rows: list[Row], failures: list[Failure], largest: float | None
) -> None:
    from alexnet_cy.perceptual.statistics import mean_and_error
    from alexnet_cy.perceptual.trunk import LAYERS

    pairs = [
        {
            "a": row.a,
            "b": row.b,
            "distance": row.comparison.distance,
            "layers": dict(zip(LAYERS, row.comparison.layers.tolist(), strict=True)),
        }
        for row in rows
        if row.comparison is not None
    ]
    summary: dict[str, object] = {
        "weights": args.weights,
        "version": args.lpips_version,
        "baseline": args.baseline,
        "pairs": pairs,
        "failures": [failure._asdict() for failure in failures],
    }
    if pairs:
        mean, error = mean_and_error(_distances(rows))
        summary |= {"mean": mean, "standard_error": error}
    if largest is not None:
        summary["map_largest"] = largest
    print_json(summary)
