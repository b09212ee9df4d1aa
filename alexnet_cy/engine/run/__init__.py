"""The forward loop: kernels bound to an arena, blocks of images, times of layers."""
