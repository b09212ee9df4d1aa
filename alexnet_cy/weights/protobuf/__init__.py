"""Protocol buffers on the wire, read lazily: only what is requested is read."""
