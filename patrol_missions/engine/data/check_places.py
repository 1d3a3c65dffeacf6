"""What can be wrong with where: no coordinates, wild ones, default geocodes and pile-ups."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from patrol_missions.core.grid import cell_keys
from patrol_missions.engine.data.record import BOGUS, FAR, INSIDE, MISSING, NULL_ISLAND, OUTSIDE, Finding, Record

_FEW = 50  # a rate or a pile of fewer rows says nothing
_NEAR_M = 500.0
_TIMES_NEIGHBOUR = 4.0
_TIMES_USUAL = 10.0
_LEAST_SHARE = 0.0005
_GENERIC = 0.3  # share of rows that would have to change type to make the mixes equal
_TYPES_FOR_A_MIX = 5
_LOOKED_AT = 200
_SHOWN = 10


@dataclass(frozen=True, eq=False)
class Pile:
    """A coordinate that holds suspiciously many rows.

    :param x: coordinate as in the source
    :param y: coordinate as in the source
    :param members: its rows, int64
    :param used_rows: how many of them are of types in use
    :param types: its commonest crime types, in words
    :param inside: it lies within the planned cells
    :param bogus: it is where an address search puts what it cannot find, not a place where things happen
    :param why: what makes it stand out, in words
    """

    x: float
    y: float
    members: np.ndarray
    used_rows: int
    types: str
    inside: bool
    bogus: bool
    why: str

    @property
    def rows(self) -> int:
        """How many rows it holds."""
        return len(self.members)


@dataclass(frozen=True)
class Rate:
    """Rows of a group and how many of them have a usable place."""

    group: str
    rows: int
    geocoded: int

    @property
    def share(self) -> float:
        """The rate, 0 to 1."""
        return self.geocoded / self.rows if self.rows else 0.0


def rates(record: Record, codes: np.ndarray, labels: tuple[str, ...]) -> list[Rate]:
    """Geocoding rate of every group that has rows, most rows first."""
    known = codes >= 0
    total = np.bincount(codes[known], minlength=len(labels))
    good = np.bincount(codes[known & record.geocoded], minlength=len(labels))
    return [Rate(labels[i], int(total[i]), int(good[i])) for i in np.argsort(-total, kind="stable") if total[i]]


def geocoding(record: Record, minimum: float) -> list[Finding]:
    """Rate of rows with a usable place among those used for planning, against the minimum share (0 to 1)."""
    used = int(record.use.sum())
    if not used:
        return []
    geocoded = int((record.use & record.geocoded).sum())
    share = geocoded / used
    missing = used - geocoded
    place = f"a place in or near the planned area ({_percent(share)})"
    sentence = f"{geocoded:,} of {used:,} rows of the types in use have {place}"
    if geocoded == 0:
        return [
            Finding(
                "stop",
                "Geocoding",
                missing,
                1.0,
                f"None of the {used:,} rows of the types in use has a usable place.",
                "Choose a layer with points or the columns that hold the coordinates, and the right coordinate system.",
            )
        ]
    if share < minimum:
        return [
            Finding(
                "stop",
                "Geocoding",
                missing,
                missing / used,
                f"Only {sentence}, below the minimum of {_percent(minimum)}.",
                "Geocode the missing rows first: what is missing is seldom spread evenly, so the plan would be wrong "
                "where addresses fail.",
            )
        ]
    found = [Finding("good", "Geocoding", missing, missing / used, f"{sentence}; the minimum is {_percent(minimum)}.")]
    types = tuple(mapped.raw for mapped in record.mapping)
    found += _weak_groups(record, "crime type", np.where(record.use, record.category, -1), types, minimum)
    if record.district is not None:
        found += _weak_groups(record, "district", np.where(record.use, record.district, -1), record.districts, minimum)
    return found


def _weak_groups(
    record: Record, what: str, codes: np.ndarray, labels: tuple[str, ...], minimum: float
) -> list[Finding]:
    weak = [rate for rate in rates(record, codes, labels) if rate.rows >= _FEW and rate.share < minimum]
    if not weak:
        return []
    missing = sum(rate.rows - rate.geocoded for rate in weak)
    named = ", ".join(
        f"{rate.group or 'blank'} ({_percent(rate.share)})" for rate in sorted(weak, key=lambda r: r.share)[:5]
    )
    subject = f"1 {what} stays" if len(weak) == 1 else f"{len(weak)} {what}s stay"
    return [
        Finding(
            "caution",
            f"Geocoding by {what}",
            missing,
            missing / max(int(record.use.sum()), 1),
            f"{subject} below {_percent(minimum)}: {named}.",
            "Geocode these before you compare places: the plan sees too little of them.",
        )
    ]


def wild_places(record: Record) -> list[Finding]:
    """Rows without a coordinate, on null island, far off, or beyond the cells."""
    n = max(len(record), 1)
    count = np.bincount(record.place, minlength=6)
    found = []
    if count[MISSING]:
        found.append(
            Finding(
                "note",
                "No coordinates",
                int(count[MISSING]),
                count[MISSING] / n,
                f"{count[MISSING]:,} rows have no coordinates.",
                "Geocode them from their address, or accept the loss.",
            )
        )
    if count[NULL_ISLAND]:
        found.append(
            Finding(
                "caution",
                "Null island",
                int(count[NULL_ISLAND]),
                count[NULL_ISLAND] / n,
                f"{count[NULL_ISLAND]:,} rows have a coordinate of exactly 0 or -1, which stands for “unknown”.",
                "They are left out; geocode them if they are many.",
            )
        )
    if count[FAR]:
        found.append(
            Finding(
                "caution",
                "Far away",
                int(count[FAR]),
                count[FAR] / n,
                f"{count[FAR]:,} rows lie farther from the planned area than the area is long.",
                "They are left out. If they are many, the coordinate system of the layer is set wrongly.",
            )
        )
    return found + _outside(count, n)


def _outside(count: np.ndarray, n: int) -> list[Finding]:
    placed = int(count[INSIDE] + count[OUTSIDE] + count[FAR])
    beyond = int(count[OUTSIDE] + count[FAR])
    if placed and beyond > placed / 2:
        return [
            Finding(
                "stop",
                "Outside the cells",
                beyond,
                beyond / n,
                f"{beyond:,} of {placed:,} places lie outside the planned cells.",
                "Check that the layer's coordinate system is right and that the grid covers this jurisdiction.",
            )
        ]
    if count[OUTSIDE]:
        severity = "caution" if count[OUTSIDE] > 0.05 * n else "note"
        return [
            Finding(
                severity,
                "Outside the cells",
                int(count[OUTSIDE]),
                count[OUTSIDE] / n,
                f"{count[OUTSIDE]:,} rows lie near but outside the planned cells and are left out.",
                "Widen the boundary if they belong to the jurisdiction.",
            )
        ]
    return []


def piles(record: Record) -> list[Pile]:
    """Coordinates that hold far more rows than their surroundings, or than places usually do.

    Many agencies snap incidents to blocks or crossings, so a coordinate with many rows is no reason to worry. One
    counts here when it holds at least 50 rows and 0.05 % of all, and either 4 times what any other coordinate within
    500 m holds, or 10 times what 99 % of coordinates stay below.

    It is bogus when its own records place its rows in several districts, or when next to nothing else happens within
    500 m although its crime types are mixed like the whole record's: a real place has types of its own.
    """
    rows = np.flatnonzero(record.geocoded)
    if len(rows) < _FEW:
        return []
    keys = cell_keys(np.round(record.x[rows]).astype(np.int64), np.round(record.y[rows]).astype(np.int64))
    _, first, inverse, counts = np.unique(keys, return_index=True, return_inverse=True, return_counts=True)
    x, y = record.x[rows[first]], record.y[rows[first]]
    usual = float(np.quantile(counts, 0.99))
    candidates = np.flatnonzero((counts >= _FEW) & (counts >= _LEAST_SHARE * len(rows)))
    found = []
    for index in candidates[np.argsort(-counts[candidates], kind="stable")][:_LOOKED_AT]:
        near = (np.abs(x - x[index]) < _NEAR_M) & (np.abs(y - y[index]) < _NEAR_M)
        near[index] = False
        pile = _judge(record, rows[inverse == index], counts[near], usual)
        if pile:
            found.append(pile)
    bogus = [pile for pile in found if pile.bogus]
    return bogus + [pile for pile in found if not pile.bogus][:_SHOWN]


def _judge(record: Record, members: np.ndarray, near: np.ndarray, usual: float) -> Pile | None:
    """The pile that these rows of one coordinate make among the counts of the coordinates near it, if it is one."""
    n, most = len(members), int(near.max(initial=0))
    reasons = []
    districts = _districts(record, members)
    if districts:
        reasons.append(f"rows of {districts} different districts at one point")
    lonely = near.sum() <= 0.01 * n
    if lonely:
        reasons.append(f"next to nothing else within {_NEAR_M:.0f} m")
    elif n >= _TIMES_NEIGHBOUR * most:
        reasons.append(f"{n / most:.0f} times any other point within {_NEAR_M:.0f} m")
    if n >= _TIMES_USUAL * usual:
        reasons.append(f"{n / usual:.0f} times what 99 % of points stay below")
    if not reasons:
        return None
    own, whole = (
        np.bincount(codes, minlength=len(record.mapping)) for codes in (record.category[members], record.category)
    )
    apart = np.abs(own / n - whole / len(record)).sum() / 2
    generic = (whole > 0).sum() >= _TYPES_FOR_A_MIX and apart < _GENERIC
    if lonely and generic:
        reasons.append("crime types mixed like the whole record")
    named = ", ".join(
        f"{record.mapping[i].raw or 'blank'} {_percent(own[i] / n)}"
        for i in np.argsort(-own, kind="stable")[:3]
        if own[i]
    )
    return Pile(
        x=float(record.raw_x[members[0]]),
        y=float(record.raw_y[members[0]]),
        members=members,
        used_rows=int(record.use[members].sum()),
        types=named,
        inside=bool(record.place[members[0]] == INSIDE),
        bogus=districts > 0 or bool(lonely and generic),
        why="; ".join(reasons),
    )


def _districts(record: Record, members: np.ndarray) -> int:
    """How many districts the source places these rows in, when it is too many for one point; else 0."""
    if record.district is None:
        return 0
    shares = np.bincount(record.district[members] + 1) / len(members)
    return int((shares > 0).sum()) if (shares > 0.02).sum() >= 4 and shares.max() < 0.6 else 0


def without_bogus(record: Record, found: list[Pile]) -> Record:
    """The record with the rows at bogus coordinates marked as such, so that they count as not geocoded."""
    bogus = [pile.members for pile in found if pile.bogus]
    if not bogus:
        return record
    place = record.place.copy()
    place[np.concatenate(bogus)] = BOGUS
    return replace(record, place=place)


def pile_findings(found: list[Pile], rows: int) -> list[Finding]:
    """One finding for bogus coordinates, one for other pile-ups."""
    bogus, piled = [pile for pile in found if pile.bogus], [pile for pile in found if not pile.bogus]
    result = []
    if bogus:
        sentence = _piled(
            "lie at {points} where nothing of the kind happens: an address search or a records desk put there what it "
            "could not place",
            bogus,
        )
        remedy = "They count as not geocoded and are left out. Geocode them again."
        result.append(_pile_finding("Bogus geocode", bogus, rows, sentence, remedy))
    if piled:
        remedy = (
            "Look at each on the map. A police station, hospital or court is no hot spot: draw an exclusion area "
            "around it "
            "when you build the grid. A shopping centre may stay."
        )
        result.append(_pile_finding("Pile-up", piled, rows, _piled("pile up at {points}", piled), remedy))
    return result


def _piled(what: str, found: list[Pile]) -> str:
    total, top = sum(pile.rows for pile in found), found[0]
    points = "1 point" if len(found) == 1 else f"{len(found)} points"
    most = "it is" if len(found) == 1 else f"the largest, of {top.rows:,} rows, is"
    return f"{total:,} rows {what.format(points=points)}; {most} {top.x:.10g}, {top.y:.10g} ({top.types}): {top.why}."


def _pile_finding(check: str, found: list[Pile], rows: int, sentence: str, remedy: str) -> Finding:
    total = sum(pile.rows for pile in found)
    return Finding("caution", check, total, total / max(rows, 1), sentence, remedy)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if share < 0.995 or share == 1 else f"{100 * share:.2f} %"
