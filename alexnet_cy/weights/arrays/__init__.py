"""NumPy's files: ``.npz`` and ``.npy``, object arrays of Python 2 among them."""
