"""OpenVINO's CPU plugin, from its own IR files, compiled for the batch.

fp32 and bf16 are the precisions it computes in; int8 is the network quantised by NNCF, its ranges
calibrated on the images that are run. With streams, a batch is cut into a part for each thread and
the parts run side by side, as they do under the throughput hint.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from peers.interface import Float32Array, Forward, NetworkFolder, Unavailable

__all__ = ["load", "prepare", "version"]

BF16, INT8, STREAMS = "openvino-bf16", "openvino-int8", "openvino-fp32-streams"


def version() -> str:
    """Return the version of OpenVINO."""
    import openvino

    return str(openvino.__version__).partition("-")[0]


def prepare(name: str, folder: NetworkFolder) -> None:
    """Write the network as IR, quantised for int8."""
    import openvino

    core = openvino.Core()
    _check_precision(name, core)
    path = folder.path / _file_name(name)
    if path.exists():
        return
    model = core.read_model(folder.onnx)
    if name == INT8:
        model = _quantised(model, np.load(folder.images))
    openvino.save_model(model, path, compress_to_fp16=False)


def load(name: str, folder: NetworkFolder, batch: int, threads: int) -> Forward:
    """Compile the network for a batch."""
    import openvino

    core = openvino.Core()
    _check_precision(name, core)
    model = core.read_model(folder.path / _file_name(name))
    config: dict[str, Any] = {
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": "bf16" if name == BF16 else "f32",
    }
    if name == STREAMS:
        if threads == 1 or batch % threads:
            raise Unavailable("needs two threads or more and as many images, or a multiple")
        _set_batch(model, batch // threads)
        compiled = core.compile_model(model, "CPU", config | {"NUM_STREAMS": threads})
        return _in_streams(openvino.AsyncInferQueue(compiled, threads), batch // threads)
    _set_batch(model, batch)
    compiled = core.compile_model(model, "CPU", config | {"PERFORMANCE_HINT": "LATENCY"})
    return _at_once(compiled.create_infer_request())


def _at_once(request: Any) -> Forward:
    def forward(images: Float32Array) -> Float32Array:
        request.infer({0: images}, share_inputs=True)
        return request.get_output_tensor(0).data  # type: ignore[no-any-return]

    return forward


def _in_streams(queue: Any, part: int) -> Forward:
    found: dict[int, Float32Array] = {}

    def keep(request: Any, start: int) -> None:
        found[start] = request.get_output_tensor(0).data.copy()

    queue.set_callback(keep)

    def forward(images: Float32Array) -> Float32Array:
        for start in range(0, len(images), part):
            queue.start_async({0: images[start : start + part]}, start, share_inputs=True)
        queue.wait_all()
        return np.concatenate([found[start] for start in sorted(found)])

    return forward


def _quantised(model: Any, images: Float32Array) -> Any:
    try:
        import nncf
    except ImportError as error:
        raise Unavailable(f"NNCF is not installed: {error}") from None
    _set_batch(model, 1)
    data = nncf.Dataset([image[np.newaxis] for image in images])
    return nncf.quantize(model, data, subset_size=len(images))


def _set_batch(model: Any, batch: int) -> None:
    _, *image = model.input(0).get_partial_shape()
    model.reshape([batch, *(axis.get_length() for axis in image)])


def _check_precision(name: str, core: Any) -> None:
    """Refuse bf16 where the plugin would quietly compute in fp32."""
    if name == BF16 and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        raise Unavailable("the processor has no bf16 arithmetic")


def _file_name(name: str) -> str:
    return "openvino-int8.xml" if name == INT8 else "openvino.xml"
