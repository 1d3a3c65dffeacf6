"""The audit log as a chain: whatever is edited, removed, exchanged or put in is found; an intact log is not accused."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from patrol_missions.core.errors import InputError
from patrol_missions.engine.missions import audit
from patrol_missions.engine.missions.audit import Record

LOG = "00112233445566778899aabbccddeeff"
NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=timezone.utc)

texts = st.text(st.characters(blacklist_categories=("Cs",)), max_size=8)
numbers = st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
contents = st.dictionaries(texts, values, max_size=4)
chains = st.lists(contents, min_size=3, max_size=7).map(lambda each: chain(*each))


def sha256(data: str) -> str:
    return hashlib.sha256(data.encode()).hexdigest()


def chain(*contents: dict[str, Any], log_id: str = LOG, begin: tuple[Record, ...] = ()) -> list[Record]:
    """A log that goes on from some records; record n has an attachment of its own."""
    records = list(begin)
    for content in contents:
        attachments = {"plan.json": sha256(str(len(records) + 1))}
        head = records[-1] if records else None
        records.append(audit.next_record(log_id, head, "plan", "Ana", content, attachments, NOON))
    return records


def hashes(records: list[Record]) -> dict[str, str]:
    return {key: key for record in records for key in record.attachments.values()}


def told(records: list[Record], there: dict[str, str] | None = None, expected: Any = None) -> list[str]:
    found = audit.findings(LOG, records, hashes(records) if there is None else there, expected)
    return [finding.what for finding in found]


# --- records


def test_a_record_has_the_hash_that_it_will_always_have():
    """Worked out without this code; logs of many years stand on it."""
    record = audit.next_record(LOG, None, "plan", "Zoë", {"b": 1.5, "a": ["é", None, True]}, {"x": sha256("x")}, NOON)
    assert record == Record(
        number=1,
        kind="plan",
        at="2026-03-01T12:00:00Z",
        author="Zoë",
        content={"a": ["é", None, True], "b": 1.5},
        attachments={"x": "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"},
        previous="a21069d844cd1fefa3c1b830dc786b94b4b7909d6fd104a4d9a88665a30160c9",
        hash="67def75fc3d22a86c2f095ccef7e3953f3fa29dfb397a30e8d1ca5e6a72d7c20",
    )


def test_log_ids_are_random():
    ids = {audit.new_log_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(len(bytes.fromhex(each)) == 16 for each in ids)
    assert len({audit.origin(each) for each in ids}) == 100


@given(contents)
def test_what_is_written_is_read_back_and_written_the_same(content):
    text = audit.canonical(content)
    assert json.loads(text) == content
    assert audit.canonical(json.loads(text)) == text
    assert audit.canonical(dict(reversed(list(content.items())))) == text


def test_times_are_utc_in_whole_seconds():
    at = NOON.replace(microsecond=999_999).astimezone(timezone(timedelta(hours=-5)))
    assert audit.next_record(LOG, None, "plan", "Ana", {}, {}, at).at == "2026-03-01T12:00:00Z"


def nested(depth: int) -> Any:
    value: Any = None
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), -float("inf"), b"bytes", {1, 2}, "half \ud800", {"half \udcff": 1}, nested(9**6)],
)
def test_what_json_does_not_hold_is_refused(value):
    with pytest.raises(InputError, match="cannot be written as JSON") as caught:
        audit.next_record(LOG, None, "plan", "Ana", {"value": value}, {}, NOON)
    assert "finite numbers" in caught.value.hint


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"kind": " "}, "a blank kind"),
        ({"author": ""}, "a blank author"),
        ({"author": "Ana\x00"}, "The author .* holds control characters"),
        ({"author": "half \ud800"}, "cannot be written"),
        ({"attachments": {"": sha256("")}}, "a blank attachment's name"),
        ({"at": NOON.replace(tzinfo=None)}, "has no time zone"),
        ({"content": ["list"]}, "is not a JSON object"),
    ],
)
def test_what_no_record_can_be_is_refused(change, sentence):
    whole = {"kind": "plan", "author": "Ana", "content": {}, "attachments": {}, "at": NOON}
    with pytest.raises(InputError, match=sentence) as caught:
        audit.next_record(LOG, None, **{**whole, **change})
    assert caught.value.hint


# --- findings


@given(chains)
def test_an_intact_log_is_not_accused(records):
    assert told(records) == []
    for record in records:
        assert told(records, expected=(record.number, record.hash)) == []


def test_an_empty_log_is_not_accused():
    assert told([]) == []


@given(chains, st.data())
def test_every_edit_is_found(records, data):
    at = data.draw(st.integers(0, len(records) - 1))
    field = data.draw(st.sampled_from([name for name in vars(records[0]) if name != "number"]))
    old = getattr(records[at], field)
    if field == "content":
        new = data.draw(contents)
        assume(audit.canonical(new) != audit.canonical(old))
    elif field == "attachments":
        new = data.draw(st.sampled_from([{}, {"other": old["plan.json"]}, {**old, "more": sha256("1")}]))
    else:
        new = data.draw(st.text(max_size=8))  # halves of characters, too
        assume(new != old)
    records[at] = replace(records[at], **{field: new})
    assert f"Record {at + 1} is not as it was written." in told(records)


@given(chains, st.data())
def test_an_edit_with_a_new_hash_is_found_by_what_follows(records, data):
    at = data.draw(st.integers(0, len(records) - 2))
    draft = replace(records[at], author="Bo")
    records[at] = replace(draft, hash=audit.digest(draft))
    assert told(records) == [f"Record {at + 2} does not follow from record {at + 1}."]


def test_an_edited_hash_alone_does_not_accuse_the_next_record():
    records = chain({}, {}, {})
    records[1] = replace(records[1], hash="0" * 64)
    assert told(records) == ["Record 2 is not as it was written."]


@given(chains, st.data())
def test_removed_records_are_found(records, data):
    gone = data.draw(st.sets(st.integers(0, len(records) - 2), min_size=1))
    left = [record for at, record in enumerate(records) if at not in gone]
    found = audit.findings(LOG, left, hashes(left))
    assert found
    assert all("missing" in finding.what for finding in found)


def test_gaps_are_told_in_one_sentence_each():
    records = chain(*({} for _ in range(9)))
    left = [records[at] for at in (1, 2, 6, 8)]
    assert told(left) == ["Record 1 is missing.", "Records 4 to 6 are missing.", "Record 8 is missing."]


@given(chains, st.data())
def test_a_cut_end_is_found_by_what_was_witnessed_elsewhere(records, data):
    keep = data.draw(st.integers(0, len(records) - 1))
    last = records[-1]
    assert told(records[:keep]) == []
    (sentence,) = told(records[:keep], expected=(last.number, last.hash))
    assert "was witnessed elsewhere" in sentence
    assert "its end was cut off" in sentence


def test_a_chain_made_anew_is_found_by_what_was_witnessed_elsewhere():
    true, false = chain({"a": 1}, {"a": 2}), chain({"a": 1}, {"a": 3})
    assert told(false) == []
    assert told(false, expected=(2, true[1].hash)) == ["Record 2 is not the one that was witnessed elsewhere."]


@given(chains, st.data())
def test_exchanged_records_are_found(records, data):
    one, other = sorted(data.draw(st.sets(st.integers(0, len(records) - 1), min_size=2, max_size=2)))
    records[one], records[other] = records[other], records[one]
    assert f"Record {one + 1} stands after record {other + 1}." in told(records)


@given(chains, st.data())
def test_exchanged_records_with_exchanged_numbers_are_found(records, data):
    one, other = sorted(data.draw(st.sets(st.integers(0, len(records) - 1), min_size=2, max_size=2)))
    records[one], records[other] = (
        replace(records[other], number=one + 1),
        replace(records[one], number=other + 1),
    )
    assert f"Record {one + 1} is not as it was written." in told(records)


@given(chains, st.data())
def test_a_record_that_is_there_twice_is_found(records, data):
    at, to = (data.draw(st.integers(0, len(records) - 1)) for _ in range(2))
    records.insert(to, records[at])
    assert f"Record {at + 1} is there 2 times." in told(records)


@given(chains, st.data())
def test_a_record_that_was_put_in_is_found(records, data):
    """A record of the forger's own, with all its hashes right, and the later ones moved up."""
    at = data.draw(st.integers(0, len(records) - 1))
    forged = chain({"forged": True}, begin=tuple(records[:at]))[-1]
    moved = [replace(record, number=record.number + 1) for record in records[at:]]
    assert f"Record {at + 2} is not as it was written." in told([*records[:at], forged, *moved])


