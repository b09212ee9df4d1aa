"""One Parquet file: columns "file", "error", and a list of fixed length for each layer.

FixedSizeList is Arrow's own type: pandas, polars, Spark, DuckDB and R read it, and no engine's
private extension is in the way. Maps are flattened, (C, H, W) in this order; the metadata have
their shape.
"""

from __future__ import annotations

import json
from math import prod
from typing import Any

import numpy as np

from alexnet_cy.extraction.extras import import_extra
from alexnet_cy.extraction.form import Rows
from alexnet_cy.extraction.formats.finished import Finished, metadata_text, plain_text

__all__ = ["read_metadata", "write"]

ROWS_AT_A_TIME = 512
METADATA_KEY = b"alexnet_cy"


def write(finished: Finished, path: str) -> None:
    """Write it, a group of rows at a time; the row of an image that could not be read is null."""
    arrow = import_extra("pyarrow", "parquet")
    parquet = import_extra("pyarrow.parquet", "parquet")
    layers = {layer: finished.rows(layer) for layer in finished.paths}
    fields = [("file", arrow.string()), ("error", arrow.string())]
    for layer, rows in layers.items():
        value = arrow.float16() if rows.dtype == np.float16 else arrow.float32()
        fields.append((layer, arrow.list_(value, prod(rows.shape[1:]))))
    schema = arrow.schema(fields, metadata={METADATA_KEY: metadata_text(finished.metadata)})
    with parquet.ParquetWriter(path, schema) as writer:
        for i in range(0, len(finished.names), ROWS_AT_A_TIME):
            part = slice(i, i + ROWS_AT_A_TIME)
            names, errors = finished.names[part], finished.errors[part]
            columns = [
                arrow.array(map(plain_text, names), arrow.string()),
                arrow.array((e and plain_text(e) for e in errors), arrow.string()),
            ]
            mask = arrow.array([error is not None for error in errors])
            for rows in layers.values():
                columns.append(_lists(arrow, rows[part], mask))
            writer.write_table(arrow.Table.from_arrays(columns, schema=schema))


def read_metadata(path: str) -> dict[str, Any]:
    """Read the metadata alone."""
    schema = import_extra("pyarrow.parquet", "parquet").read_schema(path)
    metadata: dict[str, Any] = json.loads(schema.metadata[METADATA_KEY])
    return metadata


def _lists(arrow: Any, rows: Rows, mask: Any) -> Any:
    """Return rows as a FixedSizeListArray, without copying their values."""
    length = prod(rows.shape[1:])
    values = arrow.array(np.ascontiguousarray(rows).reshape(-1))
    return arrow.FixedSizeListArray.from_arrays(values, length, mask=mask)
