"""The ledger of live tracking: reports as received, stays, gaps, assignments and notes, in a database.

What is written together is there together, or not at all, and may be written again: nothing is ever there twice. What
is settled of a unit is kept now and then; the later reports, taken once more, give the same state and stays.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, delete, func, insert, inspect, select, update
from sqlalchemy.dialects import postgresql, sqlite

from patrol_missions.core import tables
from patrol_missions.core.errors import InputError
from patrol_missions.engine.storage.database import DamagedError, Database, Target
from patrol_missions.engine.tracking import drawn_boxes, projection, shift_report, visits_table
from patrol_missions.engine.tracking.ledger_places import database_of
from patrol_missions.engine.tracking.ledger_rows import (
    GAP,
    LIVE,
    Assignment,
    Batch,
    Entry,
    Gap,
    Heard,
    Note,
    Row,
)
from patrol_missions.engine.tracking.ledger_tables import (
    ASSIGNMENTS,
    CHECKPOINTS,
    FORMAT,
    GAPS,
    JOURNAL,
    KNOWN,
    LEDGER,
    NOTES,
    STAYS,
    TABLES,
)

KEPT_DAYS = 30
"""For so many days reports and units are kept unless told otherwise."""

Between = tuple[float, float]
"""From and until, seconds since 1970 UTC; what has a part in it counts."""

_AT_ONCE = 1_000  # rows in memory


@dataclass(frozen=True)
class Ground:
    """The grid whose cells are meant.

    :param crs: coordinate reference system in metres, as PROJ takes it
    :param size_m: side of a cell
    """

    crs: str
    size_m: float = 250.0


@contextmanager
def open_ledger(target: Target, ground: Ground | None = None, *, create: bool = False) -> Iterator[Ledger]:
    """The ledger in an SQLite file, or at an address such as ``postgresql://host/database``.

    :param ground: what its cells are to be; needed to make a ledger
    :param create: make a new ledger where there is none
    :raises InputError: there is none, or it cannot be reached, or is of another grid or a newer version
    """
    database = database_of(target, create=create)
    try:
        if create and ground is not None:
            with database.writing() as connection:
                if not inspect(connection).has_table(LEDGER.name):
                    _make(database, connection, ground)
        with database.reading() as connection:
            found = _ground(database, connection)
        if ground is not None and not (found.size_m == ground.size_m and projection.same(found.crs, ground.crs)):
            raise InputError(
                f"The ledger in {database.name} is of another grid: its cells of {found.size_m:g} m are in another "
                "coordinate reference system or of another size.",
                "Use the grid that it was made with, or make a new ledger.",
            )
        yield Ledger(database, found)
    finally:
        database.close()


class Ledger:
    """An open ledger; see :func:`open_ledger`.

    :ivar ground: the grid whose cells are meant
    """

    def __init__(self, database: Database, ground: Ground) -> None:
        self._database = database
        self.ground = ground

    # --- writing

    def write(self, batch: Batch) -> None:
        """Write a batch, all or nothing.

        :raises InputError: the database did not take it; the same batch may be written again
        """
        with self._database.writing() as connection:
            _add(connection, JOURNAL, [each.row() for each in batch.heard if each.is_whole])
            _add(connection, STAYS, [each.row() for each in batch.stays])
            _add(connection, GAPS, [each.row() for each in batch.gaps])
            _replace(connection, ASSIGNMENTS, [each.row() for each in batch.assignments], ("end_s", "author"))
            _add(connection, NOTES, [each.row() for each in batch.notes])
            _replace(connection, CHECKPOINTS, batch.states(), ("settled_s", "state"))

    def add_past(self, entries: Iterable[Entry], gaps: Sequence[Gap] = ()) -> int:
        """Add stays of the past, but for those at a time at which the ledger has the unit elsewhere or here already.

        :returns: how many were added: none when the same are added again, or when units are forgotten by then
        :raises InputError: the database did not take them; none is added then
        """
        by_unit: dict[str, list[Entry]] = {}
        for entry in entries:
            by_unit.setdefault(entry.row()["unit"], []).append(entry)
        new: list[Row] = []
        with self._database.writing() as connection:
            forgotten = connection.scalar(select(LEDGER.c.forgotten_s))
            for unit, theirs in by_unit.items():
                known = _taken(connection, unit)
                new += [
                    each.row()
                    for each in theirs
                    if (forgotten is None or each.stay.end >= forgotten) and _is_free(known, each)
                ]
            _add(connection, STAYS, new)
            _add(connection, GAPS, [each.row() for each in gaps if forgotten is None or each.end >= forgotten])
        return len(new)

    def forget(self, before: float, *, delete_stays: bool = False) -> dict[str, int]:
        """Forget what ended before a moment: reports, gaps, assignments and notes go, and so do the units of stays.

        :param before: seconds since 1970 UTC
        :param delete_stays: take the stays away, and not their units alone
        :returns: rows by table that were concerned
        """
        settled = CHECKPOINTS.c.settled_s
        heard = select(JOURNAL.c.number).where(JOURNAL.c.unit == CHECKPOINTS.c.unit).exists()
        # A stay that a restart would make out of the reports once more has to be known again then.
        open_still = select(CHECKPOINTS.c.unit).where(
            CHECKPOINTS.c.unit == STAYS.c.unit, settled.is_(None) | (settled < STAYS.c.end_s)
        )
        old: Mapping[Table, Any] = {  # the journal first: a unit that is still in it keeps its checkpoint
            JOURNAL: JOURNAL.c.received_s < before,
            GAPS: GAPS.c.end_s < before,
            ASSIGNMENTS: ASSIGNMENTS.c.end_s < before,
            NOTES: NOTES.c.at_s < before,
            CHECKPOINTS: (settled.is_(None) | (settled < before)) & ~heard,
        }
        with self._database.writing() as connection:
            counts = {table.name: connection.execute(delete(table).where(what)).rowcount for table, what in old.items()}
            done = (STAYS.c.end_s < before) & ~open_still.exists()
            if delete_stays:
                change: Any = delete(STAYS).where(done)
            else:
                change = update(STAYS).where(done, KNOWN).values(unit="")
            counts[STAYS.name] = connection.execute(change).rowcount
            latest = func.coalesce(select(LEDGER.c.forgotten_s).scalar_subquery(), before)
            if float(connection.scalar(select(latest))) <= before:
                connection.execute(update(LEDGER).values(forgotten_s=before))
        return counts

    def take_back(self, unit: str, source: str, since: float, margin_s: float) -> tuple[dict[str, Any], list[Heard]]:
        """Delete the reports of a unit that a source gave since a moment, and the stays that they had a part in.

        :param margin_s: for how long before it stays may have ended by these reports
        :returns: what is settled of the unit now, and its reports since then, in the order in which they came
        """
        theirs = JOURNAL.c.unit == unit
        touched = (STAYS.c.unit == unit) & (STAYS.c.source == LIVE) & (STAYS.c.end_s >= since - margin_s)
        with self._database.writing() as connection:
            connection.execute(delete(JOURNAL).where(theirs, JOURNAL.c.source == source, JOURNAL.c.at_s >= since))
            kept = _kept(connection, unit)
            starts = [connection.scalar(select(func.min(STAYS.c.start_s)).where(touched))]
            if kept["settled"] is not None and kept["settled_at"] >= since - margin_s:
                starts.append(kept["settled"]["since"])
            first = min((each for each in starts if each is not None), default=None)
            if first is not None:  # a stay begins at a report, and that is all that one has to know to go on from it
                kept = {"settled": None, "settled_at": math.nextafter(first, -math.inf)}
                connection.execute(delete(STAYS).where(STAYS.c.unit == unit, STAYS.c.start_s >= first))
                connection.execute(delete(GAPS).where(GAPS.c.unit == unit, GAPS.c.start_s >= first))
                _replace(connection, CHECKPOINTS, Batch(checkpoints={unit: kept}).states(), ("settled_s", "state"))
        later = theirs if kept["settled_at"] is None else theirs & (JOURNAL.c.at_s > kept["settled_at"])
        return kept, list(self._journal(select(JOURNAL).where(later)))

    # --- going on

    def checkpoints(self) -> dict[str, dict[str, Any]]:
        """What was settled of each unit, as ``Track.resumed`` takes it."""
        with self._database.reading() as connection:
            rows = connection.execute(select(CHECKPOINTS.c.unit, CHECKPOINTS.c.state)).all()
        try:
            return {row.unit: json.loads(row.state) for row in rows}
        except ValueError as error:
            raise DamagedError(
                f"What was kept of the units in the ledger in {self._database.name} cannot be read.",
                "Go on from an undamaged copy.",
            ) from error

    def since_checkpoints(self) -> Iterator[Heard]:
        """Reports that were not settled by their unit's checkpoint, in the order in which they came."""
        settled = CHECKPOINTS.c.settled_s
        query = (
            select(JOURNAL)
            .join(CHECKPOINTS, CHECKPOINTS.c.unit == JOURNAL.c.unit, isouter=True)
            .where(settled.is_(None) | (JOURNAL.c.at_s > settled))
        )
        yield from self._journal(query)

    def said(self, source: str) -> list[tuple[Note, Heard | None]]:
        """All notes by their time, and the report that a source gave of the unit with each."""
        same = (JOURNAL.c.unit == NOTES.c.unit) & (JOURNAL.c.at_s == NOTES.c.at_s) & (JOURNAL.c.source == source)
        notes = [column.label(f"note_{column.name}") for column in NOTES.c]
        query = select(*notes, JOURNAL).select_from(NOTES.outerjoin(JOURNAL, same)).order_by(NOTES.c.at_s)
        with self._database.reading() as connection:
            rows = [dict(row) for row in connection.execute(query).mappings()]
        return [
            (
                _note({column.name: row[f"note_{column.name}"] for column in NOTES.c}),
                Heard.of(row) if row["number"] else None,
            )
            for row in rows
        ]

    def silent_since(self) -> dict[str, float]:
        """Units whose last stay ended unheard, and when."""
        last = select(STAYS.c.unit, func.max(STAYS.c.start_s).label("start_s")).where(KNOWN).group_by(STAYS.c.unit)
        found = last.subquery()
        same = (STAYS.c.unit == found.c.unit) & (STAYS.c.start_s == found.c.start_s)
        query = select(STAYS.c.unit, STAYS.c.end_s).join(found, same).where(STAYS.c.ended_by == GAP)
        with self._database.reading() as connection:
            return {row.unit: row.end_s for row in connection.execute(query)}

    def journal(self, between: Between) -> Iterator[Heard]:
        """Reports that were received in a time, in the order in which they came."""
        yield from self._journal(select(JOURNAL).where(JOURNAL.c.received_s.between(*between)))

    # --- reading

    def reports(self, between: Between) -> Iterator[Heard]:
        """Reports of a time by unit and their own time, however late they were received."""
        with self._database.reading() as connection:
            for unit in _units(connection):
                query = select(JOURNAL).where(JOURNAL.c.unit == unit, JOURNAL.c.at_s.between(*between))
                for row in connection.execute(query.order_by(JOURNAL.c.at_s)).mappings():
                    yield Heard.of(dict(row))

    def forgotten(self) -> float | None:
        """Seconds since 1970 UTC before which units are forgotten; None where none ever were."""
        with self._database.reading() as connection:
            found: float | None = connection.scalar(select(LEDGER.c.forgotten_s))
        return found

    def stays(self, between: Between) -> list[Entry]:
        """Visits and passes by their start."""
        return [Entry.of_row(row) for row in self._rows(STAYS, between)]

    def gaps(self, between: Between) -> list[Gap]:
        """Times without reports, by their start."""
        return [Gap(row["unit"], row["start_s"], row["end_s"]) for row in self._rows(GAPS, between)]

    def assignments(self, between: Between) -> list[Assignment]:
        """Which unit had which mission, by their start; those without an end, too."""
        return [
            Assignment(row["unit"], row["mission_id"], row["start_s"], row["end_s"], row["author"])
            for row in self._rows(ASSIGNMENTS, between)
        ]

    def notes(self, between: Between) -> list[Note]:
        """What people said, by its time."""
        query = select(NOTES).where(NOTES.c.at_s.between(*between)).order_by(NOTES.c.at_s, NOTES.c.unit)
        with self._database.reading() as connection:
            return [_note(dict(row)) for row in connection.execute(query).mappings()]

    def visits(self, between: Between) -> tables.Table:
        """Visits as the algorithms take them; see :func:`visits_table.table`."""
        return visits_table.table([each for each in self.stays(between) if each.is_visit], self.ground.size_m)

    def shift_report(
        self, missions: tables.Table, between: Between, *, by_unit: bool = False, boxes: tables.Table | None = None
    ) -> tables.Table:
        """Minutes planned and delivered; see :func:`shift_report.report`. Units are told only when asked for.

        :param boxes: edges of drawn boxes; see :func:`drawn_boxes.cells`
        """
        cells = None if boxes is None else drawn_boxes.cells(boxes, self.ground.size_m)
        return shift_report.report(missions, self.stays(between), between, by_unit=by_unit, boxes=cells)

    def _rows(self, table: Table, between: Between) -> list[Mapping[str, Any]]:
        start, end = between
        lasts = table.c.end_s.is_(None) | (table.c.end_s >= start)
        query = select(table).where(lasts, table.c.start_s <= end).order_by(table.c.start_s, table.c.unit)
        with self._database.reading() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def _journal(self, query: Any) -> Iterator[Heard]:
        with self._database.reading() as connection:
            found = connection.execute(query.order_by(JOURNAL.c.number).execution_options(yield_per=_AT_ONCE))
            for row in found.mappings():
                yield Heard.of(dict(row))


