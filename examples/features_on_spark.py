"""Features of many images as a table of Spark: a row for each image, written as Parquet.

pip install pyspark pandas pyarrow
python examples/features_on_spark.py photos/ -o features.parquet --weights alexnet.pth
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import pandas
from pyspark.sql import SparkSession

from alexnet_cy import AlexNet
from alexnet_cy.images import find_images


def main() -> None:
    """Map a table of paths to a table of features."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", help="of images, on a disk that every executor sees")
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("--weights", help="a weight file; without it the weights are random")
    parser.add_argument("--layer", default="fc7")
    parser.add_argument("--partitions", type=int, default=8)
    parser.add_argument("--master", default="local[2]")
    arguments = parser.parse_args()
    layer, weights = arguments.layer, arguments.weights

    def rows(frames: Iterator[pandas.DataFrame]) -> Iterator[pandas.DataFrame]:
        """Read the images of a partition, 64 at a time, in their order."""
        net = AlexNet.load(weights) if weights else AlexNet.random()  # once a partition
        for frame in frames:
            # A task has one core; Spark would let OpenMP take all of the executor's.
            for batch in net.iter_features(frame["path"], layer, on_error="nan", threads=1):
                errors = {image.index: image.error for image in batch.skipped}
                values = batch.values[layer].reshape(len(batch.names), -1)
                yield pandas.DataFrame(
                    {
                        "path": batch.names,
                        "error": [errors.get(index) for index in batch.indices],
                        layer: list(values),
                    }
                )

    spark = SparkSession.builder.master(arguments.master).appName("features").getOrCreate()
    paths = [str(path) for path in find_images(arguments.folder)]
    table = spark.createDataFrame(pandas.DataFrame({"path": paths}))
    features = table.repartition(arguments.partitions).mapInPandas(
        rows, f"path string, error string, `{layer}` array<float>"
    )
    features.write.mode("overwrite").parquet(arguments.output)
    written = spark.read.parquet(arguments.output)
    n_bad = written.where("error is not null").count()
    print(f"{arguments.output}: {written.count()} images, {n_bad} of them could not be read")
    spark.stop()


if __name__ == "__main__":
    main()
