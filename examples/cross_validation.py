"""How well do AlexNet's features tell the classes of a folder apart? With scikit-learn.

pip install "alexnet-cy[sklearn]"
python examples/cross_validation.py photos/ --weights alexnet.pth     # photos/CLASS/*.jpg
"""

from __future__ import annotations

import argparse
from pathlib import Path

from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from alexnet_cy import AlexNet
from alexnet_cy.adapters.sklearn import AlexNetFeatures
from alexnet_cy.images import find_images


def main() -> None:
    """Extract the features once, then fit and score a linear classifier on every fold."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", help="a folder of folders, one for each class")
    parser.add_argument("--weights", help="a weight file; without it the weights are random")
    parser.add_argument("--layer", default="fc7")
    parser.add_argument("--folds", type=int, default=5)
    arguments = parser.parse_args()

    paths = [str(path) for path in find_images(arguments.folder)]
    labels = [Path(path).parent.name for path in paths]
    features = AlexNetFeatures(arguments.weights or AlexNet.random(), arguments.layer)
    # Nothing is fitted in the network, so its features are the same in every fold. What is
    # fitted, the scale too, goes into the pipeline, which sees the training images only.
    table = features.transform(paths)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    scores = cross_val_score(model, table, labels, cv=arguments.folds)
    print(f"{len(paths)} images, {len(set(labels))} classes, {table.shape[1]} features")
    print(f"accuracy {scores.mean():.3f} +/- {scores.std():.3f} over {arguments.folds} folds")


if __name__ == "__main__":
    main()
