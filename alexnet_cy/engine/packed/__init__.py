"""Weights of layers as the kernels read them: packed for good, or streamed in a first pass."""
