"""The published files on their way to this machine: whole, cut off, resumed, wrong, slow."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest
from support.http_server import FileServer, serving

from alexnet_cy.errors import WeightsError
from alexnet_cy.published import registry
from alexnet_cy.published.checksum import file_hash
from alexnet_cy.published.download import fetch, find_here, places
from alexnet_cy.published.pace import Pace, TooSlow
from alexnet_cy.published.registry import SMALLEST, PublishedFile, get_published
from alexnet_cy.published.resumable import PIECE_BYTES, DownloadError

CONTENT = hashlib.shake_128(b"weights").digest(11 * PIECE_BYTES - 1)
# Whole pieces: of a piece that breaks off, urllib3 1 gives what there is and urllib3 2 nothing.
CUT = 4 * PIECE_BYTES
PATIENCE_S = 20.0
IMPATIENCE_S = 1.0


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, an empty torch cache, and no proxy on the way to this machine."""
    monkeypatch.setenv("ALEXNET_CY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path / "home"


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving(CONTENT) as behaviour:
        yield behaviour


@pytest.fixture(params=["git-blob", "sha256"])
def published(
    request: pytest.FixtureRequest,
    home: Path,
    server: FileServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> PublishedFile:
    """A file on the server, in the registry as "mine"; of unknown size for git's hash."""
    original = tmp_path / "original"
    original.write_bytes(CONTENT)
    file = replace(
        get_published(SMALLEST),
        name="mine",
        file_name="weights.net",
        urls=(server.url(),),
        size_mb=0.7,
        size_bytes=None if request.param == "git-blob" else len(CONTENT),
        hash_name=request.param,
        hash_hex=file_hash(original, request.param),
    )
    return publish(file, monkeypatch)


def publish(file: PublishedFile, monkeypatch: pytest.MonkeyPatch) -> PublishedFile:
    monkeypatch.setattr(registry, "PUBLISHED", MappingProxyType({file.name: file}))
    return file


def quick_fetch(timeout_s: float = PATIENCE_S) -> Path:
    return fetch("mine", timeout_s=timeout_s)


def test_fetch_once(published: PublishedFile, server: FileServer, home: Path) -> None:
    announced: list[tuple[PublishedFile, Path]] = []
    seen: list[tuple[int, int | None]] = []
    path = fetch(
        "mine",
        announce=lambda *what: announced.append(what),
        progress=lambda *what: seen.append(what),
    )
    assert path == home / "weights.net"
    assert path.read_bytes() == CONTENT
    assert announced == [(published, path)]
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert len(seen) > 1
    assert fetch("mine") == path
    assert len(server.requests) == 1
    assert sorted(p.name for p in home.iterdir()) == [".weights.net.lock", "weights.net"]


def test_fetch_through_a_redirection(
    published: PublishedFile, server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(replace(published, urls=(server.url("/moved"),)), monkeypatch)
    assert quick_fetch().read_bytes() == CONTENT


def test_endless_redirection(
    published: PublishedFile, server: FileServer, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(replace(published, urls=(server.url("/loop"),)), monkeypatch)
    with pytest.raises(DownloadError, match="more than 5 redirections"):
        quick_fetch()


def test_second_address(
    published: PublishedFile, server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(replace(published, urls=("http://127.0.0.1:1/", server.url())), monkeypatch)
    assert quick_fetch().read_bytes() == CONTENT


def test_no_server(published: PublishedFile, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(replace(published, urls=("http://127.0.0.1:1/x",)), monkeypatch)
    with pytest.raises(DownloadError, match=r"127\.0\.0\.1:1/x: the server cannot be reached$"):
        quick_fetch()


def test_other_schemes_are_refused(
    published: PublishedFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(replace(published, urls=((tmp_path / "original").as_uri(),)), monkeypatch)
    with pytest.raises(DownloadError, match="No connection adapters"):
        quick_fetch()


def test_error_of_the_server(published: PublishedFile, server: FileServer, home: Path) -> None:
    server.status = 404
    with pytest.raises(DownloadError, match="the server answers 404 Not Found"):
        quick_fetch()
    assert not (home / "weights.net").exists()


def test_wrong_content(published: PublishedFile, server: FileServer, home: Path) -> None:
    server.content = CONTENT[::-1]
    message = rf"sends another file: its {published.hash_name} hash is .*, not {published.hash_hex}"
    with pytest.raises(WeightsError, match=message):
        quick_fetch()
    assert [p.name for p in home.iterdir()] == [".weights.net.lock"]


def test_truncated_then_resumed(published: PublishedFile, server: FileServer, home: Path) -> None:
    server.cut_after = CUT
    server.ranges = False
    with pytest.raises(DownloadError, match=rf"; {CUT} bytes are kept for the next try$"):
        quick_fetch()
    assert (home / "weights.net.part").read_bytes() == CONTENT[:CUT]
    assert not (home / "weights.net").exists()
    server.cut_after, server.ranges = None, True
    assert quick_fetch().read_bytes() == CONTENT
    assert server.requests[-1] == ("/weights.net", f"bytes={CUT}-")
    assert not (home / "weights.net.part").exists()


def test_interruptions_within_one_fetch(published: PublishedFile, server: FileServer) -> None:
    server.cut_after = CUT
    assert quick_fetch().read_bytes() == CONTENT
    ranges = [asked for _, asked in server.requests]
    assert ranges == [None, f"bytes={CUT}-", f"bytes={2 * CUT}-"]


def test_resumed_by_a_server_without_ranges(
    published: PublishedFile, server: FileServer, home: Path
) -> None:
    home.mkdir()
    (home / "weights.net.part").write_bytes(CONTENT[:1000])
    server.ranges = False
    assert quick_fetch().read_bytes() == CONTENT


def test_part_of_another_file_is_dropped(
    published: PublishedFile, server: FileServer, home: Path
) -> None:
    home.mkdir()
    (home / "weights.net.part").write_bytes(b"\0" * 1000)
    assert quick_fetch().read_bytes() == CONTENT
    assert [asked for _, asked in server.requests] == ["bytes=1000-", None]


@pytest.mark.parametrize("extra", [0, 1, 1000])
def test_part_of_full_length_or_more(
    published: PublishedFile, server: FileServer, home: Path, extra: int
) -> None:
    home.mkdir()
    (home / "weights.net.part").write_bytes(CONTENT + b"\0" * extra)
    assert quick_fetch().read_bytes() == CONTENT


def test_wrong_range(published: PublishedFile, server: FileServer, home: Path) -> None:
    home.mkdir()
    (home / "weights.net.part").write_bytes(CONTENT[:1000])
    server.wrong_range = True
    assert quick_fetch().read_bytes() == CONTENT


@pytest.mark.slow
@pytest.mark.parametrize("published", ["sha1"], indirect=True)
def test_slow_server(published: PublishedFile, server: FileServer, home: Path) -> None:
    server.stall_after = 0
    with pytest.raises(DownloadError, match=r"the server does not answer in time$"):
        quick_fetch(IMPATIENCE_S)
    server.stall_after = None
    assert quick_fetch().read_bytes() == CONTENT


@pytest.mark.slow
@pytest.mark.parametrize("published", ["sha1"], indirect=True)
def test_stalled_server(published: PublishedFile, server: FileServer, home: Path) -> None:
    server.stall_after = CUT
    server.ranges = False
    with pytest.raises(DownloadError, match=rf"in time; {CUT} bytes are kept for the next try$"):
        quick_fetch(IMPATIENCE_S)


@pytest.mark.slow
@pytest.mark.parametrize("published", ["sha1"], indirect=True)
def test_server_that_sends_byte_by_byte(
    published: PublishedFile, server: FileServer, home: Path
) -> None:
    """There is never a second without one."""
    server.drip_s = 0.05
    message = r"the server sends too slowly: [0-9]+ bytes in 1 s; [0-9]+ bytes are kept"
    with pytest.raises(DownloadError, match=message):
        quick_fetch(IMPATIENCE_S)
    server.drips_head = True
    with pytest.raises(DownloadError, match=r"the server does not answer in time; [0-9]+ bytes"):
        quick_fetch(IMPATIENCE_S / 4)
    server.drip_s, server.drips_head = None, False
    assert quick_fetch().read_bytes() == CONTENT


def test_a_download_has_a_deadline() -> None:
    pace = Pace(window_s=100.0, longest_s=-1.0)
    with pytest.raises(TooSlow, match="not complete after"):
        pace.note(1 << 20)


def test_oversize(published: PublishedFile, server: FileServer, home: Path) -> None:
    server.content = CONTENT * 2
    with pytest.raises(DownloadError, match=f"sends {len(CONTENT) * 2} bytes; the file has"):
        quick_fetch()
    assert [p.name for p in home.iterdir()] == [".weights.net.lock"]


def test_oversize_without_length(published: PublishedFile, server: FileServer, home: Path) -> None:
    server.content = CONTENT * 3
    server.lengthless = True
    with pytest.raises(DownloadError, match=r"sends [0-9]+ bytes or more; the file has"):
        quick_fetch()
    assert [p.name for p in home.iterdir()] == [".weights.net.lock"]


@pytest.mark.parametrize("published", ["sha1"], indirect=True)
def test_cut_without_length(published: PublishedFile, server: FileServer) -> None:
    """Only the published size says that something is missing."""
    server.lengthless = True
    server.cut_after = CUT
    assert quick_fetch().read_bytes() == CONTENT
    assert server.requests[1] == ("/weights.net", f"bytes={CUT}-")


def test_without_length(published: PublishedFile, server: FileServer) -> None:
    server.lengthless = True
    assert quick_fetch().read_bytes() == CONTENT


def test_damaged_file_is_replaced(published: PublishedFile, home: Path) -> None:
    home.mkdir()
    (home / "weights.net").write_bytes(b"damaged")
    with pytest.warns(UserWarning, match="is not the published file 'mine'"):
        assert quick_fetch().read_bytes() == CONTENT


def test_damaged_file_stays_if_there_is_no_other(
    published: PublishedFile, server: FileServer, home: Path
) -> None:
    home.mkdir()
    (home / "weights.net").write_bytes(b"damaged")
    server.status = 503
    with pytest.warns(UserWarning, match="its .* hash is"), pytest.raises(DownloadError):
        quick_fetch()
    assert (home / "weights.net").read_bytes() == b"damaged"


def test_two_at_once_download_once(published: PublishedFile, server: FileServer) -> None:
    paths: list[Path] = []
    threads = [threading.Thread(target=lambda: paths.append(quick_fetch())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(paths)) == 1
    assert len(paths) == 4
    assert len(server.requests) == 1


def test_folder_that_cannot_be_made(
    published: PublishedFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("ALEXNET_CY_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(NotADirectoryError):
        quick_fetch()


# -------------------------------------------------------------------------------------- places


def test_torch_cache_comes_first(
    home: Path, server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = tmp_path / "original"
    original.write_bytes(CONTENT)
    file = replace(
        get_published("torchvision"), size_bytes=None, hash_hex=file_hash(original, "sha256")
    )
    publish(file, monkeypatch)
    in_torch, in_ours = places(file)
    assert in_torch == tmp_path / "torch" / "hub" / "checkpoints" / file.file_name
    assert in_ours == home / file.file_name
    assert find_here(file) is None
    for place in (in_ours, in_torch):
        place.parent.mkdir(parents=True)
        place.write_bytes(CONTENT)
        assert fetch("torchvision") == place
    in_torch.write_bytes(b"something else")
    with pytest.warns(UserWarning, match="is not the published file 'torchvision'"):
        assert fetch("torchvision") == in_ours
