"""The public register: small numbers are withheld, and nothing that is told gives them back."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from missions_forecast import LABELS, forecast

from patrol_missions.core.errors import InputError
from patrol_missions.core.jobs import JobResult
from patrol_missions.engine.context import JobContext
from patrol_missions.engine.jobs import find
from patrol_missions.engine.missions.audit_store import open_log
from patrol_missions.engine.missions.register import withheld


def told(counts: tuple[int, ...], smallest: int) -> tuple[Any, ...]:
    """What a reader sees of some numbers and their total."""
    hidden, hides_total = withheld(np.array(counts, dtype=np.int64), smallest)
    shown = tuple(None if hide else count for count, hide in zip(counts, hidden.tolist()))
    return (*shown, None if hides_total else sum(counts))


@pytest.mark.parametrize("smallest", [2, 3, 5])
@pytest.mark.parametrize("districts", [1, 2, 3, 4])
def test_no_small_number_can_be_told_from_the_others(districts: int, smallest: int) -> None:
    seen: dict[tuple[Any, ...], list[tuple[int, ...]]] = {}
    for counts in itertools.product(range(9), repeat=districts):
        seen.setdefault(told(counts, smallest), []).append(counts)
    for counts in itertools.chain(*seen.values()):
        shown = told(counts, smallest)
        for at in range(districts):
            if counts[at] < smallest:
                assert shown[at] is None
                # Whoever knows this very rule is still left with more than one number that it may be.
                assert len({other[at] for other in seen[shown]}) > 1, (counts, shown)


def test_large_numbers_are_told() -> None:
    assert told((5, 9, 7), 5) == (5, 9, 7, 21)
    assert told((4, 9, 7), 5) == (None, 9, 7, None)
    assert told((2, 2, 7), 5) == (None, None, 7, None)
    assert told((4, 4, 7), 5) == (None, None, 7, None)
    assert told((3, 3, 7), 5) == (None, None, 7, 13)
    assert told((0, 1, 2), 0) == (0, 1, 2, 3)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log with a plan of 9 missions and three, and one of three and three and three."""
    for seed, quotas in ((1, {"01": 9}), (2, {})):
        given = {"labels": LABELS, "seed": seed, "quotas": quotas}
        find("allocate_missions")(given, {"forecast": forecast(shifts=1)}, JobContext(tmp_path, lambda _: None))
        do("publish_plan", plan=tmp_path / "plan.zip", log=tmp_path / "audit.sqlite", author="Ana", approval="Fair")
    return tmp_path / "audit.sqlite"


def do(name: str, **parameters: Any) -> JobResult:
    given = {key: str(value) if isinstance(value, Path) else value for key, value in parameters.items()}
    return find(name)({"new": True, **given}, {}, JobContext(Path(), lambda _: None))


def test_the_register_tells_of_every_plan(log: Path) -> None:
    answer = do("export_register", log=log)
    table = answer.tables["register"]
    assert answer.values == {"plans": 2, "withheld": 5}
    assert table["record"].tolist() == [1, 1, 1, 2, 2, 2]
    assert list(table.text("district")[:3]) == ["01", "05", "Süd"]
    np.testing.assert_array_equal(table["missions"], [9, *[np.nan] * 5])
    assert table["plan_missions"].tolist() == [15] * 3 + [9] * 3
    assert table["set_harm_kept"].tolist() == [0.9] * 6
    assert not {"author", "set_quotas", "set_per_district"} & set(table.columns)
    with open_log(log) as opened:
        assert list(table.text("hash")[[0, 5]]) == [record.hash for record in opened.records()]


def test_everything_is_told_where_it_is_asked_for(log: Path) -> None:
    assert do("export_register", log=log, smallest=0).tables["register"]["missions"].tolist() == [9, 3, 3, 3, 3, 3]


def test_a_limit_that_says_what_it_withholds_is_refused(log: Path) -> None:
    for smallest in (1, -1):
        with pytest.raises(InputError, match="fewest missions"):
            do("export_register", log=log, smallest=smallest)


def test_an_unsound_log_is_not_made_public(log: Path, tmp_path: Path) -> None:
    data = log.read_bytes()
    shutil.copy(log, tmp_path / "other.sqlite")
    (tmp_path / "other.sqlite").write_bytes(data.replace(b'"approval":"Fair"', b'"approval":"Fake"'))
    with pytest.raises(InputError, match="is not sound"):
        do("export_register", log=tmp_path / "other.sqlite")


def test_a_log_without_plans_gives_no_rows(tmp_path: Path) -> None:
    with open_log(tmp_path / "audit.sqlite", create=True):
        pass
    assert len(do("export_register", log=tmp_path / "audit.sqlite").tables["register"]) == 0