def _note(row: Mapping[str, Any]) -> Note:
    return Note(row["kind"], row["at_s"], row["unit"], row["mission_id"], row["author"], row["text"])


def _kept(connection: Connection, unit: str) -> dict[str, Any]:
    """What is settled of a unit."""
    state = connection.scalar(select(CHECKPOINTS.c.state).where(CHECKPOINTS.c.unit == unit))
    return {"settled": None, "settled_at": None} if state is None else dict(json.loads(state))


def _make(database: Database, connection: Connection, ground: Ground) -> None:
    projection.projection(ground.crs)  # which is refused where it is none of metres
    database.check_new(connection)
    TABLES.create_all(connection)
    connection.execute(insert(LEDGER).values(format=FORMAT, crs=ground.crs, size_m=ground.size_m))


def _ground(database: Database, connection: Connection) -> Ground:
    if not inspect(connection).has_table(LEDGER.name):
        raise InputError(f"There is no ledger in {database.name}.", "Choose another place, or make a new ledger.")
    rows = connection.execute(select(LEDGER)).all()
    if len(rows) != 1:
        raise DamagedError(f"The ledger in {database.name} is damaged.", "Go on from an undamaged copy.")
    (row,) = rows
    if row.format != FORMAT:
        raise InputError(
            f"The ledger in {database.name} has format {row.format}; this version of the plugin reads format {FORMAT}.",
            "Install the version of the plugin that wrote to it.",
        )
    return Ground(row.crs, row.size_m)


