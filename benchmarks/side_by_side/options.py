"""The options of bench_peers.py."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

from peers.registry import PEERS, find_peer

from alexnet_cy.network import VARIANTS
from side_by_side.networks import KINDS

__all__ = ["parse"]

T = TypeVar("T")


def parse(description: str | None, argv: list[str] | None) -> argparse.Namespace:
    """Read the options; a bad one ends the process with status 2 and a message."""
    parser = argparse.ArgumentParser(description=description)
    _add_what(parser)
    _add_how_long(parser)
    _add_where(parser)
    args = parser.parse_args(argv)
    if args.reference not in [peer.name for peer in args.peers]:
        args.reference = args.peers[0].name
    args.processors = args.processors or _available_processors()
    if len(args.processors) < max(args.threads):
        parser.error(
            f"--threads: {max(args.threads)} need as many processors, there are "
            f"{len(args.processors)}: {', '.join(map(str, args.processors))}"
        )
    if args.plot is not None and find_spec("matplotlib") is None:
        parser.error('--plot: needs matplotlib: pip install "alexnet-cy[bench]"')
    return args


def _add_what(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--peers",
        type=_list_of(find_peer),
        default=PEERS,
        metavar="NAME[,NAME]",
        help=f"who runs: {', '.join(peer.name for peer in PEERS)} (default: all), or "
        "alexnet_cy@LEVEL, held to an instruction-set level",
    )
    parser.add_argument("--variant", choices=tuple(VARIANTS), default="caffe")
    parser.add_argument(
        "--weights",
        type=_list_of(_kind),
        default=tuple(KINDS),
        metavar="KIND[,KIND]",
        help=f"{' or '.join(KINDS)} (default: both)",
    )
    parser.add_argument(
        "--batch",
        type=_list_of(_count),
        default=(1, 2, 4, 8, 16, 64),
        metavar="N[,N]",
        help="images in a batch (default: 1,2,4,8,16,64)",
    )
    parser.add_argument(
        "--threads",
        type=_list_of(_count),
        default=(1, 2),
        metavar="N[,N]",
        help="threads (default: 1,2)",
    )
    parser.add_argument(
        "--train",
        type=_list_of(_count),
        default=(),
        metavar="N[,N]",
        help="time a training step of so many images too, ours and PyTorch's (default: none)",
    )
    parser.add_argument(
        "--reference",
        default="openvino-fp32",
        metavar="NAME",
        help="whom the others are compared with (default: openvino-fp32, if it runs)",
    )


def _add_how_long(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--rounds", type=_count, default=5, metavar="N", help="turns of everybody (default: 5)"
    )
    parser.add_argument(
        "--burst-s",
        type=float,
        default=0.5,
        metavar="S",
        help="seconds of passes in a turn (default: 0.5)",
    )
    parser.add_argument(
        "--burst-passes",
        type=_count,
        default=3,
        metavar="N",
        help="passes in a turn, at least (default: 3)",
    )
    parser.add_argument(
        "--starts",
        type=int,
        default=5,
        metavar="N",
        help="processes for the time to first result and the memory; 0 for none (default: 5)",
    )
    parser.add_argument(
        "--timeout-s",
        type=float,
        default=900,
        metavar="S",
        help="a contender that does not answer for so long is ended (default: 900)",
    )


def _add_where(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--processors",
        type=_list_of(int),
        metavar="N[,N]",
        help="which to run on, as many as there are threads (default: all that may be used)",
    )
    parser.add_argument(
        "--python",
        dest="pythons",
        action="append",
        default=[],
        type=_interpreter,
        metavar="FRAMEWORK=PATH",
        help="the interpreter for a framework that lives in another environment, such as "
        "torch=/path/to/python; may be given several times",
    )
    parser.add_argument(
        "--keep",
        type=Path,
        metavar="FOLDER",
        help="keep networks and a log there, and use the networks that are there already",
    )
    parser.add_argument(
        "--json",
        nargs="?",
        const="-",
        metavar="FILE",
        help="write JSON to FILE, or to standard output instead of the tables",
    )
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw it: .png, .svg or .pdf")


def _list_of(convert: Callable[[str], T]) -> Callable[[str], tuple[T, ...]]:
    def converted(text: str) -> tuple[T, ...]:
        try:
            return tuple(dict.fromkeys(convert(part) for part in text.split(",")))
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return converted


def _count(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"need a whole number from 1 up, got {text!r}")
    return number


def _kind(text: str) -> str:
    if text not in KINDS:
        raise ValueError(f"need one of {', '.join(KINDS)}, got {text!r}")
    return text


def _interpreter(text: str) -> tuple[str, str]:
    framework, _, path = text.partition("=")
    frameworks = sorted({peer.framework for peer in PEERS})
    if framework not in frameworks or not path:
        raise argparse.ArgumentTypeError(
            f"need FRAMEWORK=PATH with one of {', '.join(frameworks)}, got {text!r}"
        )
    return framework, path


def _available_processors() -> tuple[int, ...]:
    if hasattr(os, "sched_getaffinity"):
        return tuple(sorted(os.sched_getaffinity(0)))
    return tuple(range(os.cpu_count() or 1))
