"""Pickles as Python 2 wrote them, from Python 3.

Python 2 has one type for bytes and text, ``str``, and writes it as SHORT_BINSTRING or BINSTRING.
NumPy's functions were in ``numpy.core`` then. Checked against a stream of Python 2.7's cPickle.
"""

from __future__ import annotations

import io
import pickle
import struct
from typing import ClassVar


class _Python2Pickler(pickle._Pickler):
    dispatch: ClassVar = dict(pickle._Pickler.dispatch)

    def _save_string(self, value: str | bytes) -> None:
        data = value.encode("latin-1") if isinstance(value, str) else value
        if len(data) < 256:
            self.write(pickle.SHORT_BINSTRING + bytes([len(data)]) + data)
        else:
            self.write(pickle.BINSTRING + struct.pack("<i", len(data)) + data)
        self.memoize(value)

    dispatch[str] = dispatch[bytes] = _save_string


def python2_dumps(value: object) -> bytes:
    """Pickle with protocol 2, as Python 2 with NumPy 1 does."""
    stream = io.BytesIO()
    _Python2Pickler(stream, protocol=2).dump(value)
    return stream.getvalue().replace(b"cnumpy._core.", b"cnumpy.core.")
