"""The audit log as a chain: every record holds the hash of the one before, so that nothing in it changes unseen.

A record's hash is SHA-256 over its canonical JSON: sorted keys, no spaces, UTF-8, no NaN. The first record follows a
digest of the log's own random number, so that records of two logs cannot be exchanged. Whoever can rewrite the whole
chain leaves no trace in it: that shows only against a number and hash that were witnessed elsewhere.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from patrol_missions.core.errors import InputError

SCHEMA = 1
"""Version of the records' format; part of every hash."""

SAME, BEGINS, CONTINUES, PARTED = "same", "begins", "continues", "parted"
"""How one log stands to another: the same records, the other's first ones, the other's and more, or two ways on."""

_ATTACHMENT = "The attachment “{}” of record {} is {}."


@dataclass(frozen=True)
class Record:
    """One entry of the log.

    :param number: 1, 2, ...
    :param kind: such as ``"plan"``
    :param at: UTC, such as ``2026-03-01T17:30:00Z``
    :param content: a JSON object
    :param attachments: SHA-256 (hex) of the plain bytes by name
    :param previous: hash of the record before
    :param hash: of all other fields
    """

    number: int
    kind: str
    at: str
    author: str
    content: Mapping[str, Any]
    attachments: Mapping[str, str]
    previous: str
    hash: str


@dataclass(frozen=True)
class Finding:
    """What is wrong, as one sentence; ``number`` is the record's, None where the log as a whole is meant."""

    number: int | None
    what: str


@dataclass(frozen=True)
class Comparison:
    """How one log stands to another.

    :param relation: ``SAME``, ``BEGINS`` (one begins the other), ``CONTINUES`` (the other begins the one) or ``PARTED``
    :param shared: number of the last record that both have
    :param one: the record of the one log that comes next
    :param other: the record of the other that comes next
    """

    relation: str
    shared: int
    one: Record | None
    other: Record | None


def new_log_id() -> str:
    """128 random bits, hex."""
    return secrets.token_hex(16)


def origin(log_id: str) -> str:
    """What stands for the hash of the record before the first."""
    return hashlib.sha256(f"patrol missions audit log {log_id}".encode("utf-8", "backslashreplace")).hexdigest()


def canonical(value: object) -> str:
    """The one way to write a value as JSON.

    :raises InputError: when it cannot be written, or would not be read back as it was
    """
    try:
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(
            f"What a record of the audit log is to hold cannot be written as JSON ({error}).",
            "Use texts, whole and finite numbers, yes and no, lists, and objects of these.",
        ) from error
    return text


def next_record(
    log_id: str,
    head: Record | None,
    kind: str,
    author: str,
    content: Mapping[str, Any],
    attachments: Mapping[str, str],
    at: datetime,
) -> Record:
    """The record that follows the last one.

    :param head: the last record, None for an empty log
    :param attachments: SHA-256 (hex) by name
    :param at: with a time zone; fractions of a second are left out
    :raises InputError: a blank kind, author or name, a time without zone, content that is no JSON object
    """
    for what, text in (("kind", kind), ("author", author), *(("attachment's name", name) for name in attachments)):
        _check_text(what, text)
    if at.utcoffset() is None:
        raise InputError(f"The time {at} of a record of the audit log has no time zone.", "Give it in UTC.")
    read_back = json.loads(canonical(content))
    if not isinstance(read_back, dict):
        raise InputError("The content of a record of the audit log is not a JSON object.", "Give names to its values.")
    draft = Record(
        head.number + 1 if head is not None else 1,
        kind,
        at.astimezone(timezone.utc).replace(microsecond=0, tzinfo=None).isoformat() + "Z",
        author,
        read_back,
        dict(attachments),
        head_hash(log_id, head),
        "",
    )
    return Record(**{**vars(draft), "hash": digest(draft)})


def head_hash(log_id: str, head: Record | None) -> str:
    """What the next record has as ``previous``."""
    return head.hash if head is not None else origin(log_id)


def digest(record: Record) -> str:
    """The hash that a record must have, from its other fields."""
    fields = {name: value for name, value in vars(record).items() if name != "hash"}
    return hashlib.sha256(canonical({"schema": SCHEMA, **fields}).encode()).hexdigest()


def is_as_written(record: Record) -> bool:
    """Whether a record has the hash that its other fields give."""
    return record.hash == _digest(record)


