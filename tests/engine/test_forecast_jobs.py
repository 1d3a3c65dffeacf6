"""From incidents to bundle to forecast through the two jobs: shape, truth of the reasons, determinism, sentences."""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from forecast_makers import SIZE_M, Said, grid_table, hot_city, incident_table, train_parameters

from patrol_missions.core.errors import InputError
from patrol_missions.core.jobs import JobResult
from patrol_missions.core.tables import Table
from patrol_missions.engine.data.sealed import seal
from patrol_missions.engine.forecast import bundle, events, features, forecast_job, model, train_job
from patrol_missions.engine.forecast.panel import DAY_S
from patrol_missions.engine.forecast.sampling import TrainingSet

BARS = Table({"x": np.array([2003.5, 2010.5]) * SIZE_M, "y": np.array([17003.5, 17009.5]) * SIZE_M})
INDICATOR = [{"name": "bars", "table": "indicator_0"}]


@pytest.fixture(scope="module")
def city() -> tuple[Table, Table]:
    incidents, cells = hot_city(days=400, incidents=7000)
    rare = incident_table(
        incidents["x"][:12],
        incidents["y"][:12],
        ["Arson"] * 12,
        incidents["start"][200:6200:500].astype("datetime64[s]"),
    )
    joined = {name: np.concatenate([incidents[name], rare[name]]) for name in incidents.columns}
    joined["category"] = np.concatenate([incidents["category"], rare["category"] + 2]).astype(np.int32)
    return Table(joined, {"category": (*incidents.labels["category"], "Arson")}), cells


def train(folder: Path, city: tuple[Table, Table], **other: Any) -> tuple[JobResult, Said]:
    folder.mkdir(exist_ok=True)
    said = Said(folder)
    tables = {"incidents": city[0], "cells": city[1], "indicator_0": BARS}
    return train_job.run(train_parameters(indicators=INDICATOR, **other), tables, said.context), said


def forecast(folder: Path, city: tuple[Table, Table], **other: Any) -> tuple[JobResult, Said]:
    said = Said(folder)
    parameters = {
        "model": str(folder / "model.zip"),
        "cell_size_m": SIZE_M,
        "shift_count": 6,
        "start": None,
        "weights": None,
        "weights_preset": "rand",
        "indicators": INDICATOR,
        **other,
    }
    return forecast_job.run(
        parameters, {"incidents": city[0], "cells": city[1], "indicator_0": BARS}, said.context
    ), said


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, city: tuple[Table, Table]) -> tuple[Path, JobResult, Said]:
    folder = tmp_path_factory.mktemp("trained")
    return folder, *train(folder, city, categories=["Theft", "Robbery", "Arson", "Piracy"])


def test_training_answers_per_category_and_says_what_is_left_out(trained: tuple[Path, JobResult, Said]) -> None:
    folder, result, said = trained
    assert set(result.values["categories"]) == {"Theft", "Robbery", "Arson"}
    assert result.values["left_out"] == ["Piracy"]
    assert said.warnings() == ["There is no incident of the category “Piracy”; it is left out of the model."]
    arson = result.values["categories"]["Arson"]
    assert arson["ships"] == "B5"
    assert "Only 12 incidents" in arson["why"]
    assert result.values["categories"]["Theft"]["deviance_explained"] > 0.05
    scores = result.tables["scores"]
    shipped = scores.take(scores["ships"])
    assert sorted(shipped.text("category")) == ["Arson", "Robbery", "Theft"]
    assert np.isfinite(shipped["deviance_explained"]).all()
    card = (folder / "model_card.html").read_text(encoding="utf-8")
    for text in ("Theft", "Arson", "Only 12 incidents", "Testville", result.values["history_begin"][:10]):
        assert text in card
    fractions = [m.fraction for m in said.messages if type(m).__name__ == "Progress"]
    assert fractions == sorted(fractions)
    assert len(fractions) > 30


