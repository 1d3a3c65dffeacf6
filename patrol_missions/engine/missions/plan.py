"""From a forecast and the analyst's settings to missions: how many where, with which chance, and which were drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from patrol_missions.core.errors import InputError
from patrol_missions.core.grid import cell_keys
from patrol_missions.core.law_groups import Floats, Ints
from patrol_missions.core.tables import Table
from patrol_missions.engine.data.zones import Zone
from patrol_missions.engine.missions import overrides, planning, wording
from patrol_missions.engine.missions.candidates import NO_DISTRICT, Candidates, Groups
from patrol_missions.engine.missions.overrides import Box
from patrol_missions.engine.missions.planning import Circumstances, Drawn, Settings

DRAWN = "drawn"
"""Where a mission comes from, beside the kinds of overrides that set one."""


@dataclass(frozen=True)
class Plan:
    """What was planned.

    :param missions: a row per mission
    :param group: of each mission, an index of the candidates' groups, ascending
    :param chances: a row per cell and shift: what it was worth, its chances, and what became of it
    :param allocation: a row per shift and district
    :param values: figures for the log
    :param warnings: sentences that the user should read
    """

    missions: Table
    group: Ints
    chances: Table
    allocation: Table
    values: Mapping[str, float | int | None]
    warnings: tuple[str, ...]


def make(
    candidates: Candidates,
    settings: Settings,
    clock: Zone,
    given: Circumstances | None = None,
    asked: Ints | None = None,
) -> Plan:
    """Draw the missions of every district and shift of a forecast.

    :param given: doses, areas and overrides; none unless given
    :param asked: missions asked for, per group of the candidates; by the settings unless given
    :raises InputError: quotas of unknown districts; harm that is negative or missing; a dose longer than a shift
    """
    groups = candidates.groups
    _dose_fits(groups, settings.dose_minutes)
    wanted = numbers(groups, settings) if asked is None else asked
    known = given or Circumstances.none(len(candidates.columns))
    drawn = planning.run(candidates, settings, wanted, known)
    chosen, rows, boxes = _chosen(candidates, drawn)
    keys = cell_keys(chosen.table["col"], chosen.table["row"])
    return Plan(
        _missions(candidates, chosen, rows, boxes, drawn, known, settings, clock),
        chosen.group,
        _chances(candidates, drawn),
        _allocation(candidates, drawn, chosen.group, keys),
        _values(candidates, drawn, chosen.group, keys),
        (*drawn.warnings, *_short_of_harm(drawn, settings)),
    )


def numbers(groups: Groups, settings: Settings) -> Ints:
    """Missions that the settings ask for in each group."""
    names = [district or NO_DISTRICT for district in groups.district]
    known_districts(names, settings.quotas)
    return np.array([settings.quotas.get(name, settings.per_district) for name in names], dtype=np.int64)


def known_districts(names: Sequence[str], named: Mapping[str, object]) -> None:
    """Refuse districts that the forecast does not have."""
    unknown = sorted(set(named) - set(names))
    if unknown:
        known = sorted(set(names))
        listed = ", ".join(known[:30]) + (" …" if len(known) > 30 else "")
        raise InputError(
            f"The forecast has no district called {', '.join(f'“{name}”' for name in unknown)}.",
            f"Its districts are: {listed}.",
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


def _chosen(candidates: Candidates, drawn: Drawn) -> tuple[Candidates, Ints, list[Box | None]]:
    """The missions as candidates of their own, by group and falling harm; the row that each comes from, and its box."""
    selected = np.flatnonzero(drawn.selected)
    boxes: list[Box | None] = [None] * len(selected)
    found = [candidates.take(selected)]
    rows = [selected]
    for group, box in drawn.boxes:
        part, row = candidates.in_box(group, box)
        found.append(part)
        rows.append(np.array([row]))
        boxes.append(box)
    together = found[0].joined(found[1:])
    order = np.lexsort((-together.harm, together.group))
    return together.take(order), np.concatenate(rows)[order], [boxes[at] for at in order.tolist()]


def _missions(
    candidates: Candidates,
    chosen: Candidates,
    rows: Ints,
    boxes: Sequence[Box | None],
    drawn: Drawn,
    given: Circumstances,
    settings: Settings,
    clock: Zone,
) -> Table:
    groups, group, table = candidates.groups, chosen.group, chosen.table
    begins = np.concatenate(([True], np.diff(group) != 0))[: len(rows)]
    order = np.arange(len(rows)) - np.repeat(np.flatnonzero(begins), np.bincount(group, minlength=1)[group[begins]]) + 1
    start, end = groups.start[group], groups.end[group]
    peaks = [table[n].astype("datetime64[s]") if n in table else None for n in ("peak_start", "peak_end")]
    opens, closes = (
        shift if peak is None else np.where(np.isnat(peak), shift, np.clip(peak, start, end))
        for peak, shift in zip(peaks, (start, end))
    )
    nothing = closes <= opens  # peak hours of another shift
    opens, closes = np.where(nothing, start, opens), np.where(nothing, end, closes)
    windows = wording.windows(clock.to_local(opens), clock.to_local(closes))
    in_box = np.array([box is not None for box in boxes], dtype=bool)
    columns = {
        **table.columns,
        "mission_id": wording.mission_ids(groups, group, order),
        "order": order.astype(np.int32),
        "inclusion_probability": np.where(in_box, 1.0, drawn.mission_chance[rows]),
        "dose_minutes": np.full(len(rows), settings.dose_minutes, dtype=np.float32),
        "window_start": opens,
        "window_end": closes,
        "residual_deterrence": drawn.residual[rows].astype(np.float32),
    }
    tops = wording.top_categories(chosen)
    means = candidates.means()
    return (
        Table(columns, table.labels)
        .with_text("window", windows)
        .with_text("top_categories", [", ".join(top) for top in tops])
        .with_text("purpose", wording.purposes(chosen, means, tops, windows, settings.dose_minutes))
        .with_text("box", [None if box is None else box.name for box in boxes])
        .with_text("origin", _told(given, drawn, rows, boxes, "kind"))
        .with_text("override_reason", _told(given, drawn, rows, boxes, "reason"))
        .with_text("override_author", _told(given, drawn, rows, boxes, "author"))
    )


def _told(given: Circumstances, drawn: Drawn, rows: Ints, boxes: Sequence[Box | None], column: str) -> list[str | None]:
    """What the override behind each mission says; of drawn missions their origin alone."""
    nothing = DRAWN if column == "kind" else None
    if len(given.overrides.table) == 0:
        return [nothing] * len(rows)
    texts = given.overrides.table.text(column)
    told: list[str | None] = []
    for row, box in zip(rows.tolist(), boxes):
        at = box.row if box is not None else int(drawn.override[row]) if drawn.forced[row] else -1
        told.append(nothing if at < 0 else str(texts[at]))
    return told


def _chances(candidates: Candidates, drawn: Drawn) -> Table:
    """What the log keeps of every cell and shift."""
    table, groups = candidates.table, candidates.groups
    outcome = np.select(
        [drawn.selected & drawn.forced, drawn.selected, drawn.control, drawn.barred], ["set", "mission", "control",
        overrides.SUPPRESS], ""
    )  # fmt: skip
    columns = {
        "col": table["col"],
        "row": table["row"],
        "start": groups.start[candidates.group],
        "chance": drawn.chance,
        "mission_chance": drawn.mission_chance,
        "value": drawn.value,
        "residual_deterrence": drawn.residual,
        "dose_state": drawn.state.astype(np.int8),
    }
    return (
        Table(columns)
        .with_text("shift", np.array(groups.shift, dtype=object)[candidates.group].tolist())
        .with_text("district", np.array([*groups.district, None], dtype=object)[candidates.group].tolist())
        .with_text("outcome", [text or None for text in outcome.tolist()])
    )


def _allocation(candidates: Candidates, drawn: Drawn, group: Ints, keys: Ints) -> Table:
    """One row per shift and district; ``effective_cells`` are as many equally likely cells as give the same spread."""
    groups = candidates.groups
    squares = np.bincount(candidates.group, drawn.chance**2, minlength=len(groups))
    sums = np.bincount(candidates.group, drawn.chance, minlength=len(groups))
    cells = np.divide(sums**2, squares, out=np.zeros(len(groups)), where=squares > 0)
    district = np.unique([name or "" for name in groups.district], return_inverse=True)[1]
    chosen = np.unique(np.stack([district[group], keys]), axis=1)
    by_hand = np.bincount(candidates.group, drawn.forced & drawn.selected, minlength=len(groups))
    by_hand += np.bincount([at for at, _ in drawn.boxes], minlength=len(groups)).astype(np.int64)
    columns = {
        "shift_date": groups.date,
        "start": groups.start,
        "end": groups.end,
        "asked": drawn.asked.astype(np.int32),
        "missions": drawn.number.astype(np.int32),
        "by_hand": by_hand.astype(np.int32),
        "controls": drawn.controls.astype(np.int32),
        "harm": drawn.harm[-1],
        "harm_greedy": drawn.harm[-2],
        "harm_kept": _kept(drawn),
        "temperature": drawn.temperature,
        "cells": groups.cells.astype(np.int32),
        "effective_cells": cells.astype(np.float32),
        "distinct_cells": np.bincount(chosen[0], minlength=district.max() + 1)[district].astype(np.int32),
        "harm_unrestricted": drawn.harm[0],
        **{f"price_of_{step}": _price(drawn, number) for number, step in enumerate(planning.STEPS)},
    }
    return Table(columns).with_text("district", groups.district).with_text("shift", groups.shift)


def _kept(drawn: Drawn) -> Floats:
    """Share of the greedy value that the draw keeps, per group; 1 where there is nothing to keep."""
    some = drawn.greedy > 0
    return np.where(some, drawn.expected / np.where(some, drawn.greedy, 1.0), 1.0)


def _price(drawn: Drawn, step: int) -> Floats:
    """Harm that one of the steps costs, as a share of the best choice with nothing in the way, per group."""
    whole = drawn.harm[0]
    lost = drawn.harm[step] - drawn.harm[step + 1]
    return np.divide(lost, whole, out=np.zeros(len(whole)), where=whole > 0)


def _values(candidates: Candidates, drawn: Drawn, group: Ints, keys: Ints) -> dict[str, float | int | None]:
    groups = candidates.groups
    greedy, best = float(drawn.greedy.sum()), float(drawn.harm[0].sum())
    lost = -np.diff(drawn.harm.sum(axis=1))
    taken = float(drawn.value[drawn.selected | drawn.control].sum())
    return {
        "missions": len(keys),
        "asked": int(drawn.asked.sum()),
        "controls": int(drawn.controls.sum()),
        "shifts": len(candidates.shifts),
        "districts": len(set(groups.district)),
        "distinct_cells": len(np.unique(keys)),
        "harm_kept": float(drawn.expected.sum()) / greedy if greedy > 0 else 1.0,
        "harm_kept_by_this_draw": taken / greedy if greedy > 0 else 1.0,
        **{f"price_of_{step}": float(each) / best if best > 0 else 0.0 for step, each in zip(planning.STEPS, lost)},
        "turnover": _turnover(groups, group, keys),
    }


def _turnover(groups: Groups, group: Ints, keys: Ints) -> float | None:
    """Share of missions in cells that had none in the shift of the same name before; ``None`` without such a shift."""
    starts: dict[str, list[int]] = {}
    for shift, start in zip(groups.shift, groups.start.astype(np.int64).tolist()):
        starts.setdefault(shift, []).append(start)
    places = {shift: {start: place for place, start in enumerate(sorted(set(each)))} for shift, each in starts.items()}
    numbered = {shift: index for index, shift in enumerate(places)}
    shift_number = np.array([numbered[shift] for shift in groups.shift])[group]
    occurrence = np.array([places[s][t] for s, t in zip(groups.shift, groups.start.astype(np.int64).tolist())])[group]
    now = set(zip(shift_number.tolist(), occurrence.tolist(), keys.tolist()))
    later = [mission for mission in now if mission[1] > 0]
    if not later:
        return None
    return sum((shift, place - 1, key) not in now for shift, place, key in later) / len(later)


def _short_of_harm(drawn: Drawn, settings: Settings) -> list[str]:
    """Where the share of harm could not be kept, and where there is no harm to keep."""
    sentences = []
    planned = drawn.number + drawn.controls > 0
    if not planned.any():
        return ["No missions were asked for, so the plan is empty."] if not drawn.asked.any() else []
    kept = _kept(drawn)
    short = planned & (kept < settings.harm_kept - 1e-6)
    if short.any():
        sentences.append(
            f"In {np.count_nonzero(short)} of {np.count_nonzero(planned)} district shifts the largest chance of a "
            f"cell, {100 * settings.ceiling:g} %, and other limits keep less harm than the "
            f"{100 * settings.harm_kept:g} % asked for: {100 * kept[short].min():.1f} % at the least."
        )
    empty = planned & (drawn.harm[0] <= 0)
    if empty.any():
        sentences.append(
            f"In {np.count_nonzero(empty)} of {np.count_nonzero(planned)} district shifts no harm is expected "
            "anywhere; their cells were drawn with equal chances."
        )
    return sentences
