"""Protocol buffers on the wire, read lazily: only what is asked for is touched."""
