"""Features on a local Ray cluster: bad images, a killed actor, a run given again; each row once.

Not part of the tests, as Ray takes 400 MB of packages and half a minute to start::

    pip install 'alexnet-cy[ray,parquet]' && python scripts/try_ray.py

Makes 2,000 small images, some of them bad, in a temporary folder; kills one of two actors with
SIGKILL in the middle; compares every row with those of an undisturbed run in this process, and the
files of a second run with those of the first.
"""

from __future__ import annotations

import hashlib
import os
import signal
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet
import ray
from PIL import Image

from alexnet_cy import AlexNet
from alexnet_cy.adapters.ray import write_features

N_IMAGES, N_SHARDS = 2000, 20


def make_images(folder: Path) -> list[str]:
    """Write JPEGs, and every 97th bad."""
    rng = np.random.default_rng(0)
    paths = [folder / f"{i:04}.jpg" for i in range(N_IMAGES)]
    for i, path in enumerate(paths):
        if i % 97 == 50:
            path.write_bytes(b"bad")
        else:
            pixels = rng.integers(0, 256, (12, 12, 3)).astype(np.uint8)
            Image.fromarray(pixels).resize((160, 120)).save(path)
    return [str(path) for path in paths]


def kill_an_actor(output: Path, killed: list[int]) -> None:
    """Wait for the third shard, then kill a process of the pool."""
    while len(list(output.glob("*.parquet"))) < 3:
        time.sleep(0.05)
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            title = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if title.startswith(b"ray::") and b"ShardWriter" in title:
            os.kill(int(entry.name), signal.SIGKILL)
            killed.append(int(entry.name))
            return


def hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of each file."""
    files = sorted(folder.iterdir())
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def main() -> None:
    """Run it all, and print what was found."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        (root / "images").mkdir()
        (root / "out").mkdir()
        paths = make_images(root / "images")
        AlexNet.random("torchvision").save_packed(root / "net.packed")
        net = AlexNet.load_packed(root / "net.packed")
        ray.init(num_cpus=2, include_dashboard=False, object_store_memory=300 * 2**20)
        killed: list[int] = []
        killer = threading.Thread(target=kill_an_actor, args=(root / "out", killed))
        killer.start()
        arguments = net, paths, root / "out" / "f.parquet", "fc7"
        began = time.perf_counter()
        rows = write_features(*arguments, shards=N_SHARDS)
        took_s = time.perf_counter() - began
        killer.join()
        first = hashes(root / "out")
        again = write_features(*arguments, shards=N_SHARDS)
        assert [int(row["rows"]) for row in again] == [int(row["rows"]) for row in rows]
        assert hashes(root / "out") == first, "the second run changed a file"
        ray.shutdown()
        table = parquet.read_table([root / "out" / name for name in first])
        assert table["file"].to_pylist() == paths, "each row once, in order"
        errors = table["error"].to_pylist()
        bad = [i for i, error in enumerate(errors) if error is not None]
        assert bad == list(range(50, N_IMAGES, 97))
        good = [i for i in range(N_IMAGES) if i not in set(bad)]
        expected = net.features([paths[i] for i in good], "fc7")
        found = np.array([row for row in table["fc7"].to_pylist() if row is not None], np.float32)
        np.testing.assert_array_equal(found, expected)
        undisturbed = root / "undisturbed"
        undisturbed.mkdir()
        target = undisturbed / "f.parquet"
        for number in (1, N_SHARDS // 2, N_SHARDS):
            net.write_features(paths, target, "fc7", shard=(number, N_SHARDS), on_error="nan")
        for file, digest in hashes(undisturbed).items():
            assert first[file] == digest, file
        print(
            f"{len(paths)} images, {len(bad)} bad, {N_SHARDS} shards, actor {killed} killed: "
            f"each row once, in {took_s:.0f} s; a second run changed nothing; "
            "bytes as of an undisturbed run"
        )


if __name__ == "__main__":
    main()
