"""The extension modules of the backward pass and of the update."""
