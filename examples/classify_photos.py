"""Name what is in photographs, and write the answers as a CSV table.

python examples/classify_photos.py photos/*.jpg --weights alexnet.pth > answers.csv
"""

from __future__ import annotations

import argparse
import csv
import sys

from alexnet_cy import AlexNet, ImageError


def main() -> None:
    """Classify the photographs one by one; report those that cannot be read and go on."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("photos", nargs="+")
    parser.add_argument("--weights", help="a weight file; without it the weights are random")
    parser.add_argument("--top", type=int, default=3)
    arguments = parser.parse_args()

    net = AlexNet.load(arguments.weights) if arguments.weights else AlexNet.random()
    table = csv.writer(sys.stdout)
    table.writerow(["photo", "rank", "wnid", "label", "probability"])
    for photo in arguments.photos:
        try:
            predictions = net.classify(photo, top=arguments.top)
        except ImageError as error:
            print(error, file=sys.stderr)
            continue
        for rank, best in enumerate(predictions, 1):
            table.writerow([photo, rank, best.wnid, best.label, f"{best.probability:.4f}"])


if __name__ == "__main__":
    main()
