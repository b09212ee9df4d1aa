"""The commands, a module each: `add_parser` declares the arguments, `run` does the work."""