def test_forecast_table_is_whole(trained: tuple[Path, JobResult, Said], city: tuple[Table, Table]) -> None:
    result, said = forecast(trained[0], city)
    table = result.tables["forecast"]
    cells = len(city[1])
    assert len(table) == 6 * cells
    assert set(result.values["categories"].values()) == {"expected_theft", "expected_robbery", "expected_arson"}
    expected = np.stack([table[name] for name in result.values["categories"].values()])
    assert expected.dtype == np.float32
    assert np.isfinite(expected).all()
    assert (expected > 0).all()
    weights = [w["severity"] * w["preventability"] for w in result.values["weights"]]
    harm = np.tensordot(np.array(weights), expected.astype(float), 1)
    np.testing.assert_allclose(table["harm"], harm, rtol=1e-5)
    parts = np.array(weights)[:, None] * expected
    np.testing.assert_array_equal(table["top_category"], np.argmax(parts, axis=0))
    for shift in range(6):
        rows = slice(shift * cells, (shift + 1) * cells)
        rank = table["rank"][rows]
        assert sorted(rank.tolist()) == list(range(1, cells + 1))
        assert (np.diff(table["harm"][rows][np.argsort(rank)]) <= 0).all()
        assert table["percentile"][rows][rank == 1] == 100.0
    inside = (table["peak_start"] >= table["start"]) & (table["peak_end"] <= table["end"])
    assert inside.all()
    assert (table["peak_end"] - table["peak_start"] == np.timedelta64(2, "h")).all()
    assert set(table.text("district")) == {"West", "East"}
    # Some seven thousand incidents in 400 days: about 17 a day, two days ahead.
    assert expected.sum() == pytest.approx(2 * 7012 / 400, rel=0.25)
    assert any("No start was given and the history ends on" in text for text in said.warnings())


