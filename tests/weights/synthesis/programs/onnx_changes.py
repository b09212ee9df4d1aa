"""Changes to one thing of an ONNX model that is sound otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from synthesis.networks import TINY, random_tensors
from synthesis.programs.onnx_files import Encoding, Writer, set_attribute

Change = Callable[[Writer], None]

DEFAULT = Encoding()


def changed(change: Change, encoding: Encoding = DEFAULT, variant: str = "caffe") -> bytes:
    """Return a file that is sound but for one change."""
    network = TINY[variant]
    writer = Writer(network, random_tensors(network), encoding)
    change(writer)
    return bytes(writer.model.SerializeToString())


def attribute(op: str, name: str, value: Any, number: int = 0) -> Change:
    """Set an attribute of a node."""
    return lambda writer: set_attribute(writer.node(op, number), name, value)


def without(op: str, number: int = 0) -> Change:
    """Take a node out of the chain."""

    def change(writer: Writer) -> None:
        node = writer.node(op, number)
        for other in writer.graph.node:
            for place, value in enumerate(other.input):
                if value == node.output[0]:
                    other.input[place] = node.input[0]
        writer.graph.node.remove(node)

    return change


def inserted(op: str, **attributes: Any) -> Change:
    """Insert a node behind the first Relu."""

    def change(writer: Writer) -> None:
        before = writer.node("Relu").output[0]
        writer.node("Relu").output[0] = "before the insertion"
        node = writer.graph.node.add(op_type=op, input=["before the insertion"], output=[before])
        for name, value in attributes.items():
            set_attribute(node, name, value)

    return change


def swapped(writer: Writer) -> None:
    """Swap the first MaxPool with the LRN before it, the second pair left alone."""
    pool, norm = writer.node("MaxPool"), writer.node("LRN")
    norm_input, pool_output = norm.input[0], pool.output[0]
    pool.input[0], pool.output[0] = norm_input, "between"
    norm.input[0], norm.output[0] = "between", pool_output


def tensor(name: str, change: Callable[[Any], None]) -> Change:
    """Change an initializer."""

    def apply(writer: Writer) -> None:
        change(next(t for t in writer.graph.initializer if t.name == f"onnx::{name}"))

    return apply
