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
from patrol_missions.engine.forecast import backtest_job, intervals, metrics, train_job
from patrol_missions.engine.forecast.backtest import MODEL
from patrol_missions.engine.forecast.backtest_scores import ALL
from patrol_missions.engine.forecast.blocks import Blocks
from patrol_missions.engine.forecast.calibration import CENTRES, Tally
from patrol_missions.engine.forecast.ledger import RULE
from patrol_missions.engine.forecast.panel import Cells

UNTIMED, OUTSIDE, INCIDENTS, WEEKS = 7, 23, 6000, 27
CODES = [MODEL, *(f"B{number}" for number in range(8))]
QUALITY = {"verdict": "caution", "sentence": "Midnight stands for an unknown time."}


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


def made() -> tuple[dict[str, object], dict[str, Table]]:
    """A city with rows that cannot be used, and a category outside the grid."""
    incidents, cells = hot_city(width=12, days=580, incidents=INCIDENTS)
    far = incident_table(
        np.full(OUTSIDE, 9e6), np.full(OUTSIDE, 9e6), ["Arson"] * OUTSIDE, incidents["start"][:OUTSIDE]
    )
    joined = {name: np.concatenate([incidents[name], far[name]]) for name in incidents.columns}
    joined["category"] = np.concatenate([incidents["category"], far["category"] + 2]).astype(np.int32)
    joined["start"][100 : 100 + UNTIMED] = np.datetime64("NaT")
    tables = {"incidents": Table(joined, {"category": (*incidents.labels["category"], "Arson")}), "cells": cells}
    return train_parameters(categories=["Theft", "Robbery", "Arson", "Piracy <b>"], quality=QUALITY), tables


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[JobResult, str]:
    folder = tmp_path_factory.mktemp("card")
    said = Said(folder)
    result = train_job.run(*made(), said.context)
    assert not any("severity" in warning for warning in said.warnings()), "nobody asked for weights in training"
    return result, Path(folder / "model_card.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def tested(tmp_path_factory: pytest.TempPathFactory) -> tuple[JobResult, str]:
    """The backtest of the same weeks, trees grown as often as in training."""
    folder = tmp_path_factory.mktemp("test")
    parameters, tables = made()
    result = backtest_job.run({**parameters, "weeks": WEEKS, "refit_weeks": 26}, tables, Said(folder).context)
    return result, Path(folder / "backtest.html").read_text(encoding="utf-8")


def rows_of(card: str, heading: str) -> list[list[str]]:
    """Cells of the first table after a heading, as text."""
    table = card[card.index(heading) :].split("<tbody", 1)[1].split("</table>", 1)[0]
    cells = (re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL) for row in table.split("</tr>") if "<td" in row)
    return [[re.sub("<[^>]+>", " ", cell).replace("&nbsp;", " ").strip() for cell in row] for row in cells]


