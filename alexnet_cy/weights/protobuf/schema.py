"""Protobuf messages declared in code, from the published field numbers.

Only the fields that are needed are declared; the library and `wire` skip all others. There is no
``.proto`` file and no generated code, and nothing is registered in protobuf's default pool, where
it would collide with the real ``caffe.proto`` of another package in the same process.

Three liberties are taken, all of them invisible in the file. Every integer and enumeration is
declared with 64 bits, so that a value which does not fit 32 is seen as it is and not cut to
something harmless. Large arrays of numbers are declared as a `PAYLOAD`, which is bytes to the
library: a packed array and a byte string look the same in a file, and as bytes the library does
not make an object of every number. And a payload may always be repeated, as a packed array may
come in several pieces.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PAYLOAD", "Field", "Schema"]

PAYLOAD = "payload"
"""Kind of a field that holds a large array of fixed-size numbers, or raw bytes in its place."""

SCALAR_KINDS = ("int64", "uint64", "bool", "float", "double", "string", "bytes")
"""Kinds of fields that are neither a payload nor a message, by their protobuf names."""


class Field(NamedTuple):
    """One field of a message.

    Attributes
    ----------
    name : str
        Name of the attribute of the message.
    number : int
        Field number, 1 to 2**29 - 1.
    kind : str
        One of `SCALAR_KINDS`, `PAYLOAD`, or the name of a message of the same schema.
    repeated : bool
        Whether the field is a list; a payload always is.
    packed : bool
        How a repeated number is written: as one block, or one by one. Both are read.
    default : int, float or None
        What a message without the field has there, if that is not zero.
    """

    name: str
    number: int
    kind: str
    repeated: bool = False
    packed: bool = False
    default: float | None = None

    @property
    def is_message(self) -> bool:
        """Whether the field is a message of its own."""
        return self.kind != PAYLOAD and self.kind not in SCALAR_KINDS


class Schema:
    """Some messages that belong together.

    Parameters
    ----------
    package : str
        Name that the messages go by in errors.
    messages : mapping of str to tuple of Field
        The fields of each message by its name.

    Attributes
    ----------
    fields : mapping
        ``fields[message name][field number]`` is the `Field`.
    """

    def __init__(self, package: str, messages: Mapping[str, tuple[Field, ...]]) -> None:
        self.package = package
        self.fields: Mapping[str, Mapping[int, Field]] = {
            name: {field.number: field for field in fields} for name, fields in messages.items()
        }

    def message_class(self, name: str) -> Any:
        """Return protobuf's class for one of the messages; KeyError if there is none."""
        return _message_class(self, name)


@cache
def _message_class(schema: Schema, name: str) -> Any:
    from google.protobuf import message_factory

    return message_factory.GetMessageClass(
        _pool(schema).FindMessageTypeByName(f"{schema.package}.{name}")
    )


@cache
def _pool(schema: Schema) -> Any:
    """Declare the messages to the library, in a pool of their own."""
    from google.protobuf import descriptor_pb2, descriptor_pool

    file = descriptor_pb2.FileDescriptorProto(
        name=f"{schema.package}.proto", package=schema.package, syntax="proto2"
    )
    for name, fields in schema.fields.items():
        message = file.message_type.add(name=name)
        for field in fields.values():
            _add_field(message, field, schema.package)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return pool


def _add_field(message: Any, field: Field, package: str) -> None:
    from google.protobuf.descriptor_pb2 import FieldDescriptorProto

    is_list = field.repeated or field.kind == PAYLOAD
    declared = message.field.add(
        name=field.name,
        number=field.number,
        label=FieldDescriptorProto.LABEL_REPEATED
        if is_list
        else FieldDescriptorProto.LABEL_OPTIONAL,
    )
    if field.is_message:
        declared.type = FieldDescriptorProto.TYPE_MESSAGE
        declared.type_name = f".{package}.{field.kind}"
    else:
        kind = "bytes" if field.kind == PAYLOAD else field.kind
        declared.type = FieldDescriptorProto.Type.Value(f"TYPE_{kind.upper()}")
    if field.packed:
        declared.options.packed = True
    if field.default is not None:
        declared.default_value = str(field.default)
