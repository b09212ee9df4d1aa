"""One training step: forward, loss, backward, update, on weights that it owns."""