@given(chains)
def test_records_of_another_log_are_found(records):
    other = chain({}, {}, log_id="ff" * 16)
    assert told([other[0], *records[1:]])[0] == "Record 1 does not begin this log: it comes from another one."
    assert "Record 2 does not follow from record 1." in told([records[0], other[1]])
    assert "Record 1 does not begin this log: it comes from another one." in told(other)


def test_numbers_below_one_are_found():
    first = replace(chain({})[0], number=0)
    assert "A record has the number 0; the first of a log is 1." in told([first])


def test_attachments_that_are_missing_altered_or_nobody_s_are_found():
    records = chain({}, {}, {})
    there = {**hashes(records), "ab" * 32: "ab" * 32}
    there[sha256("2")] = sha256("other")
    del there[sha256("3")]
    assert told(records, there) == [
        "The attachment “plan.json” of record 2 is not as it was written.",
        "The attachment “plan.json” of record 3 is missing.",
        f"An attachment (SHA-256 {'ab' * 32}) belongs to no record.",
    ]


def test_findings_name_their_record():
    records = chain({}, {}, {})
    del records[1]
    assert audit.findings(LOG, records, hashes(records)) == [audit.Finding(2, "Record 2 is missing.")]


# --- two logs


@settings(max_examples=50)
@given(chains, st.data())
def test_two_copies_of_a_log_are_compared(records, data):
    keep = data.draw(st.integers(0, len(records) - 1))
    begun = records[:keep]
    assert audit.compare(records, list(records)) == audit.Comparison(audit.SAME, len(records), None, None)
    assert audit.compare(begun, records) == audit.Comparison(audit.BEGINS, keep, None, records[keep])
    assert audit.compare(records, begun) == audit.Comparison(audit.CONTINUES, keep, records[keep], None)
    forked = chain({"forked": 1}, {"forked": 2}, begin=tuple(begun))
    assert audit.compare(forked, records) == audit.Comparison(audit.PARTED, keep, forked[keep], records[keep])


def test_an_edited_record_is_where_copies_part():
    records = chain({}, {}, {})
    edited = [records[0], replace(records[1], author="Bo"), records[2]]
    assert audit.compare(records, edited) == audit.Comparison(audit.PARTED, 1, records[1], edited[1])


def test_two_logs_that_began_apart_are_not_compared():
    with pytest.raises(InputError, match="began apart") as caught:
        audit.compare(chain({}), chain({}, log_id="ff" * 16))
    assert "same log" in caught.value.hint
