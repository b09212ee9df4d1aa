"""Show how long each layer takes, and how long the plan expected it to take.

python examples/time_layers.py --variant torchvision --batch 8 --threads 1
"""

from __future__ import annotations

import argparse

import numpy as np

from alexnet_cy import VARIANTS, AlexNet


def main() -> None:
    """Time a network of random weights on random images, layer by layer."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--variant", choices=list(VARIANTS), default="caffe")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--repeats", type=int, default=10)
    arguments = parser.parse_args()

    net = AlexNet.random(arguments.variant)
    size = net.variant.input_size
    images = np.random.default_rng(0).normal(0, 50, (arguments.batch, 3, size, size))
    profile = net.profile(images, repeats=arguments.repeats, threads=arguments.threads)
    plan = net.plan(batch=arguments.batch, threads=arguments.threads)
    expected = {row["layer"]: row["expected_ms"] for row in plan.rows()}

    print(f"{net}: batch {profile.batch}, {profile.threads} threads, level {plan.level}")
    print(f"{'layer':12} {'algorithm':12} {'ms':>8} {'expected':>9} {'share':>6}")
    for layer in profile.layers:
        share = layer.median_ms / profile.total_ms
        print(
            f"{layer.name:12} {layer.algorithm:12} {layer.median_ms:8.3f} "
            f"{expected[layer.name]:9.3f} {share:6.1%}"
        )
    print(f"{'total':25} {profile.total_ms:8.3f}")


if __name__ == "__main__":
    main()
