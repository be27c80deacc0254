from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealtrail.web.cells import csv_line, csv_row, safe


@given(st.lists(st.text(), min_size=1))
def test_a_line_of_csv_is_one_line_whatever_the_cells_hold(cells):
    line = csv_line(cells)
    assert line.endswith("\n")
    assert line.count("\n") == 1
    (row,) = csv.reader(io.StringIO(line))
    assert [cell.removeprefix("'") for cell in row] == [safe(cell).removeprefix("'") for cell in cells]


@pytest.mark.parametrize("value", ["=1+1", "+1", "-1", "@x"])
def test_no_cell_runs_as_a_formula(value):
    assert csv_line([value]).startswith("'")
    assert csv_line([-1]) == "-1\n"


def test_a_row_has_its_cells_in_the_order_of_the_names():
    assert csv_row(["b", "a", "c"], {"a": [1, "x"], "b": None}) == ',"[1,""x""]",\n'


def test_what_a_terminal_would_obey_is_shown_as_an_escape():
    assert safe("a\x1b[2Jb\u202e\ud800") == "a\\u001b[2Jb\\u202e\\ud800"
    assert safe("abcdef", 4) == "abc…"