def test_reasons_are_short_plain_and_true(trained: tuple[Path, JobResult, Said], city: tuple[Table, Table]) -> None:
    result, _ = forecast(trained[0], city)
    table = result.tables["forecast"]
    incidents, cells = city
    texts = table.text("reasons")
    assert all(1 <= len(text.split("; ")) <= 3 for text in table.labels["reasons"])
    assert len(set(texts[: len(cells)])) > 20, "cells differ in their reasons"
    where = np.floor(incidents["x"] / SIZE_M) * 100_000 + np.floor(incidents["y"] / SIZE_M)
    as_of = np.datetime64(result.values["as_of"].rstrip("Z"), "s")
    checked = {"cell": 0, "recent": 0}
    for row in range(0, len(table), 7):
        top = table.labels["top_category"][table["top_category"][row]]
        mine = incidents["category"] == incidents.labels["category"].index(top)
        here = mine & (where == table["col"][row] * 100_000 + table["row"][row])
        if found := re.search(r"(one incident|\d+ incidents) of \w+ in this cell in the last", texts[row]):
            count = 1 if found[1] == "one incident" else int(found[1].split()[0])
            assert count == here.sum()
            checked["cell"] += 1
        if found := re.search(r"(\d+) incidents of \w+ in this cell or next", texts[row]):
            near = (np.abs(incidents["x"] // SIZE_M - table["col"][row]) <= 1) & (
                np.abs(incidents["y"] // SIZE_M - table["row"][row]) <= 1
            )
            recent = incidents["start"] >= as_of - np.timedelta64(28, "D")
            assert int(found[1]) == (mine & near & recent).sum()
            checked["recent"] += 1
        if f"no {top.lower()} in this cell" in texts[row]:
            assert here.sum() == 0
    assert min(checked.values()) >= 5


def test_tonight_needs_no_training_and_follows_the_newest_incidents(
    trained: tuple[Path, JobResult, Said], city: tuple[Table, Table]
) -> None:
    incidents, cells = city
    newest = incidents["start"].max()
    more = incident_table(
        np.full(40, 2001.5 * SIZE_M),
        np.full(40, 17001.5 * SIZE_M),
        ["Theft"] * 40,
        newest + np.arange(1, 41).astype("timedelta64[h]"),
    )
    columns = {name: np.concatenate([incidents[name], more[name]]) for name in incidents.columns}
    columns["category"][-40:] = incidents.labels["category"].index("Theft")
    start = f"{newest + np.timedelta64(2, 'D')}Z"
    before, _ = forecast(trained[0], city, start=start)
    after, _ = forecast(trained[0], (Table(columns, incidents.labels), cells), start=start)
    assert before.values["start"] == after.values["start"]
    one, two = (result.tables["forecast"] for result in (before, after))
    cell = (one["col"] == 2001) & (one["row"] == 17001)
    assert two["expected_theft"][cell].sum() > 1.5 * one["expected_theft"][cell].sum()
    late, _ = forecast(trained[0], (Table(columns, incidents.labels), cells), start=f"{newest}Z")
    early, _ = forecast(trained[0], city, start=f"{newest}Z")
    for name in ("expected_theft", "harm"):
        np.testing.assert_array_equal(late.tables["forecast"][name], early.tables["forecast"][name])


def test_a_stale_or_shortened_history_is_told(trained: tuple[Path, JobResult, Said], city: tuple[Table, Table]) -> None:
    newest = city[0]["start"].max()
    _, said = forecast(trained[0], city, start=f"{newest + np.timedelta64(20, 'D')}Z")
    assert any("20 days before the first shift" in text for text in said.warnings())
    recent = city[0].take(city[0]["start"] > newest - np.timedelta64(60, "D"))
    _, said = forecast(trained[0], (recent, city[1]))
    assert any("give it the whole history" in text for text in said.warnings())
    now = f"{newest + np.timedelta64(5, 'D')}Z"
    result, said = forecast(trained[0], city, now=now)
    assert np.datetime64(result.values["start"].rstrip("Z")) >= np.datetime64(now.rstrip("Z"))
    assert not any("No start was given" in text for text in said.warnings())


def test_same_input_and_seed_give_the_same_bytes_with_any_threads(tmp_path: Path, city: tuple[Table, Table]) -> None:
    small = (city[0].take(city[0]["start"] > city[0]["start"].max() - np.timedelta64(300, "D")), city[1])
    digests = []
    for number, threads in enumerate((1, 2, 2)):
        result, _ = train(tmp_path / f"run{number}", small, threads=threads, categories=["Theft", "Arson"])
        assert result.values["categories"]["Theft"]["ships"] == "LightGBM", "trees must be in it for this to mean much"
        digests.append(hashlib.sha256((tmp_path / f"run{number}" / "model.zip").read_bytes()).hexdigest())
    assert digests[0] == digests[1] == digests[2]


def test_bundle_comes_back_as_it_was(trained: tuple[Path, JobResult, Said], tmp_path: Path) -> None:
    path = trained[0] / "model.zip"
    bundle.save(bundle.load(path), tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        assert all(info.date_time == (1980, 1, 1, 0, 0, 0) for info in archive.infolist())
        facts = json.loads(archive.read("model.json"))["facts"]
    assert facts["jurisdiction"] == "Testville"
    assert len(facts["input_sha256"]["incidents"]) == 64


def rewritten(source: Path, target: Path, change: Any, sealed: bool = True) -> Path:
    """A copy of a bundle with its JSON or trees changed, and its seal made to fit or left as it was."""
    with zipfile.ZipFile(source) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    change(files)
    if sealed:
        files["sha256.txt"] = seal(files).encode()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return target


def set_json(key: str, value: Any) -> Any:
    def change(files: dict[str, bytes]) -> None:
        document = json.loads(files["model.json"])
        document[key] = value
        files["model.json"] = json.dumps(document).encode()

    return change


def cut_trees(files: dict[str, bytes]) -> None:
    name = next(name for name in files if name.startswith("trees"))
    files[name] = files[name][:200]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (set_json("schema", 99), "has format 99; this version of the plugin reads format 5"),
        (set_json("kind", "cake"), "is not a model of Patrol Missions"),
        (set_json("categories", [{"label": "Theft"}]), "is damaged"),
        (set_json("features", ["one"]), "is damaged"),
        (cut_trees, "is damaged"),
        (lambda files: files.pop("model.json"), "is not a model of Patrol Missions"),
    ],
)
def test_foreign_old_and_damaged_bundles_get_a_sentence(
    trained: tuple[Path, JobResult, Said], tmp_path: Path, change: Any, sentence: str
) -> None:
    with pytest.raises(InputError, match=re.escape(sentence)) as caught:
        bundle.load(rewritten(trained[0] / "model.zip", tmp_path / "model.zip", change))
    assert caught.value.hint


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths to the values of a document, of lists to the first only."""
    inside = value.items() if isinstance(value, dict) else enumerate(value[:1]) if isinstance(value, list) else ()
    for key, each in inside:
        yield from leaves(each, (*path, key))
    if path and not isinstance(value, (dict, list)):
        yield path


def test_whatever_is_edited_by_hand_is_refused(trained: tuple[Path, JobResult, Said], tmp_path: Path) -> None:
    path = trained[0] / "model.zip"
    with zipfile.ZipFile(path) as archive:
        original = archive.read("model.json")
    paths = [each for each in leaves(json.loads(original)) if each not in (("kind",), ("schema",))]
    assert len(paths) > 50
    for place in paths:
        document = json.loads(original)
        inside = document
        for key in place[:-1]:
            inside = inside[key]
        inside[place[-1]] = "edited" if isinstance(inside[place[-1]], str) else 7.5
        change = partial(dict.update, **{"model.json": json.dumps(document).encode()})
        with pytest.raises(InputError, match="is damaged"):
            bundle.load(rewritten(path, tmp_path / "model.zip", change, sealed=False))


def test_a_flipped_bit_never_gives_another_model(trained: tuple[Path, JobResult, Said], tmp_path: Path) -> None:
    content = (trained[0] / "model.zip").read_bytes()
    places = np.random.default_rng(1).integers(0, len(content), 60).tolist()
    tail = range(len(content) - 120, len(content), 3)  # the zip's table of contents, too
    damaged, again = tmp_path / "model.zip", tmp_path / "again.zip"
    refused = 0
    for place in [*places, *tail]:
        flipped = bytearray(content)
        flipped[place] ^= 1 << (place % 8)
        damaged.write_bytes(flipped)
        try:
            bundle.save(bundle.load(damaged), again)
        except InputError as error:
            refused += bool(error.hint)
        else:
            assert again.read_bytes() == content
    assert refused >= 60


def test_files_that_are_no_bundle(trained: tuple[Path, JobResult, Said], tmp_path: Path) -> None:
    content = bytearray((trained[0] / "model.zip").read_bytes())
    (tmp_path / "text.zip").write_text("hello", encoding="utf-8")
    (tmp_path / "cut.zip").write_bytes(content[: len(content) // 2])
    content[len(content) // 3] ^= 0xFF
    (tmp_path / "flipped.zip").write_bytes(content)
    for name, sentence in (
        ("text.zip", "is not a model"),
        ("cut.zip", "is damaged"),
        ("flipped.zip", "is damaged"),
        ("none.zip", "cannot be read"),
    ):
        with pytest.raises(InputError, match=sentence):
            bundle.load(tmp_path / name)


def test_another_grid_or_other_indicators_are_refused(
    trained: tuple[Path, JobResult, Said], city: tuple[Table, Table]
) -> None:
    with pytest.raises(InputError, match=r"trained on cells of 250 m; the grid has cells of 200 m"):
        forecast(trained[0], city, cell_size_m=200.0)
    with pytest.raises(InputError, match="another grid"):
        forecast(trained[0], (city[0], grid_table(16, 16, column=2008)))
    with pytest.raises(InputError, match="“bars” is missing"):
        forecast(trained[0], city, indicators=[])
    shaved = city[1].take(np.arange(len(city[1]) - 2))
    _, said = forecast(trained[0], (city[0], shaved))
    assert any("of the grid's cells differ" in text for text in said.warnings())


def test_fields_of_the_grid_are_learned_from_and_asked_for_again(tmp_path: Path, city: tuple[Table, Table]) -> None:
    incidents, cells = city
    where = np.floor(incidents["x"] / SIZE_M) * 100_000 + np.floor(incidents["y"] / SIZE_M)
    busy = np.isin(cells["col"] * 100_000 + cells["row"], where[:200])
    numbers = {"field_0": busy.astype(np.float64), "field_1": np.arange(len(cells), dtype=np.float64)}
    wide = Table({**cells.columns, **numbers}, cells.labels)
    both = [{"name": "shops", "column": "field_0"}, {"name": "vacancies", "column": "field_1"}]
    train(tmp_path, (incidents, wide), indicator_fields=both, categories=["Theft"])
    made = bundle.load(tmp_path / "model.zip")
    assert made.indicator_fields == ("shops", "vacancies")
    assert [name for name in made.feature_names if name.startswith("value of")] == [
        "value of shops",
        "value of vacancies",
    ]
    assert "shops and vacancies" in (tmp_path / "model_card.html").read_text(encoding="utf-8")
    straight, _ = forecast(tmp_path, (incidents, wide), indicator_fields=both)
    turned, said = forecast(
        tmp_path, (incidents, wide), indicator_fields=[*both[::-1], {"name": "new", "column": "field_0"}]
    )
    np.testing.assert_array_equal(straight.tables["forecast"]["harm"], turned.tables["forecast"]["harm"])
    assert any("ignores them: “new”" in text for text in said.warnings())
    with pytest.raises(InputError, match="not among the indicator fields: “shops”"):
        forecast(tmp_path, (incidents, wide), indicator_fields=both[1:])


def test_too_little_to_learn_from_is_told_in_a_sentence(tmp_path: Path, city: tuple[Table, Table]) -> None:
    with pytest.raises(InputError, match="Only 1 incident can be used"):
        train(tmp_path / "one", (city[0].take(np.array([5])), city[1]))
    with pytest.raises(InputError, match="No incident of the chosen categories"):
        train(tmp_path / "none", (city[0].take(np.zeros(0, dtype=int)), city[1]))
    early = city[0].take(city[0]["start"] < city[0]["start"].min() + np.timedelta64(20, "D"))
    with pytest.raises(InputError, match="span only 20 days"):
        train(tmp_path / "short", (early, city[1]))
    with pytest.raises(InputError, match="as-of time reads “soon”"):
        train(tmp_path / "soon", city, as_of="soon")


def test_a_short_history_ships_a_baseline_and_says_why(tmp_path: Path, city: tuple[Table, Table]) -> None:
    first = city[0]["start"].min()
    result, _ = train(tmp_path, city, as_of=f"{first + np.timedelta64(60, 'D')}Z", categories=["Theft", "Arson"])
    theft = result.values["categories"]["Theft"]
    assert theft["ships"] == "B4"
    assert "too short for a backtest" in theft["why"]
    assert len(result.tables["scores"]) == 0
    answer, _ = forecast(tmp_path, city, start=f"{first + np.timedelta64(60, 'D')}Z")
    assert answer.tables["forecast"]["expected_theft"].sum() > 0


def test_odd_category_names_travel(tmp_path: Path, city: tuple[Table, Table]) -> None:
    odd = Table(dict(city[0].columns), {"category": ('Theft "big" 🚲', "Robbery, armed; {x}", "窃盗")})
    train(tmp_path, (odd, city[1]), as_of=f"{odd['start'].min() + np.timedelta64(90, 'D')}Z")
    result, _ = forecast(tmp_path, (odd, city[1]))
    assert set(result.values["categories"]) <= set(odd.labels["category"])
    assert len(set(result.values["categories"].values())) == len(result.values["categories"])


def test_trees_start_from_the_baseline_and_keep_its_total() -> None:
    """The objective that diverges without an offset and a bounded step: totals must agree, not just ranks."""
    rng = np.random.default_rng(8)
    rows = 100_000
    signal = rng.normal(size=(rows, 4)).astype(np.float32)
    log = -4.5 + 1.5 * signal[:, 0].astype(np.float64)
    count = rng.poisson(np.exp(log + 0.5 * (signal[:, 1] > 1)))
    count[7] = 41  # concentrated, as counts of crime are
    origin = np.arange(rows) // 1000 * DAY_S
    data = TrainingSet(signal, count.astype(np.float32), np.ones(rows, np.float32), log, origin.astype(np.int64))
    trees = model.fit(data, np.zeros(4, np.int64), 1, rounds=60)
    total = np.exp(log + trees.log_factor(signal)).sum()
    assert total == pytest.approx(count.sum(), rel=0.1)
    assert np.exp(trees.log_factor(signal)).max() < 1000
    again = model.Trees(trees.regression, trees.text, trees.rounds)
    np.testing.assert_array_equal(again.log_factor(signal), trees.log_factor(signal))
    assert "num_threads" not in trees.text


def test_what_has_a_sign_never_works_against_it() -> None:
    """In noise, where trees would find ups and downs, more of a raising feature lowers nothing, wherever it stands."""
    rng = np.random.default_rng(9)
    signal = rng.exponential(size=(60_000, 3)).astype(np.float32)
    wave = 0.8 * np.sin(3 * signal[:, 0]) - 0.5 * signal[:, 1] * (signal[:, 2] > 1) + 0.4 * np.cos(2 * signal[:, 1])
    log, ones = np.full(len(signal), -2.0), np.ones(len(signal), np.float32)
    count = rng.poisson(np.exp(log + wave)).astype(np.float32)
    data = TrainingSet(signal, count, ones, log, np.zeros(len(signal), np.int64))
    ladder = np.linspace(0, 4, 60, dtype=np.float32)

    def steps(signs: list[int], feature: int) -> np.ndarray:
        trees = model.fit(data, np.array(signs), 1, rounds=60)
        rungs = np.repeat(signal[:50, None], len(ladder), axis=1)
        rungs[:, :, feature] = ladder
        return np.diff(trees.log_factor(rungs.reshape(-1, 3)).reshape(50, -1), axis=1)

    assert steps([0, 0, 0], 0).min() < -0.05
    assert steps([0, 0, 0], 1).max() > 0.05
    assert steps([1, -1, 0], 0).min() >= -1e-9
    assert steps([1, -1, 0], 1).max() <= 1e-9


def test_signs_belong_to_features_that_exist(trained: tuple[Path, JobResult, Said]) -> None:
    signs = features.signs(bundle.load(trained[0] / "model.zip").feature_names)
    assert ((signs > 0).sum(), (signs < 0).sum()) == (4, 2)
    assert features.signs([events.FEATURE]).tolist() == [1]
