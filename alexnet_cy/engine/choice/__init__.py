"""Which algorithm computes a convolution: what can, what it costs, which is taken."""