def _upsert(connection: Connection, table: Table) -> Any:
    return (postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert)(table)


def _add(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Add rows that are not there yet."""
    if rows:
        connection.execute(_upsert(connection, table).on_conflict_do_nothing(), rows)


def _replace(connection: Connection, table: Table, rows: Sequence[Row], changing: Sequence[str]) -> None:
    """Add rows, or change some columns of those that are there."""
    if rows:
        statement = _upsert(connection, table)
        new = {name: statement.excluded[name] for name in changing}
        keys = list(table.primary_key.columns)
        connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=new), rows)


def _units(connection: Connection) -> Iterator[str]:
    """Units that have reports, each found in the index by the one before."""
    unit = connection.scalar(select(func.min(JOURNAL.c.unit)))
    while unit is not None:
        yield unit
        unit = connection.scalar(select(func.min(JOURNAL.c.unit)).where(JOURNAL.c.unit > unit))


def _taken(connection: Connection, unit: str) -> list[Between]:
    """When a unit's stays are, in order; they never overlap."""
    query = select(STAYS.c.start_s, STAYS.c.end_s).where(STAYS.c.unit == unit).order_by(STAYS.c.start_s)
    return [(row.start_s, row.end_s) for row in connection.execute(query)]


def _is_free(taken: Sequence[Between], entry: Entry) -> bool:
    """Whether a stay begins and ends between those of the ledger."""
    start, end = entry.stay.start, entry.stay.end
    place = bisect_left(taken, (start, start))
    before = place == 0 or taken[place - 1][1] <= start
    after = place == len(taken) or (taken[place][0] >= end and taken[place][0] != start)
    return before and after
