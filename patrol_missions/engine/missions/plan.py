"""From a forecast and the analyst's settings to missions: how many where, with which chance, and which were drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from patrol_missions.core.errors import InputError
from patrol_missions.core.grid import cell_keys
from patrol_missions.core.tables import Table
from patrol_missions.engine.data.zones import Zone
from patrol_missions.engine.missions import wording
from patrol_missions.engine.missions.candidates import NO_DISTRICT, Candidates, Groups
from patrol_missions.engine.missions.draw import Stream, draw
from patrol_missions.engine.missions.inclusion import Inclusion, inclusion_probabilities, most_missions

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_NAMED = 5  # districts named in one sentence


@dataclass(frozen=True)
class Settings:
    """What the analyst decides.

    :param per_district: missions per district and shift
    :param quotas: other numbers for some districts, by name
    :param harm_kept: share of the harm of the best cells that the draw keeps on average, above 0 and at most 1
    :param ceiling: largest inclusion probability; below 1, no cell is ever certain
    :param dose_minutes: time to spend in the cell
    :param seed: any whole number; the same seed gives the same missions
    """

    per_district: int = 3
    quotas: Mapping[str, int] = field(default_factory=dict)
    harm_kept: float = 0.9
    ceiling: float = 0.95
    dose_minutes: float = 15.0
    seed: int = 1

    def __post_init__(self) -> None:
        if not 0 < self.harm_kept <= 1:
            raise InputError(
                f"The share of harm to keep is {100 * self.harm_kept:g} %.", "Choose a share above 0 and up to 100 %."
            )
        if not 0 < self.ceiling <= 1:
            raise InputError(
                f"The largest chance of a cell is {100 * self.ceiling:g} %.", "Choose one above 0 and up to 100 %."
            )
        if not 0 < self.dose_minutes <= 1440:
            raise InputError(
                f"The time to spend in a cell is {self.dose_minutes:g} minutes.", "Choose more than 0, such as 15."
            )
        for name, number in (("every district", self.per_district), *self.quotas.items()):
            if number < 0:
                raise InputError(f"{number} missions are asked for in {name}.", "Choose 0 or more.")


@dataclass(frozen=True)
class Plan:
    """Missions, the account per district and shift, figures for the log, and sentences that the user should read."""

    missions: Table
    allocation: Table
    values: Mapping[str, float | int | None]
    warnings: tuple[str, ...]


def make(candidates: Candidates, settings: Settings, clock: Zone) -> Plan:
    """Draw the missions of every district and shift of a forecast.

    :raises InputError: quotas of unknown districts; harm that is negative or missing; a dose longer than a shift
    """
    groups = candidates.groups
    _dose_fits(groups, settings.dose_minutes)
    asked = _asked(groups, settings)
    number = np.minimum(asked, most_missions(groups.cells, settings.ceiling))
    law = inclusion_probabilities(candidates.harm, candidates.group, number, settings.harm_kept, settings.ceiling)
    streams = [
        Stream(settings.seed, int(start), (shift, district or ""))
        for start, shift, district in zip(groups.start.astype(np.int64), groups.shift, groups.district)
    ]
    selected = draw(law.probability, candidates.table["col"], candidates.table["row"], candidates.group, streams)
    rows = np.flatnonzero(selected)
    rows = rows[np.lexsort((-candidates.harm[rows], candidates.group[rows]))]
    missions = _missions(candidates, rows, law.probability[rows], settings, clock)
    keys = cell_keys(candidates.table["col"][rows], candidates.table["row"][rows])
    return Plan(
        missions,
        _allocation(candidates, law, number, rows, keys),
        _values(candidates, law, rows, keys),
        (*_reduced(groups, asked, number, settings.ceiling), *_short_of_harm(law, number, settings)),
    )


def _dose_fits(groups: Groups, dose_minutes: float) -> None:
    minutes = (groups.end - groups.start).astype(np.int64) / 60.0
    shortest = int(np.argmin(minutes))
    if minutes[shortest] <= 0:
        raise InputError(
            f"The shift “{groups.shift[shortest]}” ends before it starts.", "Make the forecast again with other shifts."
        )
    if dose_minutes > minutes[shortest]:
        raise InputError(
            f"{dose_minutes:g} minutes in a cell are more than the {minutes[shortest]:g} minutes of the shift "
            f"“{groups.shift[shortest]}”.",
            "Choose a shorter time, such as 15 minutes.",
        )


def _asked(groups: Groups, settings: Settings) -> Ints:
    """Missions asked for in each group."""
    names = [district or NO_DISTRICT for district in groups.district]
    unknown = sorted(set(settings.quotas) - set(names))
    if unknown:
        known = sorted(set(names))
        listed = ", ".join(known[:30]) + (" …" if len(known) > 30 else "")
        raise InputError(
            f"The forecast has no district called {', '.join(f'“{name}”' for name in unknown)}.",
            f"Its districts are: {listed}.",
        )
    return np.array([settings.quotas.get(name, settings.per_district) for name in names], dtype=np.int64)


def _missions(candidates: Candidates, rows: Ints, probability: Floats, settings: Settings, clock: Zone) -> Table:
    groups, group = candidates.groups, candidates.group[rows]
    table = candidates.table.take(rows)
    begins = np.concatenate(([True], np.diff(group) != 0))[: len(rows)]
    order = np.arange(len(rows)) - np.repeat(np.flatnonzero(begins), np.bincount(group, minlength=1)[group[begins]]) + 1
    start, end = groups.start[group], groups.end[group]
    peaks = [table[n].astype("datetime64[s]") if n in table else None for n in ("peak_start", "peak_end")]
    opens, closes = (
        shift if peak is None else np.where(np.isnat(peak), shift, peak) for peak, shift in zip(peaks, (start, end))
    )
    windows = wording.windows(clock.to_local(opens), clock.to_local(closes))
    columns = {
        **table.columns,
        "mission_id": wording.mission_ids(groups, group, order),
        "order": order.astype(np.int32),
        "inclusion_probability": probability,
        "dose_minutes": np.full(len(rows), settings.dose_minutes, dtype=np.float32),
        "window_start": opens,
        "window_end": closes,
    }
    tops = wording.top_categories(candidates, rows)
    return (
        Table(columns, table.labels)
        .with_text("window", windows)
        .with_text("top_categories", [", ".join(top) for top in tops])
        .with_text("purpose", wording.purposes(candidates, rows, tops, windows, settings.dose_minutes))
    )


def _allocation(candidates: Candidates, law: Inclusion, number: Ints, rows: Ints, keys: Ints) -> Table:
    """One row per shift and district; ``effective_cells`` are as many equally likely cells as give the same spread."""
    groups = candidates.groups
    squares = np.bincount(candidates.group, law.probability**2, minlength=len(groups))
    cells = np.divide(number.astype(np.float64) ** 2, squares, out=np.zeros(len(groups)), where=squares > 0)
    district = np.unique([name or "" for name in groups.district], return_inverse=True)[1]
    chosen = np.unique(np.stack([district[candidates.group[rows]], keys]), axis=1)
    columns = {
        "shift_date": groups.date,
        "start": groups.start,
        "end": groups.end,
        "missions": number.astype(np.int32),
        "harm": law.expected,
        "harm_greedy": law.greedy,
        "harm_kept": law.kept,
        "temperature": law.temperature,
        "cells": groups.cells.astype(np.int32),
        "effective_cells": cells.astype(np.float32),
        "distinct_cells": np.bincount(chosen[0], minlength=district.max() + 1)[district].astype(np.int32),
    }
    return Table(columns).with_text("district", groups.district).with_text("shift", groups.shift)


def _values(candidates: Candidates, law: Inclusion, rows: Ints, keys: Ints) -> dict[str, float | int | None]:
    groups = candidates.groups
    greedy = float(law.greedy.sum())
    return {
        "missions": len(rows),
        "shifts": len(set(zip(groups.start.tolist(), groups.shift))),
        "districts": len(set(groups.district)),
        "distinct_cells": len(np.unique(keys)),
        "harm_kept": float(law.expected.sum()) / greedy if greedy > 0 else 1.0,
        "harm_kept_by_this_draw": float(candidates.harm[rows].sum()) / greedy if greedy > 0 else 1.0,
        "turnover": _turnover(groups, candidates.group[rows], keys),
    }


def _turnover(groups: Groups, group: Ints, keys: Ints) -> float | None:
    """Share of missions in cells that had none in the shift of the same name before; ``None`` without such a shift."""
    starts: dict[str, list[int]] = {}
    for shift, start in zip(groups.shift, groups.start.astype(np.int64).tolist()):
        starts.setdefault(shift, []).append(start)
    places = {shift: {start: place for place, start in enumerate(sorted(set(each)))} for shift, each in starts.items()}
    numbers = {shift: index for index, shift in enumerate(places)}
    shift_number = np.array([numbers[shift] for shift in groups.shift])[group]
    occurrence = np.array([places[s][t] for s, t in zip(groups.shift, groups.start.astype(np.int64).tolist())])[group]
    now = set(zip(shift_number.tolist(), occurrence.tolist(), keys.tolist()))
    later = [mission for mission in now if mission[1] > 0]
    if not later:
        return None
    return sum((shift, place - 1, key) not in now for shift, place, key in later) / len(later)


def _reduced(groups: Groups, asked: Ints, number: Ints, ceiling: float) -> list[str]:
    """Where fewer missions were planned than asked for, because there are too few cells."""
    worst: dict[str, int] = {}
    for at in np.flatnonzero(number < asked).tolist():
        name = groups.district[at] or NO_DISTRICT
        if name not in worst or number[at] < number[worst[name]]:
            worst[name] = at
    if not worst:
        return []
    listed = [
        f"{name} has {groups.cells[at]} cell{'s' if groups.cells[at] != 1 else ''}, "
        f"enough for {number[at]} of {asked[at]} missions"
        for name, at in list(worst.items())[:_NAMED]
    ]
    more = f"; and {len(worst) - _NAMED} more districts" if len(worst) > _NAMED else ""
    sentence = (
        f"A cell's chance is at most {100 * ceiling:g} %, so some districts get fewer missions: "
        f"{'; '.join(listed)}{more}."
    )
    return [sentence]


def _short_of_harm(law: Inclusion, number: Ints, settings: Settings) -> list[str]:
    """Where the share of harm could not be kept, and where there is no harm to keep."""
    sentences = []
    planned = number > 0
    if not planned.any():
        return ["No missions were asked for, so the plan is empty."]
    short = planned & (law.kept < settings.harm_kept - 1e-6)
    if short.any():
        sentences.append(
            f"In {np.count_nonzero(short)} of {np.count_nonzero(planned)} district shifts the largest chance of a "
            f"cell, {100 * settings.ceiling:g} %, keeps less harm than the {100 * settings.harm_kept:g} % asked for: "
            f"{100 * law.kept[short].min():.1f} % at the least."
        )
    empty = planned & (law.greedy <= 0)
    if empty.any():
        sentences.append(
            f"In {np.count_nonzero(empty)} of {np.count_nonzero(planned)} district shifts no harm is expected "
            "anywhere; their cells were drawn with equal chances."
        )
    return sentences
