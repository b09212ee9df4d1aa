"""Write alexnet_cy/data/imagenet_classes.tsv: the 1000 classes of ImageNet's 2012 challenge.

The classes come from the metadata of a published package, timm, which is downloaded as a wheel and
read as a zip file; nothing of it is imported or run. Caffe's and torchvision's networks number the
classes in the order of their WordNet ids, and the script checks that timm's list has that order.

    python scripts/make_labels.py                 # downloads timm with pip
    python scripts/make_labels.py timm-*.whl      # reads a wheel that is there
"""

from __future__ import annotations

import argparse
import hashlib
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

TIMM_VERSION = "1.0.31"
TIMM_SHA256 = "5bd50f7d0fe6d09bf9285ac2523234a1b7e6bf075c0be3e7aed09139fcb617c7"
SYNSETS = "timm/data/_info/imagenet_synsets.txt"
WORDS = "timm/data/_info/imagenet_synset_to_lemma.txt"

OUTPUT = Path(__file__).resolve().parents[1] / "alexnet_cy" / "data" / "imagenet_classes.tsv"

HEADER = f"""\
# The 1000 classes of ILSVRC 2012 in the order that Caffe's and torchvision's networks share.
# Columns, separated by a tab: WordNet id, words of the synset. The first line is class 0.
# Written by scripts/make_labels.py from timm {TIMM_VERSION} (pypi.org/project/timm, Apache-2.0):
# {SYNSETS} and {WORDS}.
# The words are those of WordNet 3.0, Copyright 2006 by Princeton University: WORDNET_LICENSE.txt.
"""


def main() -> None:
    """Find the wheel, check it, write the file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("wheel", nargs="?", type=Path, help=f"the wheel of timm {TIMM_VERSION}")
    wheel = parser.parse_args().wheel
    with tempfile.TemporaryDirectory() as folder:
        classes = read_classes(wheel or download_wheel(folder))
    lines = [f"{wnid}\t{words}\n" for wnid, words in classes]
    OUTPUT.write_text(HEADER + "".join(lines), encoding="utf-8", newline="\n")
    print(f"{OUTPUT}: {len(lines)} classes")


def download_wheel(folder: str) -> Path:
    """Download the wheel of timm alone, without what it depends on."""
    requirement = f"timm=={TIMM_VERSION}"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", requirement]
    subprocess.run(command, cwd=folder, check=True)
    return next(Path(folder).glob("timm-*.whl"))


def read_classes(wheel: Path) -> list[tuple[str, str]]:
    """Return the (WordNet id, words) of every class, in the order of the networks' outputs.

    Raises
    ------
    SystemExit
        The wheel is another one, or its lists are not what they are taken for.
    """
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if digest != TIMM_SHA256:
        raise SystemExit(f"{wheel}: sha256 is {digest}, not that of timm {TIMM_VERSION}")
    with zipfile.ZipFile(wheel) as archive:
        wnids = archive.read(SYNSETS).decode("utf-8").split()
        words = dict(line.split("\t") for line in archive.read(WORDS).decode("utf-8").splitlines())
    if len(wnids) != 1000 or wnids != sorted(set(wnids)):
        raise SystemExit(f"{SYNSETS}: not 1000 different WordNet ids in order")
    if unlike := [wnid for wnid in wnids if not re.fullmatch(r"n\d{8}", wnid)]:
        raise SystemExit(f"{SYNSETS}: {unlike[0]!r} is no WordNet id of a noun")
    return [(wnid, words[wnid]) for wnid in wnids]


if __name__ == "__main__":
    main()
