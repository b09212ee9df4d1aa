"""A download that keeps what has arrived and continues from there.

The bytes go to a file of their own beside the target. It stays when a download breaks off, and the
next one asks the server for the rest (HTTP range requests, RFC 9110, section 14). What arrives is
believed only once its hash is right, so nothing about the connection has to be trusted.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from alexnet_cy.errors import WeightsError
from alexnet_cy.published.checksum import file_hash
from alexnet_cy.published.pace import Pace, TooSlow, within
from alexnet_cy.version import __version__

if TYPE_CHECKING:
    from requests import Response, Session

    from alexnet_cy.published.registry import PublishedFile

__all__ = ["DownloadError", "Progress", "ResumableDownload"]

Progress: TypeAlias = Callable[[int, "int | None"], None]
"""Called with the bytes that are there and, if it is known, their number in the end."""

CONNECT_TIMEOUT_S = 10.0
MAX_REDIRECTS = 5
MAX_ATTEMPTS = 20

PIECE_BYTES = 1 << 16  # what is read at once, at most

# The head of an answer may take so many times as long as the first byte of it.
HEAD_TIMES = 2


class DownloadError(WeightsError):
    """A published file cannot be fetched; the message says from where, and why."""


class _BrokenOff(Exception):
    """The connection ended too early; what has arrived is good."""


class ResumableDownload:
    """Fetches one published file.

    Parameters
    ----------
    file : PublishedFile
        The file to fetch: its size and its hash.
    part : Path
        Where the bytes are kept until they are complete.
    timeout_s : float
        Seconds without a byte after which the connection is given up; and in every such time there
        must come the bytes that `pace.LOWEST_BYTES_PER_S` asks for.
    progress : callable, optional
        Called now and then, see `Progress`.
    """

    def __init__(
        self, file: PublishedFile, part: Path, *, timeout_s: float, progress: Progress | None = None
    ) -> None:
        self._file = file
        self._part = part
        self._timeout_s = timeout_s
        self._progress = progress

    def fetch(self, url: str, path: Path) -> None:
        """Fetch the file from an address; it gets its name once its hash is right.

        Parameters
        ----------
        url : str
            Of http or https.
        path : Path
            On the same file system as `part`; what is there is replaced.

        Raises
        ------
        DownloadError
            The server cannot be reached, answers with an error, breaks off without an attempt
            bringing any more bytes, is too slow, or sends something else than the file.
        OSError
            The disk cannot be written to.
        """
        from requests import Session

        with Session() as session:
            session.max_redirects = MAX_REDIRECTS
            session.headers["User-Agent"] = f"alexnet-cy/{__version__}"
            # Compressed on the way, the bytes could not be counted against the file's size.
            session.headers["Accept-Encoding"] = "identity"
            continued = self._bytes_here() > 0
            self._complete(session, url)
            if continued and not self._is_right():
                # The part of an earlier run may have been of another file: once more from nothing.
                self._drop()
                self._complete(session, url)
        if not self._is_right():
            found = file_hash(self._part, self._file.hash_name)
            self._drop()
            raise DownloadError(
                f"{url}: sends another file: its {self._file.hash_name} hash is {found}, "
                f"not {self._file.hash_hex}"
            )
        os.replace(self._part, path)

    def _complete(self, session: Session, url: str) -> None:
        """Transfer until all bytes are there, as long as every attempt brings some."""
        most_bytes = -1
        pace = Pace(self._timeout_s)
        for _ in range(MAX_ATTEMPTS):
            try:
                self._transfer(session, url, pace)
                return
            except (_BrokenOff, TooSlow) as error:
                have = self._bytes_here()
                if have <= most_bytes or isinstance(error, TooSlow):
                    kept = f"; {have} bytes are kept for the next try" if have else ""
                    raise DownloadError(f"{url}: {error}{kept}") from error.__cause__
                most_bytes = have
        raise DownloadError(f"{url}: broke off {MAX_ATTEMPTS} times; the next try continues")

    def _transfer(self, session: Session, url: str, pace: Pace) -> None:
        """Ask once for what is missing and take what comes."""
        from requests.exceptions import RequestException

        have = self._bytes_here()
        if have and have == self._file.size_bytes:
            return
        headers = {"Range": f"bytes={have}-"} if have else {}
        timeouts = (min(CONNECT_TIMEOUT_S, self._timeout_s), self._timeout_s)

        def ask() -> Response:
            return session.get(url, headers=headers, stream=True, timeout=timeouts)

        try:
            with within(HEAD_TIMES * sum(timeouts), ask) as response:
                if response.status_code == 416:  # no such range: there is more here than there
                    self._drop()
                    raise _BrokenOff("the server has fewer bytes than there are here")
                self._receive(response, url, have, pace)
        except RequestException as error:
            raise _BrokenOff(_reason(error)) from error

    def _receive(self, response: Response, url: str, have: int, pace: Pace) -> None:
        """Append the body of an answer to the part, or begin it anew if the answer does."""
        if response.status_code not in (200, 206):
            raise DownloadError(
                f"{url}: the server answers {response.status_code} {response.reason}"
            )
        start = have if response.status_code == 206 else 0
        if start and not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            self._drop()
            raise _BrokenOff("the server does not continue where it was asked to")
        total = _total_bytes(response, start)
        self._check_size(url, start if total is None else total, exact=total is not None)
        done = start
        with open(self._part, "ab" if start else "wb") as stream:
            pace.start()
            for piece in _pieces(response):
                done += len(piece)
                pace.note(len(piece))
                self._check_size(url, done)
                stream.write(piece)
                if self._progress is not None:
                    self._progress(done, total or self._file.size_bytes)
        if done < (total or self._file.size_bytes or 0):
            raise _BrokenOff(f"broke off after {done} of {total or self._file.size_bytes} bytes")

    def _check_size(self, url: str, size_bytes: int, *, exact: bool = False) -> None:
        """Refuse more bytes than the file can have, or another number than it has."""
        wrong = exact and self._file.size_bytes not in (None, size_bytes)
        if not wrong and size_bytes <= self._file.max_bytes:
            return
        self._drop()
        limit = "" if self._file.size_bytes is not None else "at most "
        raise DownloadError(
            f"{url}: sends {size_bytes} bytes{'' if exact else ' or more'}; the file has "
            f"{limit}{self._file.max_bytes}"
        )

    def _bytes_here(self) -> int:
        try:
            return self._part.stat().st_size
        except FileNotFoundError:
            return 0

    def _is_right(self) -> bool:
        return file_hash(self._part, self._file.hash_name) == self._file.hash_hex

    def _drop(self) -> None:
        with suppress(FileNotFoundError):
            self._part.unlink()


def _total_bytes(response: Response, start: int) -> int | None:
    """Return how many bytes the whole file has, as the server says."""
    length = response.headers.get("Content-Length", "")
    return start + int(length) if re.fullmatch(r"[0-9]{1,15}", length) else None


def _pieces(response: Response) -> Iterator[bytes]:
    """Yield what has come, as it comes.

    `Response.iter_content` waits until a piece is full, for ever if a byte comes now and then.
    """
    from http.client import HTTPException

    from urllib3.exceptions import HTTPError

    body = response.raw
    read = getattr(body, "read1", None) or body._fp.read1  # urllib3 2, and 1
    while True:
        try:
            piece: bytes = read(PIECE_BYTES)
        except (HTTPError, HTTPException, OSError) as error:
            raise _BrokenOff(_reason(error)) from error
        if not piece:
            return
        yield piece


def _reason(error: Exception) -> str:
    """Say in a few words what has happened to the connection; requests nests three errors."""
    from requests import exceptions

    if isinstance(error, exceptions.Timeout | TimeoutError) or "timed out" in str(error):
        return "the server does not answer in time"
    if isinstance(error, exceptions.TooManyRedirects):
        return f"more than {MAX_REDIRECTS} redirections"
    if isinstance(error, exceptions.SSLError):
        return "no trustworthy connection (TLS)"
    if isinstance(error, exceptions.ChunkedEncodingError):
        return "the connection broke off"
    if isinstance(error, exceptions.ConnectionError):
        return "the server cannot be reached"
    if not isinstance(error, exceptions.RequestException):  # while it was being read
        return "the connection broke off"
    return str(error) or type(error).__name__
