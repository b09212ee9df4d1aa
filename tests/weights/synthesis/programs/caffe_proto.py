"""Caffe's messages for the tests, declared apart from the package's own declarations.

The lines are those of BVLC/caffe's caffe.proto for the fields that the tests write; the numbers of
a blob are declared as bytes, so that a test decides how they are encoded.
"""

from __future__ import annotations

import re
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_PROTO = """
message BlobShape { repeated int64 dim = 1 [packed]; }
message BlobProto {
  optional int32 num = 1; optional int32 channels = 2; optional int32 height = 3;
  optional int32 width = 4; optional bytes data = 5; optional bytes diff = 6;
  optional BlobShape shape = 7; optional bytes double_data = 8; optional bytes double_diff = 9;
  optional int32 raw_data_type = 10; optional bytes raw_data = 12;
}
message FloatBlobProto {
  repeated float data = 5 [packed]; repeated double double_data = 8 [packed];
}
message UnpackedBlobProto { repeated float data = 5; repeated double double_data = 8; }
message FillerParameter { optional string type = 1; optional float value = 2; }
message ConvolutionParameter {
  optional uint32 num_output = 1; optional bool bias_term = 2; repeated uint32 pad = 3;
  repeated uint32 kernel_size = 4; optional uint32 group = 5; repeated uint32 stride = 6;
  optional FillerParameter weight_filler = 7;
  optional uint32 pad_h = 9; optional uint32 pad_w = 10; optional uint32 kernel_h = 11;
  optional uint32 kernel_w = 12; optional uint32 stride_h = 13; optional uint32 stride_w = 14;
  repeated uint32 dilation = 18;
}
message PoolingParameter {
  optional int32 pool = 1; optional uint32 kernel_size = 2; optional uint32 stride = 3;
  optional uint32 pad = 4; optional bool global_pooling = 12; optional int32 round_mode = 13;
}
message LRNParameter {
  optional uint32 local_size = 1; optional float alpha = 2; optional float beta = 3;
  optional int32 norm_region = 4; optional float k = 5;
}
message InnerProductParameter {
  optional uint32 num_output = 1; optional int32 axis = 5; optional bool transpose = 6;
}
message ReLUParameter { optional float negative_slope = 1; }
message BatchNormParameter { optional float eps = 3; }
message ScaleParameter { optional int32 axis = 1; optional bool bias_term = 4; }
message PowerParameter {
  optional float power = 1; optional float scale = 2; optional float shift = 3;
}
message DropoutParameter { optional float dropout_ratio = 1; }
message ParamSpec { optional string name = 1; optional float lr_mult = 3; }
message LayerParameter {
  optional string name = 1; optional string type = 2; repeated string bottom = 3;
  repeated string top = 4; repeated ParamSpec param = 6; repeated bytes blobs = 7;
  optional ConvolutionParameter convolution_param = 106;
  optional DropoutParameter dropout_param = 108;
  optional InnerProductParameter inner_product_param = 117;
  optional LRNParameter lrn_param = 118; optional PoolingParameter pooling_param = 121;
  optional PowerParameter power_param = 122; optional ReLUParameter relu_param = 123;
  optional BatchNormParameter batch_norm_param = 139; optional ScaleParameter scale_param = 142;
}
message V1LayerParameter {
  repeated string bottom = 2; repeated string top = 3; optional string name = 4;
  optional int32 type = 5; repeated bytes blobs = 6; repeated float blobs_lr = 7;
  optional ConvolutionParameter convolution_param = 10;
  optional DropoutParameter dropout_param = 12;
  optional InnerProductParameter inner_product_param = 17;
  optional LRNParameter lrn_param = 18; optional PoolingParameter pooling_param = 19;
  optional ReLUParameter relu_param = 30;
}
message NetParameter {
  optional string name = 1; repeated V1LayerParameter layers = 2; repeated string input = 3;
  repeated int32 input_dim = 4; optional bool force_backward = 5;
  repeated LayerParameter layer = 100;
}
"""

_MESSAGE = re.compile(r"message (\w+) \{(.*?)\}", re.DOTALL)
_FIELD = re.compile(r"(optional|repeated) (\w+) (\w+) = (\d+)( \[packed\])?;")


def _build_pool() -> descriptor_pool.DescriptorPool:
    file = descriptor_pb2.FileDescriptorProto(name="test.proto", package="test", syntax="proto2")
    known = {name for name, _ in _MESSAGE.findall(_PROTO)}
    kinds = descriptor_pb2.FieldDescriptorProto
    for name, body in _MESSAGE.findall(_PROTO):
        message = file.message_type.add(name=name)
        for label, kind, field_name, number, packed in _FIELD.findall(body):
            field = message.field.add(name=field_name, number=int(number))
            field.label = kinds.Label.Value(f"LABEL_{label.upper()}")
            if kind in known:
                field.type = kinds.TYPE_MESSAGE
                field.type_name = f".test.{kind}"
            else:
                field.type = kinds.Type.Value(f"TYPE_{kind.upper()}")
            field.options.packed = bool(packed)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return pool


_POOL = _build_pool()


def new(name: str, /, **fields: Any) -> Any:
    """Make a message of one of the kinds above."""
    return message_factory.GetMessageClass(_POOL.FindMessageTypeByName(f"test.{name}"))(**fields)