def findings(
    log_id: str,
    records: Sequence[Record],
    hashes_of_attachments: Mapping[str, str],
    expected: tuple[int, str] | None = None,
) -> list[Finding]:
    """Everything that is wrong with a log; nothing for one that is as it was written.

    :param records: in the order in which they are kept
    :param hashes_of_attachments: SHA-256 of the bytes that are there, by the one that they are kept under
    :param expected: number and hash of a record that was witnessed elsewhere
    """
    digests = [_digest(record) for record in records]
    edited = [record.number for record, true in zip(records, digests) if record.hash != true]
    found = [
        *(Finding(number, f"Record {number} is not as it was written.") for number in edited),
        *_numbering([record.number for record in records]),
        *_links(log_id, records, digests),
        *_attachments(records, hashes_of_attachments),
    ]
    if expected is not None:
        found += _witnessed(records, *expected)
    return found


def compare(one: Sequence[Record], other: Sequence[Record]) -> Comparison:
    """How one log stands to another that began as the same one.

    :raises InputError: when they are two different logs
    """
    shared = 0
    for mine, theirs in zip(one, other):
        if mine != theirs:
            break
        shared += 1
    if one and other and not shared and one[0].previous != other[0].previous:
        raise InputError("The two are not one audit log: they began apart.", "Choose two copies of the same log.")
    mine_next, theirs_next = (log[shared] if len(log) > shared else None for log in (one, other))
    relation = {(True, True): SAME, (True, False): BEGINS, (False, True): CONTINUES, (False, False): PARTED}[
        mine_next is None, theirs_next is None
    ]
    return Comparison(relation, one[shared - 1].number if shared else 0, mine_next, theirs_next)


def _check_text(what: str, text: str) -> None:
    if not text.strip():
        raise InputError(f"A record of the audit log is to have a blank {what}.", f"Give its {what}.")
    if any(unicodedata.category(letter) == "Cc" for letter in text):
        raise InputError(
            f"The {what} of a record of the audit log, {text!r}, holds control characters.", "Write it in one line."
        )


def _digest(record: Record) -> str:
    try:
        return digest(record)
    except InputError:  # such as half a character, which no record was ever written with
        return ""


def _numbering(numbers: Sequence[int]) -> Iterator[Finding]:
    """Numbers that are missing, there more than once, out of order or below 1."""
    last = 0
    for number in numbers:
        if number < 1:
            yield Finding(number, f"A record has the number {number}; the first of a log is 1.")
        elif number < last:
            yield Finding(number, f"Record {number} stands after record {last}.")
        last = max(last, number)
    for number, count in sorted(Counter(numbers).items()):
        if count > 1:
            yield Finding(number, f"Record {number} is there {count} times.")
    before = 0
    for number in sorted(each for each in set(numbers) if each > 0):
        if number - before == 2:
            yield Finding(number - 1, f"Record {number - 1} is missing.")
        elif number - before > 2:
            yield Finding(before + 1, f"Records {before + 1} to {number - 1} are missing.")
        before = number


def _links(log_id: str, records: Sequence[Record], digests: Sequence[str]) -> Iterator[Finding]:
    """Records that do not hold the hash of the record before."""
    hashes: dict[int, set[str]] = {0: {origin(log_id)}}
    for record, true in zip(records, digests):  # where a hash alone was edited, the next record follows all the same
        hashes.setdefault(record.number, set()).update((record.hash, true))
    for record in records:
        before = hashes.get(record.number - 1)
        if before is None or record.previous in before:
            continue
        if record.number == 1:
            yield Finding(1, "Record 1 does not begin this log: it comes from another one.")
        else:
            yield Finding(record.number, f"Record {record.number} does not follow from record {record.number - 1}.")


def _attachments(records: Sequence[Record], hashes: Mapping[str, str]) -> Iterator[Finding]:
    for record in records:
        for name, wanted in record.attachments.items():
            if wanted not in hashes:
                yield Finding(record.number, _ATTACHMENT.format(name, record.number, "missing"))
            elif hashes[wanted] != wanted:
                yield Finding(record.number, _ATTACHMENT.format(name, record.number, "not as it was written"))
    named: Collection[str] = {wanted for record in records for wanted in record.attachments.values()}
    for key in hashes:
        if key not in named:
            yield Finding(None, f"An attachment (SHA-256 {key}) belongs to no record.")


def _witnessed(records: Sequence[Record], number: int, wanted: str) -> Iterator[Finding]:
    last = max((record.number for record in records), default=0)
    if any(record.number == number and record.hash == wanted for record in records):
        return
    if number > last:
        ends = f"ends with record {last}" if last else "is empty"
        yield Finding(number, f"Record {number} was witnessed elsewhere, and the log {ends}: its end was cut off.")
    else:
        yield Finding(number, f"Record {number} is not the one that was witnessed elsewhere.")
