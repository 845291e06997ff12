"""Conditions that choose rows."""

import numpy as np
import pytest
from astropy import units as u
from astropy.table import MaskedColumn, Table

from hpmask.catalog.conditions import Condition, rows_where

TABLE = Table(
    {
        "f": MaskedColumn([1.0, np.nan, 3.0, 4.0], mask=[False, False, False, True]),
        "s": MaskedColumn(["psr", "bll ", "", "x"], mask=[False, False, False, True]),
        "b": [b"psr", b"bll ", b"", b"psr"],
        "i": [1, 2, 3, 4],
        "size": [1, 2, 3, 4] * u.arcmin,
    }
)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("f >= 1", [True, False, True, False]),
        ("f != 1", [False, False, True, False]),
        ("s == 'bll'", [False, True, False, False]),
        ("s != 'bll'", [True, False, True, False]),
        ("b == 'psr'", [True, False, False, True]),
        ("i < 3", [True, True, False, False]),
        ("size > 0.04 deg", [False, False, True, True]),
        (["i > 1", "i < 4"], [False, True, True, False]),
        ([Condition.parse("i > 1"), "i < 4"], [False, True, True, False]),
        (np.array([True, False, False, True]), [True, False, False, True]),
        ([True, False, False, True], [True, False, False, True]),
        (TABLE["f"] > 0, [True, False, True, False]),
        (lambda table: table["i"] == 2, [False, True, False, False]),
    ],
)
def test_rows(where, expected):
    rows, text = rows_where(TABLE, where)
    assert rows.tolist() == expected
    assert text.startswith("where ")


def test_text_of_the_history():
    assert rows_where(TABLE, ["i > 1", "s != 'x'", "size < 3 arcmin"])[1] == (
        "where i > 1.0 and s != 'x' and size < 3.0 arcmin"
    )


@pytest.mark.parametrize(
    ("where", "error", "message"),
    [
        ("g < 3", ValueError, "no column 'g'; the columns are f, s, b, i"),
        ("i == 'x'", ValueError, "'i' does not hold text"),
        ("i < 3 deg", ValueError, "unit 'None', .* with deg"),
        ("i", ValueError, "such as 'Signif_Avg >= 5', got 'i'"),
        ("s < 'x'", ValueError, "only be compared with == and !="),
        ("i < three", ValueError, "a number, a quantity or a quoted text, got 'three'"),
        ([1, 0, 0, 1], TypeError, "bool for each row, got int64"),
        ([True], ValueError, r"each of the 4 rows, got the shape \(1,\)"),
        (lambda table: table["i"], TypeError, r"the result of where \(<lambda>\)"),
    ],
)
def test_errors(where, error, message):
    with pytest.raises(error, match=message):
        rows_where(TABLE, where)
