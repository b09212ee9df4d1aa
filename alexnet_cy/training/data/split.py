"""Splitting images into two parts, class by class, with what belongs together on one side."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

import numpy as np

from alexnet_cy.contracts.records import record
from alexnet_cy.contracts.scalars import as_count, as_real
from alexnet_cy.training.data.folder import Sample
from alexnet_cy.training.data.random_numbers import Stream, permutation

__all__ = ["Split", "content_digest", "split_samples"]


@record(frozen=True, slots=True)
class Split:
    """Images to learn from and images to measure with.

    Attributes
    ----------
    train, val : tuple of int
        Places among the samples, ascending; together they are all of them.
    duplicates : tuple of tuple of int
        Places of samples whose files are the same, byte for byte; each on one side.
    """

    train: tuple[int, ...]
    val: tuple[int, ...]
    duplicates: tuple[tuple[int, ...], ...]


def split_samples(samples: Sequence[Sample], val: float = 0.2, *, seed: int = 0) -> Split:
    """Split images class by class.

    Files of the same content stay together, and so do samples of one `Sample.group`. Which go
    where depends on the seed and on the order of the samples alone. A class of at least two such
    sets of images has one on either side at least.

    Parameters
    ----------
    samples : sequence of Sample
    val : float
        The share of each class that goes to `Split.val`, above 0 and below 1.
    seed : int
        From 0 up.

    Raises
    ------
    TypeError, ValueError
        `val` or `seed` is no such number.
    """
    share = as_real(val, "val")
    if not 0 < share < 1:
        raise ValueError(f"val: need a share above 0 and below 1, got {share:g}")
    seed = as_count(seed, "seed", minimum=0)
    digests = [content_digest(sample.path) for sample in samples]
    held_out: list[int] = []
    sets_by_label: dict[int, list[list[int]]] = {}
    for members in _sets(samples, digests):
        label = Counter(samples[i].label for i in members).most_common(1)[0][0]
        sets_by_label.setdefault(label, []).append(members)
    for label, sets in sorted(sets_by_label.items()):
        order = permutation(seed, Stream.SPLIT, len(sets), label)
        held_out += _take([sets[i] for i in order], share)
    chosen = set(held_out)
    return Split(
        tuple(i for i in range(len(samples)) if i not in chosen),
        tuple(sorted(chosen)),
        _duplicates(digests),
    )


def content_digest(path: str) -> bytes:
    """Return a hash of what is in a file; of its name, where it cannot be read."""
    digest = hashlib.blake2b(digest_size=16)
    try:
        with open(path, "rb") as file:
            while part := file.read(1 << 20):
                digest.update(part)
    except OSError:  # the decoder will say what is wrong with it
        digest.update(b"\0unreadable" + path.encode("utf-8", "surrogateescape"))
    return digest.digest()


def _take(sets: list[list[int]], share: float) -> list[int]:
    """Take sets of a class in turn until its share is full; leave one."""
    total = sum(map(len, sets))
    wanted = max(1, round(share * total))
    taken: list[list[int]] = []
    n_taken = 0
    for members in sets:
        if n_taken + len(members) <= wanted and len(taken) < len(sets) - 1:
            taken.append(members)
            n_taken += len(members)
    if not taken and len(sets) > 1:
        taken.append(min(sets, key=len))
    return [i for members in taken for i in members]


def _sets(samples: Sequence[Sample], digests: Sequence[bytes]) -> list[list[int]]:
    """Return sets of samples that stay together, each ascending, in the order of their first.

    They are the connected parts of the graph in which samples of one group or of one content are
    neighbours.
    """
    first = np.arange(len(samples))  # a sample before it in its set, or itself

    def root(i: int) -> int:
        while first[i] != i:
            first[i] = first[first[i]]
            i = int(first[i])
        return i

    seen: dict[object, int] = {}
    for i, (sample, digest) in enumerate(zip(samples, digests, strict=True)):
        for key in (digest, *([sample.group] if sample.group else [])):
            a, b = sorted((root(i), root(seen.setdefault(key, i))))
            first[b] = a
    sets: dict[int, list[int]] = {}
    for i in range(len(samples)):
        sets.setdefault(root(i), []).append(i)
    return list(sets.values())


def _duplicates(digests: Sequence[bytes]) -> tuple[tuple[int, ...], ...]:
    places: dict[bytes, list[int]] = {}
    for i, digest in enumerate(digests):
        places.setdefault(digest, []).append(i)
    return tuple(tuple(same) for same in places.values() if len(same) > 1)
