"""PyTorch's files: zip and legacy checkpoints, read without running a pickle's code."""
