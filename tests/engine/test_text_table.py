"""Plain tables: columns as wide as their widest cell, numbers to the right."""

from alexnet_cy.engine.text_table import text_table


def test_columns():
    assert text_table(("name", "ms"), [("a", "1.25"), ("longer", "10")], right_aligned=[1]) == (
        "name      ms\n------  ----\na       1.25\nlonger    10"
    )


def test_no_rows_and_empty_cells():
    assert text_table(("a", "bc"), []) == "a  bc\n-  --"
    assert text_table(("a", "b"), [("x", "")]).splitlines()[-1] == "x"
