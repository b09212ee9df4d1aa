"""Plain NumPy: each layer as its definition, a fast baseline, a whole pass.

The tests compare the kernels with these; nothing here uses a compiled module.
"""
