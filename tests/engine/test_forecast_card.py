"""The model card: its intervals against slow ways of computing them, and that it says what training found."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from forecast_makers import SIZE_M, Said, grid_table, hot_city, incident_table, panel_of, train_parameters
from scipy import stats

from patrol_missions.core.jobs import JobResult
from patrol_missions.core.tables import Table
from patrol_missions.engine.forecast import calibration, intervals, train_job
from patrol_missions.engine.forecast.blocks import Blocks
from patrol_missions.engine.forecast.calibration import BINS, CENTRES, Tally
from patrol_missions.engine.forecast.intervals import Weeks
from patrol_missions.engine.forecast.panel import Cells

UNTIMED, OUTSIDE = 7, 23
QUALITY = {"verdict": "caution", "sentence": "Midnight stands for an unknown time."}


def tally(slope: float, seed: int, weeks: int = 30, shifts: int = 2) -> Tally:
    """Weeks whose incidents follow a Poisson law with the given slope against what was expected."""
    rng = np.random.default_rng(seed)
    cells = np.zeros((weeks, shifts, BINS))
    middle = slice(int(np.searchsorted(CENTRES, -6)), int(np.searchsorted(CENTRES, -1)))
    cells[:, :, middle] = rng.integers(0, 40, cells[:, :, middle].shape)
    return Tally(cells, rng.poisson(cells * np.exp(slope * (CENTRES + 3) - 3)).astype(float))


def test_a_ratio_is_the_sums_ratio_and_its_interval_that_of_weeks_drawn_anew() -> None:
    rng = np.random.default_rng(1)
    above, below = rng.poisson(20, 26).astype(float), rng.poisson(50, 26).astype(float)
    found = Weeks(26, np.random.default_rng(2)).ratio(above, below)
    assert found.value == pytest.approx(above.sum() / below.sum())
    slow = []
    for _ in range(4000):
        drawn = rng.integers(0, 26, 26)
        slow.append(above[drawn].sum() / below[drawn].sum())
    np.testing.assert_allclose((found.low, found.high), np.quantile(slow, [0.025, 0.975]), atol=0.01)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    held = {"slope": 0, "total": 0}
    for seed in range(40):
        made, weeks = tally(0.9, seed), Weeks(30, np.random.default_rng(seed))
        slope = weeks.slope(made)
        held["slope"] += slope.low <= 0.9 <= slope.high
        true = (made.cells * np.exp(0.9 * (CENTRES + 3) - 3)).sum(axis=(1, 2))
        total = weeks.ratio(made.observed, true)
        held["total"] += total.low <= 1.0 <= total.high
    assert all(34 <= count <= 40 for count in held.values()), held


def test_slopes_of_draws_are_those_of_one_calibration_at_a_time() -> None:
    made = tally(0.7, 3, weeks=6)
    times = np.array([[1, 1, 1, 1, 1, 1], [0, 2, 0, 1, 3, 0], [0, 0, 0, 0, 0, 0]], dtype=float)
    found = intervals.slopes(made, times)
    for row, slope in zip(times[:2], found):
        repeated = np.repeat(np.arange(6), row.astype(int))
        same = Tally(made.cells[repeated], made.incidents[repeated])
        assert slope == pytest.approx(calibration.unpenalised(same)[1], abs=1e-6)
    assert np.isnan(found[2]), "no week, no slope"


def test_hand_worked_stray() -> None:
    """Expected 10 and 10, happened 4 and 16: (36 + 36 - 20) / 200."""
    assert intervals.stray(np.array([4.0, 16.0]), np.array([10.0, 10.0])) == pytest.approx(0.26)
    assert intervals.stray(np.array([10.0, 10.0]), np.array([10.0, 10.0])) == 0.0


@pytest.mark.parametrize("a", [0.0, 0.4])
def test_a_range_of_counts_holds_four_in_five_and_no_more_than_it_must(a: float) -> None:
    rng = np.random.default_rng(5)
    mean = 30.0
    rate = mean * (rng.gamma(1 / a, a, 100_000) if a else 1.0)
    counts = rng.poisson(rate, 100_000)
    low, high = intervals.count_range(mean, a)
    assert 0.797 <= np.mean((counts >= low) & (counts <= high)) < 0.86
    assert np.mean(counts < low) <= 0.103
    assert np.mean(counts > high) <= 0.103
    assert intervals.count_range(0.01, a)[1] == 0, "hardly anything expected: none, as a rule"


def test_ranges_of_the_city_are_tested_without_the_week_they_are_tested_on() -> None:
    """Weeks with luck of their own: a Poisson range would hold far fewer than it says."""
    rng = np.random.default_rng(6)
    place = int(np.searchsorted(CENTRES, -3))
    made = Tally.empty(200, 3)
    made.cells[:, :, place] = 100 / np.exp(CENTRES[place])
    made.incidents[:, :, place] = rng.poisson(100 * rng.gamma(20, 1 / 20, (200, 3)))
    found = intervals.whole_city(made)
    assert found is not None
    assert found.expected == pytest.approx(100)
    assert 0.75 < found.held < 0.88
    assert (found.high - found.low) > 1.5 * (stats.poisson.ppf(0.9, 100) - stats.poisson.ppf(0.1, 100))
    changed = Tally(made.cells.copy(), made.incidents.copy())
    changed.incidents[-1] *= 50
    spoilt = intervals.whole_city(changed)
    assert spoilt is not None
    assert spoilt.held == pytest.approx(found.held, abs=3 / (192 * 3) + 1e-9), "one week touches no other's range"
    assert intervals.whole_city(made.first(8)) is None


def test_busiest_cells_are_those_where_most_was_expected() -> None:
    rng = np.random.default_rng(7)
    expected = np.concatenate([np.full(900, 1.0), np.full(100, 50.0)])
    happened = rng.poisson(expected * rng.gamma(10, 0.1, 1000))
    found = intervals.busiest_cells(happened, expected, 0.1, 0.5)
    assert found is not None
    assert found.expected == 25.0
    assert 0.7 < found.held < 0.95
    assert intervals.busiest_cells(np.zeros(4), np.zeros(4), 0.1, 0.5) is None


def test_blocks_are_squares_that_grow_with_the_city() -> None:
    small, large = (Blocks.of(Cells.of(grid_table(side, side), SIZE_M)) for side in (16, 120))
    assert (small.side_cells, small.count) == (4, 16)
    assert np.bincount(small.of_cell).tolist() == [16] * 16
    assert large.side_cells == 6
    assert large.count <= 441
    np.testing.assert_allclose(small.sums(np.ones(256)), np.full(16, 16.0))
    np.testing.assert_allclose(small.sums(np.array([2.0, 3.0]), np.array([0, 255]))[[0, -1]], [2.0, 3.0])


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[JobResult, str]:
    """A city with rows that cannot be used, and a category outside the grid."""
    folder = tmp_path_factory.mktemp("card")
    incidents, cells = hot_city(days=400, incidents=7000)
    far = incident_table(
        np.full(OUTSIDE, 9e6), np.full(OUTSIDE, 9e6), ["Arson"] * OUTSIDE, incidents["start"][:OUTSIDE]
    )
    joined = {name: np.concatenate([incidents[name], far[name]]) for name in incidents.columns}
    joined["category"] = np.concatenate([incidents["category"], far["category"] + 2]).astype(np.int32)
    joined["start"][100 : 100 + UNTIMED] = np.datetime64("NaT")
    tables = {"incidents": Table(joined, {"category": (*incidents.labels["category"], "Arson")}), "cells": cells}
    parameters = train_parameters(categories=["Theft", "Robbery", "Arson", "Piracy <b>"], quality=QUALITY)
    result = train_job.run(parameters, tables, Said(folder).context)
    return result, Path(folder / "model_card.html").read_text(encoding="utf-8")


def rows_of(card: str, heading: str) -> list[list[str]]:
    """Cells of the first table after a heading, as text."""
    table = card[card.index(heading) :].split("<tbody", 1)[1].split("</table>", 1)[0]
    cells = (re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL) for row in table.split("</tr>") if "<td" in row)
    return [[re.sub("<[^>]+>", " ", cell).replace("&nbsp;", " ").strip() for cell in row] for row in cells]


def test_the_card_has_every_part(trained: tuple[JobResult, str]) -> None:
    _, card = trained
    for part in (
        "What ships",
        "Against the baselines",
        "Where incidents fell",
        "Are the numbers right?",
        "How many there may be",
        "Where it is worse than the best baseline",
        "A box is not suspicion",
        "Limits",
        "Datasheet: the incidents",
        "SHA-256 of incidents",
        "LightGBM ships only if the 95",
    ):
        assert part in card, part
    assert "<script" not in card
    assert not re.search(r"(src|href)=\"http", card), "the page stands alone"
    assert "nan" not in re.sub(r"<svg.*?</svg>", "", card, flags=re.DOTALL).lower().split("</style>")[1]


def test_the_card_tells_the_scores_that_the_table_has(trained: tuple[JobResult, str]) -> None:
    result, card = trained
    scores = result.tables["scores"]
    rows = rows_of(card, "Scores on")
    shown = scores.take(scores.text("forecast") != "B0")
    assert len(rows) == len(shown)
    for row, explained, code, ships in zip(
        rows, shown["deviance_explained"], shown.text("forecast"), shown["ships"].tolist()
    ):
        value, low, high = (float(v) for v in re.findall(r"-?\d+\.\d+", row[2]))
        assert row[1].startswith(code)
        assert ("ships" in row[1]) == ships
        assert value == pytest.approx(100 * explained, abs=0.051)
        assert low <= value <= high


def test_the_datasheet_counts_what_was_left_out_and_why(trained: tuple[JobResult, str]) -> None:
    _, card = trained
    rows = {row[0]: int(row[1].replace(",", "")) for row in rows_of(card, "Datasheet: the incidents")}
    assert rows["read"] == 7000 + OUTSIDE
    assert rows["left out: without a usable time"] == UNTIMED
    assert rows["left out: of a category that is not forecast"] == OUTSIDE
    assert rows["used"] == 7000 - UNTIMED
    left_out = dict(rows_of(card, "Categories left out"))
    assert left_out == {"Piracy &lt;b&gt;": "no incident in the layer", "Arson": "no incident inside the grid"}
    assert "<b>" not in card
    assert "Check incidents said: usable with care" in card
    assert QUALITY["sentence"] in card


def test_rows_are_counted_once_at_the_first_test_that_they_fail() -> None:
    incidents, cells = hot_city(days=60, incidents=300)
    x = incidents["x"].copy()
    x[:5] = np.nan
    start = incidents["start"].copy()
    start[3:9] = np.datetime64("NaT")
    table = Table({**incidents.columns, "x": x, "start": start}, incidents.labels)
    middle = np.sort(start[~np.isnat(start)])[200]
    panel = panel_of(table, cells, middle)
    counts = dict(panel.intake.left_out)
    assert counts["without a usable time"] == 6
    assert counts["outside the grid, or without a place"] == 3, "rows 3 and 4 have no time, either"
    assert counts["not known yet, or reported long after the history ends"] > 50
    assert panel.intake.read == 300 == len(panel.events) + sum(counts.values())


def test_a_card_without_a_test_says_so(tmp_path: Path) -> None:
    incidents, cells = hot_city(days=40, incidents=400)
    train_job.run(train_parameters(), {"incidents": incidents, "cells": cells}, Said(tmp_path).context)
    card = (tmp_path / "model_card.html").read_text(encoding="utf-8")
    assert "Baselines only, not tested" in card
    assert "Datasheet: the incidents" in card
    assert "Scores on" not in card
    assert "does not carry the verdict of Check incidents" in card
