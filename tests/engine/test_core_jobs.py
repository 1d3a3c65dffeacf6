"""Job folders, messages and names."""

from __future__ import annotations

import json
import math
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol_missions.core import errors, jobs, messages, names
from patrol_missions.core.errors import PatrolError, WorkerError
from patrol_missions.core.jobs import Job, JobResult
from patrol_missions.core.tables import Table
from patrol_missions.engine.context import JobContext

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
TEXT = st.text()
MESSAGES = st.one_of(
    st.builds(messages.Hello, TEXT, st.integers(), TEXT, st.integers()),
    st.builds(messages.Progress, st.floats(0, 1), TEXT),
    st.builds(messages.Log, TEXT),
    st.builds(messages.Warning, TEXT),
    st.builds(messages.Result),
    st.builds(messages.Error, TEXT, TEXT, TEXT, TEXT),
)


@given(MESSAGES)
def test_messages_cross_as_one_line_of_ascii(message):
    line = messages.encode(message)
    assert line.isascii()
    assert "\n" not in line
    assert messages.decode(line) == message


@given(st.one_of(TEXT, JSON.map(json.dumps)))
def test_what_is_no_message_is_none(line):
    assert messages.decode(line) is None


@given(st.dictionaries(st.text(), JSON, max_size=4), st.text())
def test_requests_come_back(tmp_path_factory, parameters, text):
    folder = tmp_path_factory.mktemp("job")
    table = Table({"x": np.array([1.0])}).with_text("t", [text])
    jobs.write_job(folder, Job("name", parameters, {"in": table}))
    again = jobs.read_job(folder)
    assert (again.name, again.parameters) == ("name", parameters)
    assert list(again.tables["in"].text("t")) == [text]


def test_answers_come_back(tmp_path):
    result = JobResult({"rows": 3}, {"out": Table({"x": np.arange(3)})}, {"report": "report.html"})
    jobs.write_result(tmp_path, result)
    again = jobs.read_result(tmp_path)
    assert (again.values, again.files, len(again.tables["out"])) == (result.values, result.files, 3)


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_numbers_that_json_cannot_hold_are_refused(tmp_path, number):
    with pytest.raises(ValueError, match="JSON"):
        jobs.write_result(tmp_path, JobResult({"x": number}))
    assert not (tmp_path / "result.json").exists()


def test_missing_cut_off_and_foreign_documents_have_a_sentence(tmp_path):
    with pytest.raises(WorkerError, match=r"result\.json of the job cannot be read"):
        jobs.read_result(tmp_path)
    (tmp_path / "job.json").write_text('{"schema": 1, "job"')
    with pytest.raises(WorkerError, match=r"job\.json of the job cannot be read"):
        jobs.read_job(tmp_path)
    (tmp_path / "job.json").write_text('{"schema": 2}')
    with pytest.raises(WorkerError, match="format 2, and this version reads format 1"):
        jobs.read_job(tmp_path)


@pytest.mark.parametrize("kind", [errors.PatrolError, errors.InputError, errors.EngineError, errors.WorkerError])
def test_problems_keep_their_kind_over_the_wall(kind):
    error = kind("What is wrong.", "What to do.")
    again = errors.from_kind(error.kind, error.message, error.hint)
    assert type(again) is kind
    assert str(again) == "What is wrong. What to do."


def test_a_kind_from_a_newer_version_is_still_a_problem():
    assert type(errors.from_kind("novel", "m", "")) is PatrolError


# --- names


@given(st.text())
def test_slugs_are_field_names(text):
    slug = names.slug(text)
    assert slug.isascii()
    assert slug.replace("_", "a").isalnum()
    assert slug == slug.lower()
    assert 0 < len(slug) <= 40
    assert names.slug(slug) == slug


@given(st.lists(st.text(max_size=60), unique=True, max_size=30))
def test_every_category_has_a_field_of_its_own(categories):
    found = names.expected_fields(categories)
    assert list(found) == categories
    assert len(set(found.values())) == len(categories)
    assert all(field.startswith(names.EXPECTED) and len(field) < 63 for field in found.values())


def test_slugs_of_real_categories():
    assert names.slug("Theft (auto)") == "theft_auto"
    assert names.slug("Vol à l'étalage") == "vol_a_l_etalage"
    assert names.slug("🔫") == "category"
    assert list(names.expected_fields(["A b", "a-b", "a b 2", "😀"]).values()) == [
        "expected_a_b",
        "expected_a_b_2",
        "expected_a_b_2_2",
        "expected_category",
    ]


# --- progress of parts


@given(st.lists(st.tuples(st.floats(0, 0.5), st.floats(0.5, 1)), max_size=4), st.floats(-1, 2))
def test_parts_stay_within_the_whole(stretches, fraction):
    heard = []
    context = JobContext(folder=None, send=heard.append)
    low, high = 0.0, 1.0
    for begin, end in stretches:
        context = context.part(begin, end)
        low, high = low + (high - low) * begin, low + (high - low) * end
    context.progress(fraction, "step")
    inside = min(max(fraction, 0), 1)
    assert heard == [messages.Progress(pytest.approx(low + (high - low) * inside), "step")]
    assert -1e-9 <= heard[0].fraction <= 1 + 1e-9


def test_a_context_without_a_worker_speaks_to_the_log(caplog, tmp_path):
    context = JobContext(tmp_path)
    with caplog.at_level("INFO"):
        context.log("a line")
        context.warning("careful")
    assert [record.levelname for record in caplog.records] == ["INFO", "WARNING"]


def test_message_types_have_only_what_json_holds():
    kinds = {field.type for message in messages._TYPES.values() for field in fields(message)}
    assert kinds == {"str", "int", "float"}
