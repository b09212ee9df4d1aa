"""The messages of an ONNX file, as far as they are needed.

Field numbers from onnx/onnx.proto (github.com/onnx/onnx), unchanged since IR version 3.
"""

from __future__ import annotations

from types import MappingProxyType

from alexnet_cy.weights.protobuf.schema import PAYLOAD, Field, Schema

__all__ = ["ATTRIBUTE_TYPES", "DATA_TYPES", "EXTERNAL", "ONNX"]

ONNX = Schema(
    "onnx",
    {
        "ModelProto": (
            Field("ir_version", 1, "int64"),
            Field("producer_name", 2, "string"),
            Field("producer_version", 3, "string"),
            Field("graph", 7, "GraphProto"),
            Field("opset_import", 8, "OperatorSetIdProto", repeated=True),
            Field("metadata_props", 14, "StringStringEntryProto", repeated=True),
        ),
        "OperatorSetIdProto": (
            Field("domain", 1, "string"),
            Field("version", 2, "int64"),
        ),
        "StringStringEntryProto": (
            Field("key", 1, "string"),
            Field("value", 2, "string"),
        ),
        "GraphProto": (
            Field("node", 1, "NodeProto", repeated=True),
            Field("name", 2, "string"),
            Field("initializer", 5, "TensorProto", repeated=True),
            Field("input", 11, "ValueInfoProto", repeated=True),
            Field("output", 12, "ValueInfoProto", repeated=True),
        ),
        "NodeProto": (
            Field("input", 1, "string", repeated=True),
            Field("output", 2, "string", repeated=True),
            Field("name", 3, "string"),
            Field("op_type", 4, "string"),
            Field("attribute", 5, "AttributeProto", repeated=True),
            Field("domain", 7, "string"),
        ),
        "AttributeProto": (
            Field("name", 1, "string"),
            Field("f", 2, "float"),
            Field("i", 3, "int64"),
            Field("s", 4, "bytes"),
            Field("t", 5, "TensorProto"),
            Field("g", 6, "GraphProto"),
            Field("floats", 7, "float", repeated=True),
            Field("ints", 8, "int64", repeated=True),
            Field("type", 20, "int64"),
        ),
        "TensorProto": (
            Field("dims", 1, "int64", repeated=True),
            Field("data_type", 2, "int64"),
            Field("segment", 3, "bytes"),
            Field("float_data", 4, PAYLOAD),
            Field("int32_data", 5, PAYLOAD),
            Field("int64_data", 7, "int64", repeated=True, packed=True),
            Field("name", 8, "string"),
            Field("raw_data", 9, PAYLOAD),
            Field("double_data", 10, PAYLOAD),
            Field("external_data", 13, "StringStringEntryProto", repeated=True),
            Field("data_location", 14, "int64"),
        ),
        "ValueInfoProto": (
            Field("name", 1, "string"),
            Field("type", 2, "TypeProto"),
        ),
        "TypeProto": (Field("tensor_type", 1, "TensorTypeProto"),),
        "TensorTypeProto": (
            Field("elem_type", 1, "int64"),
            Field("shape", 2, "TensorShapeProto"),
        ),
        "TensorShapeProto": (Field("dim", 1, "DimensionProto", repeated=True),),
        "DimensionProto": (
            Field("dim_value", 1, "int64"),
            Field("dim_param", 2, "string"),
        ),
    },
)
"""The messages by their names in onnx.proto; nested ones have a name of their own here."""

DATA_TYPES = MappingProxyType({1: "F32", 10: "F16", 11: "F64", 16: "BF16", 7: "I64"})
"""TensorProto.DataType, in the names of safetensors; the types that no AlexNet has are left out."""

ATTRIBUTE_TYPES = MappingProxyType({"f": 1, "i": 2, "s": 3, "t": 4, "g": 5, "floats": 6, "ints": 7})
"""AttributeProto.AttributeType, by the field that holds the value."""

EXTERNAL = 1
"""TensorProto.DataLocation: the numbers are in another file."""
