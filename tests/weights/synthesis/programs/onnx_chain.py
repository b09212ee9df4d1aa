"""Makes small ONNX graphs node behind node with the onnx package, and runs them beside it."""

from __future__ import annotations

import numpy as np
import pytest

from alexnet_cy import AlexNet

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
HELPER = onnx.helper


class Chain:
    """A graph in the making, node behind node."""

    def __init__(self, shape):
        self.nodes, self.tensors, self.value = [], [], "x"
        self.shape = shape
        self.random = np.random.default_rng(0)

    def constant(self, array):
        name = f"c{len(self.tensors)}"
        self.tensors.append(onnx.numpy_helper.from_array(np.asarray(array), name))
        return name

    def draw(self, *shape):
        scale = np.sqrt(2 / max(1, np.prod(shape[1:]))) if len(shape) > 1 else 0.1
        return self.constant((self.random.standard_normal(shape) * scale).astype(np.float32))

    def add(self, op, *inputs, outputs=1, domain="", **attributes):
        names = [f"v{len(self.nodes)}_{i}" for i in range(outputs)]
        node = HELPER.make_node(op, [self.value, *inputs], names, domain=domain, **attributes)
        self.nodes.append(node)
        self.value = names[0]
        return names

    def conv(self, out, depth, kernel, *, bias=True, op="Conv", **attributes):
        weights = [self.draw(out, depth, kernel, kernel)] + [self.draw(out)] * bias
        self.add(op, *weights, kernel_shape=[kernel, kernel], **attributes)

    def relu_pool(self):
        self.add("Relu")
        self.add("MaxPool", kernel_shape=[3, 3], strides=[2, 2])

    def save(self, path, opset=13):
        info = HELPER.make_tensor_value_info
        graph = HELPER.make_graph(
            self.nodes,
            "test",
            [info("x", onnx.TensorProto.FLOAT, self.shape)],
            [info(self.value, onnx.TensorProto.FLOAT, None)],
            self.tensors,
        )
        imports = [HELPER.make_opsetid("", opset), HELPER.make_opsetid("com.microsoft", 1)]
        onnx.save(HELPER.make_model(graph, opset_imports=imports, ir_version=8), path)


def start(channels=3, size=67, **attributes):
    chain = Chain([1, channels, size, size])
    chain.conv(8, channels, 11, strides=[4, 4], **attributes)
    return chain  # 15 x 15


def trunk(chain):
    chain.relu_pool()  # 7 x 7
    chain.conv(12, 8, 5, pads=[2] * 4)
    chain.relu_pool()  # 3 x 3


def assert_equals_the_runtime(path, x):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    [name] = [value.name for value in session.get_inputs()]
    expected = session.run(None, {name: x})[0]
    net = AlexNet.load(path)
    if x.shape[1] != net.variant.in_channels:
        x = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    is_probability = abs(expected.reshape(len(x), -1).sum(axis=1) - 1).max() < 1e-5
    last = [layer for layer in net.layers if layer != "prob" or is_probability][-1]
    found = net.forward(x, [last])[last]
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= 3e-5 * np.abs(expected).max()
    return net
