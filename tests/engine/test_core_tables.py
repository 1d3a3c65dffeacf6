"""Tables: what is put in comes out, from the file too, and never by pickle."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from patrol_missions.core import tables
from patrol_missions.core.errors import InputError
from patrol_missions.core.tables import Table

DTYPES = st.sampled_from(["?", "i1", "i4", "i8", "u2", "f4", "f8", "M8[s]", "M8[D]", "U7"])
TEXTS = st.lists(st.one_of(st.none(), st.text(max_size=8)), max_size=40)


@given(st.data(), st.integers(0, 20))
def test_columns_of_every_type_come_back_from_the_file(tmp_path_factory, data, rows):
    names = data.draw(st.lists(st.sampled_from(["x", "Größe", "a b", "0"]), unique=True))
    columns = {name: data.draw(hnp.arrays(data.draw(DTYPES), rows)) for name in names}
    folder = tmp_path_factory.mktemp("table")
    again = tables.load(folder, tables.save(Table(columns), folder / "t.npz"))
    assert list(again.columns) == names
    for name in names:
        assert again[name].dtype == columns[name].dtype
        np.testing.assert_array_equal(again[name], columns[name])


@given(TEXTS)
def test_coded_text_comes_back(tmp_path_factory, values):
    table = Table({}).with_text("t", values)
    folder = tmp_path_factory.mktemp("table")
    again = tables.load(folder, tables.save(table, folder / "t.npz"))
    assert list(again.text("t")) == values
    assert again["t"].dtype == np.int32
    assert len(set(again.labels["t"])) == len(again.labels["t"])
    assert list(again.labels["t"]) == list(dict.fromkeys(v for v in values if v is not None))


def test_plain_text_and_rows():
    table = Table({"id": np.array(["a", "b", "c"]), "n": np.arange(3)}).with_text("c", ["x", None, "y"])
    some = table.take(np.array([True, False, True]))
    assert len(some) == 2
    assert list(some.text("id")) == ["a", "c"]
    assert list(some.text("c")) == ["x", "y"]
    assert "c" in some
    assert "z" not in some
    with pytest.raises(InputError, match="no column “z”; it has id, n, c"):
        some["z"]


def test_what_a_table_cannot_hold_has_a_sentence():
    with pytest.raises(InputError, match="differ in length"):
        Table({"a": np.arange(2), "b": np.arange(3)})
    with pytest.raises(InputError, match="“a” is a 1-D array of object"):
        Table({"a": np.array([object()])})
    with pytest.raises(InputError, match="“a” is a 2-D array"):
        Table({"a": np.zeros((2, 2))})


def test_damaged_and_missing_files_have_a_sentence(tmp_path):
    descriptor = tables.save(Table({"x": np.arange(1000)}), tmp_path / "t.npz")
    whole = (tmp_path / "t.npz").read_bytes()
    for damage in (b"", b"garbage", whole[: len(whole) // 2], whole[:200] + b"\x00" * 300 + whole[500:]):
        (tmp_path / "t.npz").write_bytes(damage)
        with pytest.raises(InputError, match=r"t\.npz cannot be read"):
            tables.load(tmp_path, descriptor)
    (tmp_path / "t.npz").unlink()
    with pytest.raises(InputError, match=r"t\.npz cannot be read"):
        tables.load(tmp_path, descriptor)


def test_pickles_are_never_opened(tmp_path):
    np.savez(tmp_path / "t.npz", x=np.array([{"a": 1}], dtype=object))
    with pytest.raises(InputError, match=r"t\.npz cannot be read"):
        tables.load(tmp_path, {"file": "t.npz", "rows": 1, "labels": {}})
