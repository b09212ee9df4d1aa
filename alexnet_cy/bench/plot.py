"""Draws a report: where the time goes, ours beside NumPy's, and how near each layer is to a limit.

Needs matplotlib, which the extra `bench` brings.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from alexnet_cy.bench.results import Report, RunResult
from alexnet_cy.machine.replace_file import replace_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["check_format", "draw"]

INK, FAINT = "#22272e", "#6e7781"
OURS, NUMPYS = "#0b6bcb", "#c6ccd4"
BOUND_COLOURS = {"arithmetic": "#2a9d8f", "memory": "#e9964a"}

# Inches: of a run's panels, and above and below all of them for titles and conditions.
ROW_HEIGHT, MARGIN, WIDTH = 0.30, 1.5, 11.0

# Bars of larger shares are cut off: what comes out of a cache may be far above the memory's limit.
WIDEST_SHARE = 4.0


def check_format(path: Path) -> None:
    """Refuse a picture that cannot be drawn.

    Raises
    ------
    ValueError
        matplotlib is not installed, or does not write files of this kind; the message says what
        helps.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
    except ImportError:
        raise ValueError('a picture needs matplotlib: pip install "alexnet-cy[bench]"') from None
    kinds = FigureCanvasAgg.get_supported_filetypes()
    if path.suffix.removeprefix(".").lower() not in kinds:
        raise ValueError(
            f"cannot draw {str(path)!r}: the name must end in one of "
            f"{', '.join(f'.{kind}' for kind in sorted(kinds))}"
        )


def draw(report: Report, path: Path) -> None:
    """Draw a report, two panels for each run: times, and shares of the limits.

    Parameters
    ----------
    report : Report
    path : Path
        Its suffix says what kind of file is written; a file that is there is replaced.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    heights = [ROW_HEIGHT * len(run.layers) + MARGIN for run in report.runs]
    figure = Figure(
        (WIDTH, sum(heights) + 0.5),
        dpi=150,
        layout=ConstrainedLayoutEngine(h_pad=0.12, w_pad=0.08),
        facecolor="white",
    )
    c = report.conditions
    figure.suptitle(
        f"AlexNet ({c['variant']}) layer by layer on {c['processor']}, {c['isa']}",
        fontsize=13,
        fontweight="bold",
        color=INK,
    )
    panels = figure.subplots(
        len(report.runs),
        2,
        squeeze=False,
        sharey="row",
        width_ratios=(3, 2),
        height_ratios=heights,
    )
    for run, (times, shares) in zip(report.runs, panels, strict=True):
        _draw_times(times, run)
        _draw_shares(shares, run)
    figure.supxlabel(
        f"Medians of {c['repeats']} passes. alexnet_cy {c['alexnet_cy']}, {c['compiler']}; "
        f"NumPy {c['numpy']}, {c['blas']}. Limits measured in the same run.",
        fontsize=8,
        color=FAINT,
    )
    with replace_file(path) as temporary:
        figure.savefig(temporary, format=path.suffix.removeprefix(".").lower())


def _draw_times(axes: Axes, run: RunResult) -> None:
    """Draw a pair of bars for each layer, the speed-up beside them."""
    total, places = run.total, range(len(run.layers))
    ours = [layer.ours.median_ms for layer in run.layers]
    numpys = [layer.numpy.median_ms for layer in run.layers if layer.numpy is not None]
    title = f"batch {run.batch}, {run.threads} thread{'s' if run.threads > 1 else ''}: "
    title += f"{total.ours.median_ms:.1f} ms"
    if total.numpy is not None and total.speedup is not None:
        title += f", {total.speedup:.1f} times as fast as NumPy ({total.numpy.median_ms:.1f} ms)"
        axes.barh([place - 0.2 for place in places], ours, 0.4, color=OURS)
        axes.barh([place + 0.2 for place in places], numpys, 0.4, color=NUMPYS)
        for place, layer in enumerate(run.layers):
            end = max(ours[place], numpys[place])
            _label(axes, end, place, f"{layer.speedup:.1f}×")
        _add_key(axes, {"alexnet_cy": OURS, "NumPy": NUMPYS})
    else:
        axes.barh(places, ours, 0.7, color=OURS)
        for place, milliseconds in enumerate(ours):
            _label(axes, milliseconds, place, f"{milliseconds:.2f}")
        _add_key(axes, {"alexnet_cy": OURS})
    axes.margins(x=0.08)
    axes.set_yticks(places, [layer.name for layer in run.layers])
    axes.set_ylim(len(places) - 0.4, -0.6)
    axes.set_xlabel("milliseconds for the batch", fontsize=9, color=INK)
    _tidy(axes, title)


def _draw_shares(axes: Axes, run: RunResult) -> None:
    """Draw how near each layer comes to the limit that binds it."""
    widest = 100 * min(max(1.0, *(layer.limit_share for layer in run.layers)), WIDEST_SHARE)
    axes.vlines(100, -0.6, len(run.layers) - 0.4, color=INK, linewidth=1, linestyle=(0, (4, 3)))
    for place, layer in enumerate(run.layers):
        percent = 100 * min(layer.limit_share, WIDEST_SHARE)
        axes.barh(place, percent, 0.6, color=BOUND_COLOURS[layer.bound_by])
        rate = f"{layer.rate:.0f}" if layer.rate >= 10 else f"{layer.rate:.1f}"
        _label(axes, percent, place, f"{100 * layer.limit_share:.0f} %,  {rate} {layer.rate_unit}")
    axes.set_xlim(0, 1.5 * widest)  # the labels need a third
    axes.set_xticks(range(0, int(widest) + 1, 25 if widest < 150 else 50 if widest < 300 else 100))
    axes.set_xlabel("% of the limit; more: less work, or from a cache", fontsize=9, color=INK)
    labels = {
        f"of {run.limits.fma_gflops:.0f} GFLOP/s": BOUND_COLOURS["arithmetic"],
        f"of {run.limits.read_gbytes_per_s:.0f} GB/s from memory": BOUND_COLOURS["memory"],
    }
    _add_key(axes, labels)
    _tidy(axes, "how near to the limit")


def _label(axes: Axes, x: float, y: float, text: str) -> None:
    """Write after the end of a bar, readable across a line."""
    axes.annotate(
        text,
        (x, y),
        xytext=(4, 0),
        textcoords="offset points",
        va="center",
        fontsize=8,
        color=FAINT,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8},
        zorder=5,
    )


def _add_key(axes: Axes, colours: dict[str, str]) -> None:
    """Explain the colours between the title and the bars."""
    from matplotlib.patches import Patch

    axes.legend(
        handles=[Patch(color=colour, label=label) for label, colour in colours.items()],
        fontsize=8,
        frameon=False,
        loc="lower left",
        bbox_to_anchor=(0, 1.012),
        borderpad=0,
        borderaxespad=0,
        handlelength=1.2,
        ncols=len(colours),
        labelcolor=INK,
    )


def _tidy(axes: Axes, title: str) -> None:
    """Set the title and leave only what carries information."""
    axes.set_title(title, fontsize=11, loc="left", color=INK, pad=24)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(FAINT)
    axes.tick_params(axis="y", length=0, labelsize=9, labelcolor=INK)
    axes.tick_params(axis="x", labelsize=8, color=FAINT, labelcolor=FAINT)
