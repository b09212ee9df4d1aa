"""Caffe's files: ``.caffemodel`` networks, read and written, and ``.binaryproto`` means."""
