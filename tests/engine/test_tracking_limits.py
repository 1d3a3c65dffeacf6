"""Limits: strangers are counted and never tracked, nobody takes more than their share, and nothing grows."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol_missions.core.errors import InputError
from patrol_missions.engine.tracking import limits
from patrol_missions.engine.tracking.fixes import Fix
from patrol_missions.engine.tracking.limits import Allowance, Guard, Limits, allowed_name


def fix(unit, at=0.0):
    return Fix(unit, at, 13.4, 52.5)


@pytest.mark.parametrize("name", ["car 1", "A", "Streife-7", "Müller 12/3", "10.0.0.7", "Экипаж 5", "x" * 32])
def test_names_that_units_have(name):
    assert allowed_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "", " car", "car ", "-1", "x" * 33, "car;", "1'); DROP TABLE fixes;--", "<b>1</b>", "<script>", "a\nb",
        "a\x00b", "a\tb", 'a"b', "=1+1", "@SUM", "../etc/passwd",
        "a\\b", "${jndi}", "a%00", "a\u202eb", "a&amp;b", "{}",
    ],
)  # fmt: skip
def test_names_that_would_do_harm(name):
    guard = Guard(Limits(units=None))
    assert guard.passed([fix(name)], 0.0) == []
    assert guard.counted == {limits.NAME: 1}
    assert not guard.quarantined, "a harmful name is not even shown"


@given(st.text(max_size=40))
def test_no_allowed_name_has_a_sign_that_means_anything_elsewhere(name):
    if allowed_name(name):
        assert not set(name) & set("<>&'\";\\{}()[]$%`=+@|*?!~^,#\n\r\t\0")
        assert name == name.strip()
        assert name.isprintable() or not name.isascii()


def test_unknown_units_are_counted_and_stand_in_quarantine_until_they_are_admitted():
    guard = Guard(Limits(units=["car 1"]))
    assert guard.passed([fix("car 1"), fix("car 2"), fix("car 2")], 0.0) == [fix("car 1")]
    assert guard.quarantined == {"car 2": 2}
    assert guard.counted == {limits.UNKNOWN: 2}
    guard.admit("car 2")
    assert guard.passed([fix("car 2")], 0.0) == [fix("car 2")]
    assert not guard.quarantined


def test_by_default_no_unit_is_tracked():
    assert Guard(Limits()).passed([fix("car 1")], 0.0) == []


def test_the_quarantine_is_bounded():
    guard = Guard(Limits(units=["car 1"], quarantine=100))
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(50_000):
            guard.passed([fix(f"stranger {number}")], 0.0)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(guard.quarantined) == 100
    assert guard.counted[limits.UNKNOWN] == 50_000
    assert after - before < 100_000


def test_units_are_bounded_where_all_are_taken():
    guard = Guard(Limits(units=None, most_units=10))
    assert len(guard.passed([fix(f"car {number}") for number in range(20)], 0.0)) == 10


def test_a_unit_that_sends_too_much_is_cut_and_others_are_not():
    guard = Guard(Limits(units=None, reports_per_second=2, reports_at_once=10))
    assert len(guard.passed([fix("car 1", at) for at in range(50)], 100.0)) == 10
    assert len(guard.passed([fix("car 2", at) for at in range(5)], 100.0)) == 5
    assert guard.counted == {limits.RATE: 40}
    assert len(guard.passed([fix("car 1", at) for at in range(50)], 101.0)) == 2


def test_what_a_unit_kept_while_out_of_coverage_passes():
    guard = Guard(Limits(units=None))
    assert len(guard.passed([fix("car 1", at) for at in range(900)], 0.0)) == 900


@given(st.lists(st.tuples(st.floats(0, 10), st.floats(0.1, 5)), max_size=50))
def test_an_allowance_gives_no_more_than_it_has(asked):
    allowance, now, given_out = Allowance(2.0, 10.0), 0.0, 0.0
    for wait, amount in asked:
        now += wait
        if allowance.spend(amount, now):
            given_out += amount
    assert given_out <= 10.0 + 2.0 * now + 1e-6


def test_what_is_owed_is_waited_for():
    allowance = Allowance(100.0, 100.0)
    assert allowance.owe(100, 50.0) == 0
    assert allowance.owe(200, 50.0) == 2
    assert allowance.owe(0, 52.0) == 0


def test_a_clock_that_goes_back_takes_nothing_away():
    allowance = Allowance(1.0, 10.0)
    assert allowance.spend(5, 1000.0)
    assert allowance.spend(5, 500.0)
    assert not allowance.spend(1, 500.0)
    assert allowance.spend(1, 501.0)


@pytest.mark.parametrize(
    ("address", "there"),
    [
        ("127.0.0.1", True), ("::1", True), ("::ffff:127.0.0.1", True), ("10.1.2.3", True), ("10.2.2.3", False),
        ("8.8.8.8", False), ("::ffff:8.8.8.8", False), ("nonsense", False), ("", False), ("fe80::1%eth0", False),
    ],
)  # fmt: skip
def test_addresses(address, there):
    guard = Guard(Limits(addresses=["127.0.0.0/8", "::1", "10.1.0.0/16"]))
    assert guard.lets_in(address) is there
    assert guard.counted[limits.ADDRESS] == (not there)


def test_by_default_this_computer_alone_may_connect():
    guard = Guard(Limits())
    assert guard.lets_in("127.0.0.1")
    assert not guard.lets_in("192.168.1.2")


def test_limits_from_json():
    read = Limits.read({"units": "any", "connections": 5, "addresses": ["10.0.0.0/8"]})
    assert read == Limits(units=None, connections=5, addresses=["10.0.0.0/8"])


@pytest.mark.parametrize(
    "given_limits",
    [
        {"conections": 5},
        {"connections": 0},
        {"connections": "5"},
        {"connections": True},
        {"units": "car 1"},
        {"units": [5]},
    ],
)
def test_limits_that_cannot_be_meant(given_limits):
    with pytest.raises(InputError):
        Limits.read(given_limits)


@pytest.mark.parametrize("bad", [{"addresses": ["10.0.0.0/99"]}, {"units": ["<b>"]}])
def test_lists_that_cannot_be_meant(bad):
    with pytest.raises(InputError):
        Guard(Limits.read(bad))
