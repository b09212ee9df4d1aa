"""Draws a comparison: images a second over the batch, time to first result, memory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from side_by_side.results import Comparison, threads_text, weights_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw"]

INK, FAINT = "#22272e", "#6e7781"
OURS = "#0b6bcb"

# A colour for each framework, and a line style for each of its ways.
COLOURS = {
    "openvino": "#d1495b",
    "mnn": "#e0862d",
    "ncnn": "#b08900",
    "onnxruntime": "#6f42c1",
    "torch": "#c2549d",
    "opencv": "#2a9d8f",
    "numpy": "#8b949e",
}
STYLES = {
    "bf16": (0, (5, 1)),
    "int8": (0, (1, 1)),
    "streams": (0, (3, 1, 1, 1)),
    "eager": (0, (2, 2)),
}


def draw(comparison: Comparison, path: Path) -> None:
    """Draw it; the suffix of `path` says what kind of file is written.

    Raises
    ------
    ImportError
        matplotlib is not installed.
    """
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    cases = list(comparison.cases())
    kinds, threads = (list(dict.fromkeys(values)) for values in zip(*cases, strict=True))
    n_rows = len(kinds) + bool(comparison.starts)
    figure = Figure(
        (13, 4.6 * n_rows + 0.8),
        dpi=150,
        layout=ConstrainedLayoutEngine(h_pad=0.12, w_pad=0.12),
        facecolor="white",
    )
    c = comparison.conditions
    figure.suptitle(
        f"AlexNet ({c['variant']}) side by side on {c['processor']}",
        fontsize=14,
        fontweight="bold",
        color=INK,
    )
    rows = figure.subfigures(n_rows, 1, squeeze=False)[:, 0]
    for kind, row in zip(kinds, rows, strict=False):
        panels = row.subplots(1, len(threads), squeeze=False)[0]
        for n_threads, axes in zip(threads, panels, strict=True):
            _draw_speeds(axes, comparison, kind, n_threads)
    if comparison.starts:
        times, memory = rows[-1].subplots(1, 2, sharey=True)
        most = max(start.threads for start in comparison.starts)
        _draw_starts(times, memory, comparison, most)
    figure.savefig(path)


def _draw_speeds(axes: Axes, comparison: Comparison, weights: str, threads: int) -> None:
    """Draw a line for each contender, its name at the end."""
    ends: list[tuple[float, float, str, str]] = []
    for name, title in comparison.titles.items():
        found = [comparison.speed(weights, threads, batch, name) for batch in comparison.batches()]
        speeds = [speed for speed in found if speed is not None]
        if not speeds:
            continue
        colour, width = _colour(name), 2.6 if _is_ours(name) else 1.4
        axes.plot(
            [speed.batch for speed in speeds],
            [speed.images_per_s for speed in speeds],
            color=colour,
            linewidth=width,
            linestyle=_style(name),
            marker="o",
            markersize=3.5,
            zorder=3 if _is_ours(name) else 2,
        )
        ends.append((speeds[-1].batch, speeds[-1].images_per_s, title, colour))
    batches = comparison.batches()
    axes.set_xscale("log", base=2)
    axes.set_xticks(batches, [str(batch) for batch in batches])
    axes.set_xlim(batches[0] * 0.9, batches[-1] * (batches[-1] / batches[0]) ** 0.55 * 1.1)
    axes.set_ylim(0, 1.06 * max((y for _, y, _, _ in ends), default=1))
    axes.grid(axis="y", color="#eaeef2", linewidth=0.8)
    axes.set_axisbelow(True)
    _label_ends(axes, ends)
    axes.set_xlabel("images in a batch", fontsize=9, color=INK)
    axes.set_ylabel("images a second", fontsize=9, color=INK)
    _tidy(axes, f"{weights_text(weights)}, {threads_text(threads)}")


def _label_ends(axes: Axes, ends: list[tuple[float, float, str, str]]) -> None:
    """Write the names behind the lines' ends, moved apart where they would cover one another."""
    if not ends:
        return
    step = axes.get_ylim()[1] * 0.052
    lowest = -step
    for x, y, title, colour in sorted(ends, key=lambda end: end[1]):
        lowest = max(lowest + step, y)
        axes.annotate(
            f"{title}  {y:.0f}",
            (x, y),
            xytext=(x * 1.12, lowest),
            va="center",
            fontsize=8,
            color=colour,
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.5, "relpos": (0, 0.5)},
        )


def _draw_starts(times: Axes, memory: Axes, comparison: Comparison, threads: int) -> None:
    """Draw bars for the time to first result, and beside them for the memory."""
    starts = [start for start in comparison.starts if start.threads == threads]
    names = [start.peer for start in starts]
    places = range(len(starts))
    for axes, values, text, title in (
        (times, [one.median_s for one in starts], "{:.2f} s", "from process start to first result"),
        (memory, [one.peak_mb for one in starts], "{:.0f} MB", "peak memory, batch 1"),
    ):
        bars = axes.barh(places, values, 0.65, color=[_colour(name) for name in names])
        axes.bar_label(
            bars, [text.format(value) for value in values], padding=3, fontsize=8, color=FAINT
        )
        axes.margins(x=0.15)
        axes.set_xticks([])
        _tidy(axes, f"{title}, {threads_text(threads)}")
        axes.spines["bottom"].set_visible(False)
    times.set_yticks(places, [comparison.titles[name] for name in names])
    times.invert_yaxis()


def _is_ours(name: str) -> bool:
    return name.startswith("alexnet_cy")


def _colour(name: str) -> str:
    return next((colour for start, colour in COLOURS.items() if name.startswith(start)), OURS)


def _style(name: str) -> object:
    if "@" in name:
        return (0, (4, 2))
    return next((style for end, style in STYLES.items() if name.endswith(end)), "solid")


def _tidy(axes: Axes, title: str) -> None:
    axes.set_title(title, fontsize=11, loc="left", color=INK)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(FAINT)
    axes.tick_params(axis="both", length=0, labelsize=8, labelcolor=INK)
