"""Forks at random moments, while threads pack, plan, tune, decode and download.

    python tests/machine/fork_storm.py [FORKS] [SEED]

Every child runs a pass of each model that the parent's threads are busy with, decodes an image, and
compares the bytes. It is killed after a minute. Prints how many children ended well, differed, or
hung, and ends with status 1 if not all ended well.
"""

from __future__ import annotations

import hashlib
import os
import random
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from PIL import Image
from support.http_server import serving
from support.networks import images, narrow, random_weights

from alexnet_cy import AlexNet
from alexnet_cy.engine.tune import tuning
from alexnet_cy.machine.cache_folder import cache_folder
from alexnet_cy.published import registry
from alexnet_cy.published.download import fetch
from alexnet_cy.published.registry import SMALLEST, get_published
from alexnet_cy.weights import open_network
from alexnet_cy.weights.safetensors import write

PATIENCE_S = 60
CONTENT = bytes(range(256)) * 4096


class Storm:
    """The models that all threads work on, and the work of each thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.variant = narrow()
        self.file = folder / "narrow.safetensors"
        write(self.file, self.variant.name, random_weights(self.variant))
        self.x = images(self.variant, 2)
        self.photograph = folder / "photograph.jpg"
        pixels = np.random.default_rng(0).integers(0, 256, (300, 400, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(self.photograph)
        self.net = self.fresh()
        self.expected = self.answer(self.net)
        # What tuning chooses may have other bits; of direct and im2col it has not.
        tensors = open_network(self.file, self.variant).tensors
        self.tuned = AlexNet(self.variant, tensors, exact=True)
        self.expected_tuned = self.answer(self.tuned)
        self.stop = threading.Event()

    def fresh(self) -> AlexNet:
        """Return the network anew, nothing read yet."""
        return AlexNet(self.variant, open_network(self.file, self.variant).tensors)

    def answer(self, net: AlexNet) -> str:
        """Hash a pass over arrays, and one over a file."""
        digest = hashlib.sha256(net.forward(self.x).tobytes())
        digest.update(net.features([self.photograph] * 3, "pool1", threads=2).tobytes())
        return digest.hexdigest()

    def pack(self) -> None:
        """Take a fresh network through its first passes."""
        self.net = self.fresh()
        for _ in range(3):
            self.net.forward(self.x)

    def plan(self) -> None:
        """Plan for image sizes that have not been met."""
        size = random.randrange(200, 260)
        self.net.forward(np.zeros((1, 3, size, size), np.float32), ["pool2"])

    def tune(self) -> None:
        """Measure anew."""
        self.tuned.tune(height=99, width=99, fresh=True)

    def decode(self) -> None:
        """Decode on threads."""
        self.net.features([self.photograph] * 8, "pool1", threads=2)

    def download(self) -> None:
        """Fetch a file that is not there."""
        (cache_folder() / "storm.net").unlink(missing_ok=True)
        fetch("storm", timeout_s=PATIENCE_S)

    def keep_doing(self, work: Callable[[], None]) -> None:
        """Do it until the end."""
        while not self.stop.is_set():
            work()

    def fork(self) -> int:
        """Fork now; return the process of the child, which does what all threads do."""
        net = self.net
        pid = os.fork()
        if pid:
            return pid
        status = 2
        try:
            signal.alarm(PATIENCE_S)
            right = self.answer(net) == self.expected == self.answer(self.fresh())
            if right and self.answer(self.tuned) == self.expected_tuned:
                with suppress(FileNotFoundError):  # the parent's thread removes it again and again
                    fetch("storm", timeout_s=PATIENCE_S)
                status = 0
            else:
                status = 3
        except Exception:
            traceback.print_exc()
        finally:
            os._exit(status)


HOW_ENDED = {0: "well", 2: "with an error", 3: "with other bytes", -signal.SIGALRM: "hung"}


def wait(pid: int) -> str:
    """Wait for a child and say how it ended."""
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return HOW_ENDED.get(status, f"with status {status}")


def main(forks: int = 300, seed: int = 0) -> int:
    """Fork so many children; return 0 if all ended well."""
    random.seed(seed)
    ended: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name, serving(CONTENT) as server:
        os.environ |= {"ALEXNET_CY_HOME": name, "NO_PROXY": "127.0.0.1"}
        published = replace(
            get_published(SMALLEST),
            name="storm",
            file_name="storm.net",
            urls=(server.url(),),
            size_bytes=len(CONTENT),
            hash_name="sha256",
            hash_hex=hashlib.sha256(CONTENT).hexdigest(),
        )
        registry.PUBLISHED = MappingProxyType({"storm": published})
        tuning.ENOUGH_S, tuning.FEWEST_ROUNDS = 0.0, 1
        storm = Storm(Path(name))
        works = (storm.pack, storm.plan, storm.tune, storm.decode, storm.download)
        threads = [threading.Thread(target=storm.keep_doing, args=(work,)) for work in works]
        for thread in threads:
            thread.start()
        try:
            for _ in range(forks):
                time.sleep(random.uniform(0, 0.05))
                ended[wait(storm.fork())] += 1
        finally:
            storm.stop.set()
            for thread in threads:
                thread.join()
    print(f"{forks} forks, seed {seed}: " + ", ".join(f"{n} {how}" for how, n in ended.items()))
    return int(ended["well"] != forks)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
