"""Write alexnet_cy/data/lpips_weights.tsv: LPIPS' linear weights for AlexNet.

They come from the published package lpips, whose files this reads with torch; nothing in them is
run. Install both, and torchvision, which lpips imports:

    python scripts/make_lpips_weights.py
"""

from __future__ import annotations

import hashlib
from importlib.metadata import files
from pathlib import Path

import torch

SHA256 = {
    "0.1": "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
    "0.0": "18720f55913d0af89042f13faa7e536a6ce1444a0914e6db9461355ece1e8cd5",
}
OUTPUT = Path(__file__).resolve().parents[1] / "alexnet_cy" / "data" / "lpips_weights.tsv"

HEADER = """\
# LPIPS' linear weights for AlexNet. Columns, separated by a tab: the version of LPIPS, the layer,
# and a weight for each of its channels, in the shortest decimals that give the float32 again.
# Written by scripts/make_lpips_weights.py from lpips 0.1.4 (pypi.org/project/lpips).
# Copyright (c) 2018, Richard Zhang, Phillip Isola, Alexei A. Efros, Eli Shechtman, Oliver Wang:
# lpips_weights_LICENSE.txt.
"""


def main() -> None:
    """Check the files of the package and write the table."""
    lines = []
    for version, wanted in SHA256.items():
        [name] = [f for f in files("lpips") or () if f.match(f"weights/v{version}/alex.pth")]
        path = Path(str(name.locate()))
        if hashlib.sha256(path.read_bytes()).hexdigest() != wanted:
            raise SystemExit(f"{path}: not the file of lpips 0.1.4")
        tensors = torch.load(path, map_location="cpu", weights_only=True)
        for i in range(5):
            weights = tensors[f"lin{i}.model.1.weight"].numpy().ravel()
            lines.append("\t".join([version, f"conv{i + 1}", *map(str, weights)]))
    OUTPUT.write_text(HEADER + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
