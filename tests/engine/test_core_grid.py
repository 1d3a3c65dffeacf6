"""Grid arithmetic: every point in exactly one square, names that survive, joins that agree with looking."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol_missions.core import grid
from patrol_missions.core.errors import InputError

SIZES = st.sampled_from([0.5, 1.0, 50.0, 100.0, 250.0, 333.3, 1000.0])
COORDINATES = st.floats(-2e7, 2e7)
CELLS = st.integers(-(2**31) + 2, 2**31 - 2)


@given(COORDINATES, COORDINATES, SIZES)
def test_a_point_lies_in_its_square(x, y, size):
    column, row = (int(v[0]) for v in grid.columns_rows(np.array([x]), np.array([y]), size))
    rounding = 1e-15 * max(abs(x), abs(y), size)  # a point nearer to an edge than this may fall on either side
    assert column * size - rounding <= x <= (column + 1) * size + rounding
    assert row * size - rounding <= y <= (row + 1) * size + rounding


def test_edges_belong_to_the_square_above_and_to_the_right():
    columns, rows = grid.columns_rows(
        np.array([0.0, 250.0, -0.1, -250.0]), np.array([0.0, 249.999, -250.1, 0.0]), 250.0
    )
    assert columns.tolist() == [0, 1, -1, -1]
    assert rows.tolist() == [0, 0, -2, 0]


@given(st.lists(st.tuples(CELLS, CELLS), max_size=30), SIZES)
def test_centres_come_back_to_their_cells(cells, size):
    columns, rows = np.array(cells, dtype=np.int64).reshape(-1, 2).T
    small = (np.abs(columns) < 2**30) & (np.abs(rows) < 2**30)
    x, y = grid.centres(columns[small], rows[small], size)
    again = grid.columns_rows(x, y, size)
    np.testing.assert_array_equal(again[0], columns[small])
    np.testing.assert_array_equal(again[1], rows[small])


@given(CELLS, CELLS)
def test_names_are_read_back(column, row):
    assert grid.parse_cell_id(grid.cell_id(column, row)) == (column, row)


@given(st.text(max_size=12))
def test_what_is_no_name_has_a_sentence(text):
    if not re.fullmatch(r"-?\d+E-?\d+N", text):
        with pytest.raises(InputError, match=re.escape(f"“{text}” is not a cell id.")):
            grid.parse_cell_id(text)


@pytest.mark.parametrize("text", ["", "1E2", "1E2N ", "E2N", "1.5E2N", "1e2n", "None"])
def test_near_misses_are_no_names(text):
    with pytest.raises(InputError):
        grid.parse_cell_id(text)


def test_names_of_many():
    assert grid.cell_ids(np.array([1943, -1]), np.array([17702, 0])) == ["1943E17702N", "-1E0N"]


@given(st.lists(st.tuples(CELLS, CELLS), max_size=50, unique=True))
def test_keys_are_one_for_each_cell(cells):
    columns, rows = np.array(cells, dtype=np.int64).reshape(-1, 2).T
    keys = grid.cell_keys(columns, rows)
    assert len(set(keys.tolist())) == len(cells)
    order = np.lexsort((rows, columns))
    assert (keys[order][1:] > keys[order][:-1]).all()


@given(
    st.lists(st.tuples(st.integers(-5, 5), st.integers(-5, 5)), max_size=40, unique=True),
    st.lists(st.tuples(st.floats(-1500, 1500), st.floats(-1500, 1500)), max_size=40),
)
def test_joins_agree_with_looking(cells, points):
    columns, rows = np.array(cells, dtype=np.int64).reshape(-1, 2).T
    x, y = np.array(points, dtype=np.float64).reshape(-1, 2).T
    found = grid.locate(x, y, columns, rows, 250.0)
    for index, (px, py) in zip(found.tolist(), points):
        cell = (int(np.floor(px / 250.0)), int(np.floor(py / 250.0)))
        assert index == (cells.index(cell) if cell in cells else -1)


@pytest.mark.parametrize("wild", [np.nan, np.inf, -np.inf, 1e300, -1e18])
def test_wild_coordinates_lie_in_no_cell(wild):
    x, y = np.array([wild, 10.0, wild]), np.array([10.0, wild, wild])
    columns, rows = np.array([0, -1, 5]), np.array([0, -1, 5])
    assert grid.locate(x, y, columns, rows, 250.0).tolist() == [-1, -1, -1]


@pytest.mark.parametrize("size", [0.0, -250.0, float("nan")])
def test_sizes_that_are_none_have_a_sentence(size):
    with pytest.raises(InputError, match="above zero"):
        grid.columns_rows(np.array([1.0]), np.array([1.0]), size)
