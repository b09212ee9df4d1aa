"""The plan of a pass: its steps, the algorithm of each, and where every activation lies."""

from __future__ import annotations

from dataclasses import field
from math import prod

from alexnet_cy.contracts.records import record
from alexnet_cy.engine.choice.costs import FLOAT32_BYTES, Work, expected_ms, layer_work
from alexnet_cy.engine.plan.arena import Activation
from alexnet_cy.engine.text_table import text_table
from alexnet_cy.network import LRN, Layer, Shape, Variant, shape_text

__all__ = ["HEAD_BLOCK", "TRUNK_BLOCK", "Plan", "Step"]

# Images that go through the convolutions together. More of them do not make the convolutions
# faster, as their tiles are cut by pixels; fewer keep the arena small and Ctrl-C quick.
TRUNK_BLOCK = 8

# Images whose fully connected layers are computed together, a multiple of TRUNK_BLOCK: the
# weights, 234 MB, are read once for all of them.
HEAD_BLOCK = 64


@record(frozen=True, slots=True)
class Step:
    """One kernel call of a pass.

    Attributes
    ----------
    layer : Layer
        The spec it computes, or whose ReLU it computes.
    algorithm : str
        "winograd", "direct" or "im2col" for a convolution, else how the layer is computed.
    input_shape, output_shape : tuple of int
        (C, H, W) or (F,) of one image.
    relu : bool
        Whether max(0, y) is part of the step.
    norm : LRN or None
        A normalisation that a max pooling computes on its way: the layer before `layer`.
    relu_only : bool
        The step is just the ReLU of `layer`, in place, because the value before it was requested.
    features : tuple of str
        The names under which its result is handed out.
    source, target : Activation or None
        Where a step of the trunk reads and writes; None in the fully connected head.
    """

    layer: Layer
    algorithm: str
    input_shape: Shape
    output_shape: Shape
    relu: bool = False
    norm: LRN | None = None
    relu_only: bool = False
    features: tuple[str, ...] = ()
    source: Activation | None = None
    target: Activation | None = None

    @property
    def name(self) -> str:
        """The layer's name; "norm1+pool1" for two in one; or "relu" and the layer's name."""
        return f"relu {self.layer.name}" if self.relu_only else "+".join(self.layer_names)

    @property
    def layer_names(self) -> tuple[str, ...]:
        """The names of the layers that the step computes."""
        return (self.layer.name,) if self.norm is None else (self.norm.name, self.layer.name)

    @property
    def macs(self) -> int:
        """Multiply-accumulates for one image."""
        return 0 if self.relu_only else self.layer.macs(self.input_shape)

    @property
    def weight_bytes(self) -> int:
        """Bytes of the layer's parameters."""
        if self.relu_only:
            return 0
        return 4 * sum(prod(s) for s in self.layer.parameter_shapes(self.input_shape).values())

    @property
    def activation_bytes(self) -> int:
        """Bytes read and written for one image, besides the parameters."""
        return 4 * (prod(self.input_shape) + prod(self.output_shape))


@record(frozen=True, slots=True)
class Plan:
    """A pass, ready to run any number of times.

    Attributes
    ----------
    variant : Variant
    input_shape : tuple of int
        (C, H, W) of one image.
    features : tuple of str
        The canonical names of what it hands out.
    trunk : tuple of Step
        Up to the last image-shaped layer, for blocks of `trunk_block` images.
    head : tuple of Step
        The fully connected layers and softmax, for blocks of `head_block` images.
    input_activation : Activation
        The images, padded for the first convolution.
    arena_floats : int
        Of all activations of the trunk together, per image of a block.
    level : str
        The instruction-set level that its costs are for.
    batch, threads : int
        The number of images and threads the table is for; the plan itself runs any number.
    """

    variant: Variant
    input_shape: Shape
    features: tuple[str, ...]
    trunk: tuple[Step, ...]
    head: tuple[Step, ...]
    input_activation: Activation
    arena_floats: int
    level: str
    batch: int = 1
    threads: int = 1
    trunk_block: int = TRUNK_BLOCK
    head_block: int = HEAD_BLOCK
    steps: tuple[Step, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Join the two parts in one row."""
        object.__setattr__(self, "steps", self.trunk + self.head)

    @property
    def arena_bytes(self) -> int:
        """Bytes of activations that a pass over `batch` images holds at once."""
        return 4 * self.arena_floats * min(self.batch, self.trunk_block)

    def expected_ms(self, step: Step) -> float:
        """Estimate what a step costs: milliseconds for `batch` images on `threads` threads.

        `alexnet_cy.engine.choice.costs` says what the estimate counts, and what it leaves out.
        """
        if step.relu_only:
            work = Work(swept_bytes=step.activation_bytes)
        elif step.norm is not None:  # what the normalisation reads and writes, then the pooling
            norm_bytes = 2 * FLOAT32_BYTES * prod(step.input_shape)
            work = Work(swept_bytes=norm_bytes + step.activation_bytes)
        else:
            work = layer_work(
                step.layer, step.algorithm, step.input_shape, step.output_shape, self.level
            )
        block = self.head_block if step.target is None else self.trunk_block
        return expected_ms(work, self.level, batch=self.batch, block=block, threads=self.threads)

    def rows(self) -> list[dict[str, object]]:
        """Return the table as data, one dict per step; for `batch` images on `threads` threads."""
        return [
            {
                "layer": step.name,
                "algorithm": step.algorithm,
                "input": list(step.input_shape),
                "output": list(step.output_shape),
                "macs": step.macs * self.batch,
                "weight_bytes": step.weight_bytes,
                "activation_bytes": step.activation_bytes * self.batch,
                "arena_offset_bytes": (
                    4 * step.target.offset * min(self.batch, self.trunk_block)
                    if step.target is not None
                    else None
                ),
                "expected_ms": self.expected_ms(step),
            }
            for step in self.steps
        ]

    def __str__(self) -> str:
        header = ("layer", "algorithm", "input", "output", "MMAC", "weights MB", "data MB", "at MB")
        lines = [
            (
                step.name,
                step.algorithm,
                shape_text(step.input_shape),
                shape_text(step.output_shape),
                f"{step.macs * self.batch / 1e6:.1f}" if step.macs else "",
                f"{step.weight_bytes / 1e6:.2f}" if step.weight_bytes else "",
                f"{step.activation_bytes * self.batch / 1e6:.2f}",
                "" if row["arena_offset_bytes"] is None else f"{_megabytes(row):.2f}",
                f"{row['expected_ms']:.3f}",
            )
            for step, row in zip(self.steps, self.rows(), strict=True)
        ]
        total = sum(step.macs for step in self.steps) * self.batch
        weights = sum(step.weight_bytes for step in self.steps)
        expected = sum(self.expected_ms(step) for step in self.steps)
        threads = f"{self.threads} thread{'s' if self.threads > 1 else ''}"
        footer = (
            f"{self.variant.name}, batch {self.batch}: {total / 1e6:.1f} MMAC, "
            f"{weights / 1e6:.1f} MB of weights, arena {self.arena_bytes / 1e6:.2f} MB "
            f"(blocks of {self.trunk_block} images, {self.head_block} in the fully connected "
            f"layers); {expected:.2f} ms expected on {threads}"
        )
        table = text_table((*header, "expected ms"), lines, right_aligned=range(4, 9))
        return f"{table}\n{footer}"


def _megabytes(row: dict[str, object]) -> float:
    offset = row["arena_offset_bytes"]
    assert isinstance(offset, int)
    return offset / 1e6
