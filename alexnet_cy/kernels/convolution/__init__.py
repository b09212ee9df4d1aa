"""The extension modules of the convolutions: direct, im2col, Winograd packed and streamed."""