def test_the_card_has_every_part(trained: tuple[JobResult, str]) -> None:
    _, card = trained
    for part in (
        "What ships",
        "What plans would have caught",
        "Against the baselines",
        "By district",
        "All scores",
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


def matrix(page: str, title: str) -> dict[str, list[tuple[float, ...]]]:
    """Value and interval of every forecast by the label of their row, in the first table of a fold."""
    found = {}
    for label, *cells in rows_of(page, f"<summary>{title}"):
        numbers = (re.findall(r"[+−]?\d+(?:\.\d+)?", cell) for cell in cells)
        found[label] = [tuple(float(each.replace("−", "-")) for each in three) for three in numbers]
    return found


def told(result: JobResult) -> dict[tuple[str, str, str, float], tuple[float, float, float]]:
    """The backtest's table of scores."""
    table = result.tables["scores"]
    keys = zip(
        table.text("category"), table.text("forecast"), table.text("metric"), np.nan_to_num(table["area_percent"])
    )
    values = zip(table["value"], table["low"], table["high"])
    return {(c, f, m, round(float(a), 1)): tuple(map(float, three)) for (c, f, m, a), three in zip(keys, values)}


AREAS = [round(100 * area, 1) for area in metrics.AREAS]
OF_CATEGORIES = {
    "Deviance explained, %": ("deviance_explained", 0.0, 100),
    "Log score": ("log_score", 0.0, 1),
    "Total ratio": ("total_ratio", 0.0, 1),
    "Intercept": ("intercept", 0.0, 1),
    "Slope": ("slope", 0.0, 1),
    **{
        f"{name} {area:g} %": (metric, area, times)
        for name, metric, times in (
            ("Hits", "hit_rate", 100),
            ("PAI", "pai", 1),
            ("PEI", "pei", 100),
            ("SER", "ser", 1),
        )
        for area in AREAS
    },
}
CAUGHT = (
    ("Incidents", "incidents_caught"),
    ("Harm", "harm_caught"),
    ("Preventable harm", "preventable_harm_caught"),
)
OF_PLANS = {
    **{f"{name}, missions": (f"{metric}_by_missions", 0.0, 100) for name, metric in CAUGHT},
    **{f"{name}, {area:g} %": (metric, area, 100) for name, metric in CAUGHT for area in AREAS},
    "Turnover": ("turnover", 0.0, 100),
}


@pytest.mark.parametrize("title", ["Theft: ", "Robbery: ", "All scores of plans"])
def test_card_and_backtest_tell_every_score_of_every_forecast_and_the_same(
    title: str, trained: tuple[JobResult, str], tested: tuple[JobResult, str]
) -> None:
    plans = title.startswith("All")
    lines, codes = (OF_PLANS, [RULE, *CODES]) if plans else (OF_CATEGORIES, CODES)
    scores = told(tested[0])
    for page in (trained[1], tested[1]):
        shown = matrix(page, title)
        shown.pop("LightGBM’s gain, %", None)
        assert set(shown) == set(lines)
        for label, (metric, area, times) in lines.items():
            assert len(shown[label]) == len(codes), label
            for code, three in zip(codes, shown[label]):
                expected = scores[ALL if plans else title[:-2], code, metric, area]
                np.testing.assert_allclose(three, times * np.array(expected), atol=0.051, err_msg=f"{label} {code}")


def test_the_table_of_training_has_the_scores_of_the_backtest(
    trained: tuple[JobResult, str], tested: tuple[JobResult, str]
) -> None:
    table, scores = trained[0].tables["scores"], told(tested[0])
    assert len(table) == 2 * len(CODES)
    for metric, area, _ in OF_CATEGORIES.values():
        name = f"{metric}_{area:g}".replace(".", "_") if area else metric
        for category, code, value in zip(table.text("category"), table.text("forecast"), table[name]):
            assert scores[category, code, metric, area][0] == pytest.approx(value, rel=1e-9), name
    assert table["weeks"].tolist() == [WEEKS] * len(table)
    assert table["ships"].sum() == 2


def test_the_short_table_says_what_ships_and_what_it_is_worth(
    trained: tuple[JobResult, str], tested: tuple[JobResult, str]
) -> None:
    result, card = trained
    scores = told(tested[0])
    rows = {row[0]: row for row in rows_of(card, "<h2>What ships")}
    assert sorted(rows) == ["Robbery", "Theft"]
    for category, said in result.values["categories"].items():
        row = rows[category]
        assert row[2] == said["ships"]
        explained, found = (re.findall(r"\d+\.\d+", cell) for cell in row[3:5])
        assert float(explained[0]) == pytest.approx(100 * said["deviance_explained"], abs=0.051)
        assert float(found[0]) == pytest.approx(100 * scores[category, said["ships"], "hit_rate", 5.0][0], abs=0.051)


def test_every_district_is_judged(trained: tuple[JobResult, str]) -> None:
    _, card = trained
    assert [row[0] for row in rows_of(card, "<h2>By district")] == ["West", "East"]
    theft = card[card.index("<summary>Theft: ") :]
    assert [row[0].split()[0] for row in rows_of(theft, "Deviance explained by district")] == ["West", "East"]


def test_calibration_is_told_with_the_intercept_beside_the_slope(trained: tuple[JobResult, str]) -> None:
    _, card = trained
    part = card[card.index("Are the numbers right?") :]
    assert re.search(r"Total</th>.*Intercept</th>.*Slope</th>", part)
    for _, _, total, intercept, _ in rows_of(part, "Are the numbers right?"):
        ratio, level = (float(re.findall(r"[+−]?\d+\.\d+", cell)[0].replace("−", "-")) for cell in (total, intercept))
        assert np.log(ratio) == pytest.approx(level, abs=0.011)


def test_paper_shows_what_is_folded_away(trained: tuple[JobResult, str]) -> None:
    """Nothing lies inside the elements that open and close, and only a rule for screens hides what follows them."""
    _, card = trained
    folds = re.findall(r"<details class=\"fold\">(.*?)</details>\n<div class=\"folded\">", card, re.DOTALL)
    assert len(folds) == card.count("<details") == 6
    assert all(re.fullmatch(r"<summary>[^<]*</summary>", each) for each in folds)
    css = card[card.index("<style>") : card.index("</style>")]
    hidden = re.findall(r"[^{}]*{display:none}+", css)
    on_screen, on_paper = hidden
    assert on_screen.strip() == ".fold:not([open])+.folded,.on-paper{display:none}}"
    assert on_paper.strip() == ".fold{display:none}"
    assert css.index("@media screen{.fold:not([open])") < css.index("@media print") < css.index(on_paper)


def test_the_datasheet_counts_what_was_left_out_and_why(trained: tuple[JobResult, str]) -> None:
    _, card = trained
    rows = {row[0]: int(row[1].replace(",", "")) for row in rows_of(card, "Datasheet: the incidents")}
    assert rows["read"] == INCIDENTS + OUTSIDE
    assert rows["left out: without a usable time"] == UNTIMED
    assert rows["left out: of a category that is not forecast"] == OUTSIDE
    assert rows["used"] == INCIDENTS - UNTIMED
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
    assert "All scores" not in card
    assert "does not carry the verdict of Check incidents" in card
