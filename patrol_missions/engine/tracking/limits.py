"""What may come in: addresses, units, how much and how fast. What is refused is counted; nothing grows without bound.

Units that nobody named stand in quarantine: they are counted and shown, so that a new car can be let in by a click, and
are never tracked. Names of units come from strangers and go to tables, pages and maps: anything but letters, digits and
a few signs is refused here, once and for all.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Union

from patrol_missions.core.errors import InputError
from patrol_missions.engine.tracking.fixes import Fix

ADDRESS = "address not allowed"
CONNECTIONS = "too many connections"
IDLE = "silent connection closed"
BYTES = "too many bytes"
NAME = "name of a unit not allowed"
UNKNOWN = "unknown unit"
RATE = "too many reports"

LONGEST_NAME = 32
_SIGNS = frozenset(" ._-/:")
_Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]


@dataclass(frozen=True)
class Limits:
    """Bounds on what comes in from outside.

    :param addresses: networks that may connect, as ``10.20.0.0/16``; by default this computer alone
    :param units: units that are tracked; ``None`` takes every unit whose name is allowed
    :param connections: most of one source at a time; the one that was of no use for longest makes room
    :param bytes_per_second: of one connection; more is left waiting with the sender, or dropped where it cannot wait
    :param reports_per_second: of one unit, on the long run
    :param reports_at_once: of one unit that was out of coverage and sends what it has kept
    :param idle_s: after which a connection that says nothing is closed
    :param header_s: within which an HTTP request, a TLS handshake or a client's token has to be complete
    :param quarantine: most unknown units that are remembered
    :param most_units: most units at all
    """

    addresses: Sequence[str] = ("127.0.0.0/8", "::1/128")
    units: Sequence[str] | None = ()
    connections: int = 10_000
    bytes_per_second: float = 1_000_000.0
    reports_per_second: float = 10.0
    reports_at_once: int = 1_000
    idle_s: float = 600.0
    header_s: float = 10.0
    quarantine: int = 1_000
    most_units: int = 20_000

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> Limits:
        """Limits from a JSON object; ``"units": "any"`` takes all.

        :raises InputError: something is unknown, or no number above 0
        """
        known = {each.name for each in fields(cls)}
        values = dict(given)
        if values.get("units") == "any":
            values["units"] = None
        for name, value in values.items():
            if name not in known:
                raise InputError(f"There is no limit “{name}”.", f"The limits are {', '.join(sorted(known))}.")
            if name in ("addresses", "units"):
                good = value is None or (isinstance(value, list) and all(isinstance(each, str) for each in value))
            else:
                good = isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0
            if not good:
                raise InputError(f"The limit “{name}” cannot be {value!r}.", "See “Sources and security” in live.md.")
        return cls(**values)


class Allowance:
    """So much per second on the long run, and so much at once."""

    __slots__ = ("_at", "_left", "_most", "_rate")

    def __init__(self, rate: float, most: float) -> None:
        self._rate, self._most = rate, most
        self._left, self._at = most, 0.0

    def spend(self, amount: float, now: float) -> bool:
        """Take so much, if it is there.

        :param now: seconds by a clock that is never set
        """
        self._fill(now)
        if amount > self._left:
            return False
        self._left -= amount
        return True

    def owe(self, amount: float, now: float) -> float:
        """Take so much in any case; how many seconds to wait before taking more."""
        self._fill(now)
        self._left -= amount
        return max(0.0, -self._left / self._rate)

    def _fill(self, now: float) -> None:
        self._left = min(self._most, self._left + max(0.0, now - self._at) * self._rate)  # a replay goes back
        self._at = now


def allowed_name(name: str) -> bool:
    """Whether a unit may be called so: letters and digits of any script, single signs between them, not long."""
    return (
        0 < len(name) <= LONGEST_NAME
        and name[0].isalnum()
        and name[-1] != " "
        and all(sign.isalnum() or sign in _SIGNS for sign in name)
    )


@dataclass
class Guard:
    """Stands between the sources and the tracker; one for all sources.

    :ivar counted: what was refused, by plain words
    :ivar quarantined: unknown units, and how many reports came of each
    """

    limits: Limits
    counted: Counter[str] = field(default_factory=Counter)
    quarantined: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._networks = [_network(each) for each in self.limits.addresses]
        self._units = None if self.limits.units is None else {_named(each) for each in self.limits.units}
        self._allowances: dict[str, Allowance] = {}

    def lets_in(self, address: str) -> bool:
        """Whether an address may connect; counts it if not."""
        try:
            found = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            found = None
        mapped = getattr(found, "ipv4_mapped", None)
        there = mapped or found
        if there is not None and any(there in network for network in self._networks):
            return True
        self.counted[ADDRESS] += 1
        return False

    def admit(self, unit: str) -> None:
        """Track a unit from now on.

        :raises InputError: no unit may be called so
        """
        named = _named(unit)
        if self._units is not None:
            self._units.add(named)
        self.quarantined.pop(unit, None)

    def passed(self, fixes: Iterable[Fix], now: float) -> list[Fix]:
        """Those reports that may go on to the tracker.

        :param now: seconds by a clock that is never set
        """
        return [fix for fix in fixes if self._passes(fix.unit, now)]

    def _passes(self, unit: str, now: float) -> bool:
        allowance = self._allowances.get(unit)
        if allowance is None:
            allowance = self._let_in_unit(unit)
            if allowance is None:
                return False
        if not allowance.spend(1.0, now):
            self.counted[RATE] += 1
            return False
        return True

    def _let_in_unit(self, unit: str) -> Allowance | None:
        if not allowed_name(unit):
            self.counted[NAME] += 1
            return None
        known = self._units is None or unit in self._units
        if not known or len(self._allowances) >= self.limits.most_units:
            self.counted[UNKNOWN] += 1
            if unit in self.quarantined or len(self.quarantined) < self.limits.quarantine:
                self.quarantined[unit] += 1
            return None
        made = Allowance(self.limits.reports_per_second, self.limits.reports_at_once)
        self._allowances[unit] = made
        return made


def _named(unit: str) -> str:
    if not allowed_name(unit):
        raise InputError(
            f"A unit cannot be called {unit!r}.",
            f"Use up to {LONGEST_NAME} letters and digits, and spaces, points, dashes, slashes or colons between them.",
        )
    return unit


def _network(text: str) -> _Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise InputError(
            f"“{text}” is no network.", "Write networks as 10.20.0.0/16, and one address as it is."
        ) from error
