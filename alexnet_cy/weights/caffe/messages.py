"""Caffe's protobuf messages, as far as an AlexNet needs them.

Field numbers from BVLC/caffe, ``src/caffe/proto/caffe.proto``; those of ``raw_data`` and
``raw_data_type`` from opencv/opencv, ``modules/dnn/src/caffe/opencv-caffe.proto``, which took them
from NVIDIA's Caffe. A pool has one kernel size, stride and pad in BVLC's Caffe and a list of each
in some forks; declared as lists, both are read. Defaults are Caffe's, and differ from AlexNet's.
What is not listed here is skipped: gradients (``diff``), fillers, data settings.
"""

from __future__ import annotations

from alexnet_cy.weights.protobuf.schema import PAYLOAD, Field, Schema

__all__ = ["CAFFE", "RAW_DATA_TYPES", "V1_TYPES"]

CAFFE = Schema(
    "caffe",
    {
        "BlobShape": (Field("dim", 1, "int64", repeated=True, packed=True),),
        "BlobProto": (
            Field("num", 1, "int64"),
            Field("channels", 2, "int64"),
            Field("height", 3, "int64"),
            Field("width", 4, "int64"),
            Field("data", 5, PAYLOAD),
            Field("shape", 7, "BlobShape"),
            Field("double_data", 8, PAYLOAD),
            Field("raw_data_type", 10, "int64"),
            Field("raw_data", 12, PAYLOAD),
        ),
        "ConvolutionParameter": (
            Field("num_output", 1, "int64"),
            Field("pad", 3, "int64", repeated=True),
            Field("kernel_size", 4, "int64", repeated=True),
            Field("group", 5, "int64", default=1),
            Field("stride", 6, "int64", repeated=True),
            Field("pad_h", 9, "int64"),
            Field("pad_w", 10, "int64"),
            Field("kernel_h", 11, "int64"),
            Field("kernel_w", 12, "int64"),
            Field("stride_h", 13, "int64"),
            Field("stride_w", 14, "int64"),
            Field("dilation", 18, "int64", repeated=True),
        ),
        "PoolingParameter": (
            Field("pool", 1, "int64"),
            Field("kernel_size", 2, "int64", repeated=True),
            Field("stride", 3, "int64", repeated=True),
            Field("pad", 4, "int64", repeated=True),
            Field("kernel_h", 5, "int64"),
            Field("kernel_w", 6, "int64"),
            Field("stride_h", 7, "int64"),
            Field("stride_w", 8, "int64"),
            Field("pad_h", 9, "int64"),
            Field("pad_w", 10, "int64"),
            Field("global_pooling", 12, "bool"),
            Field("round_mode", 13, "int64"),
        ),
        "LRNParameter": (
            Field("local_size", 1, "int64", default=5),
            Field("alpha", 2, "float", default=1.0),
            Field("beta", 3, "float", default=0.75),
            Field("norm_region", 4, "int64"),
            Field("k", 5, "float", default=1.0),
        ),
        "InnerProductParameter": (
            Field("num_output", 1, "int64"),
            Field("axis", 5, "int64", default=1),
            Field("transpose", 6, "bool"),
        ),
        "ReLUParameter": (Field("negative_slope", 1, "float"),),
        "BatchNormParameter": (Field("eps", 3, "float", default=1e-5),),
        "ScaleParameter": (Field("axis", 1, "int64", default=1),),
        "PowerParameter": (
            Field("power", 1, "float", default=1.0),
            Field("scale", 2, "float", default=1.0),
            Field("shift", 3, "float"),
        ),
        "InputParameter": (Field("shape", 1, "BlobShape", repeated=True),),
        "LayerParameter": (
            Field("name", 1, "string"),
            Field("type", 2, "string"),
            Field("bottom", 3, "string", repeated=True),
            Field("top", 4, "string", repeated=True),
            Field("blobs", 7, "BlobProto", repeated=True),
            Field("convolution_param", 106, "ConvolutionParameter"),
            Field("inner_product_param", 117, "InnerProductParameter"),
            Field("lrn_param", 118, "LRNParameter"),
            Field("pooling_param", 121, "PoolingParameter"),
            Field("power_param", 122, "PowerParameter"),
            Field("relu_param", 123, "ReLUParameter"),
            Field("batch_norm_param", 139, "BatchNormParameter"),
            Field("scale_param", 142, "ScaleParameter"),
            Field("input_param", 143, "InputParameter"),
        ),
        "V0LayerParameter": (Field("name", 1, "string"),),
        "V1LayerParameter": (
            Field("layer", 1, "V0LayerParameter"),
            Field("bottom", 2, "string", repeated=True),
            Field("top", 3, "string", repeated=True),
            Field("name", 4, "string"),
            Field("type", 5, "int64"),
            Field("blobs", 6, "BlobProto", repeated=True),
            Field("convolution_param", 10, "ConvolutionParameter"),
            Field("inner_product_param", 17, "InnerProductParameter"),
            Field("lrn_param", 18, "LRNParameter"),
            Field("pooling_param", 19, "PoolingParameter"),
            Field("power_param", 21, "PowerParameter"),
            Field("relu_param", 30, "ReLUParameter"),
        ),
        "NetParameter": (
            Field("name", 1, "string"),
            Field("layers", 2, "V1LayerParameter", repeated=True),
            Field("layer", 100, "LayerParameter", repeated=True),
        ),
    },
)
"""The messages; a ``.caffemodel`` is a NetParameter, a ``.binaryproto`` a BlobProto."""

V1_TYPES = {
    1: "Accuracy",
    4: "Convolution",
    5: "Data",
    6: "Dropout",
    8: "Flatten",
    12: "ImageData",
    14: "InnerProduct",
    15: "LRN",
    16: "MultinomialLogisticLoss",
    17: "Pooling",
    18: "ReLU",
    19: "Sigmoid",
    20: "Softmax",
    21: "SoftmaxWithLoss",
    22: "Split",
    23: "TanH",
    24: "WindowData",
    26: "Power",
    33: "Slice",
}
"""V1LayerParameter.LayerType: the numbers of the types that are found around an AlexNet, with the
names that ``upgrade_proto.cpp`` gives them."""

RAW_DATA_TYPES = {0: "F64", 1: "F32", 2: "F16"}
"""BlobProto.raw_data_type: DOUBLE, which is the default, FLOAT and FLOAT16."""
