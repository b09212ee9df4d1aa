"""A CSV table: a line for each image, a column for each value; metadata in a .json beside it."""

from __future__ import annotations

import csv
from math import prod

from alexnet_cy.extraction.formats.columns import column_names
from alexnet_cy.extraction.formats.finished import Finished, plain_text
from alexnet_cy.extraction.formats.npy import beside, read_metadata, write_beside

__all__ = ["beside", "read_metadata", "write", "write_beside"]


def write(finished: Finished, path: str) -> None:
    """Write it: "file", then for each layer a column a value, such as conv5_17_3_12."""
    layers = {layer: finished.rows(layer) for layer in finished.paths}
    with open(path, "w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream, lineterminator="\n")
        header = ["file"]
        for layer, rows in layers.items():
            header += column_names(layer, rows.shape[1:])
        table.writerow(header)
        flat = [rows.reshape(len(rows), prod(rows.shape[1:])) for rows in layers.values()]
        for i, name in enumerate(finished.names):
            # 9 significant digits give every float32 back (IEEE 754-2019, 5.12.2).
            values = [f"{value:.9g}" for rows in flat for value in rows[i].tolist()]
            table.writerow([plain_text(name), *values])
