"""AlexNet's forward pass on the CPU."""
