"""The tables of the ledger, the same on SQLite and PostgreSQL. All times are seconds since 1970-01-01 UTC."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

FORMAT = 1

TABLES = MetaData()


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False, default="")


def _seconds(name: str) -> Column[float]:
    return Column(name, Double, nullable=False)


LEDGER = Table(
    "patrol_ledger",
    TABLES,
    Column("format", Integer, primary_key=True),
    _text("crs"),
    Column("size_m", Double, nullable=False),
    Column("forgotten_s", Double),
)
"""One row: the grid whose cells are meant, and the moment before which units are forgotten."""

JOURNAL = Table(
    "patrol_journal",
    TABLES,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    _text("unit"),
    _seconds("at_s"),
    Column("longitude", Double, nullable=False),
    Column("latitude", Double, nullable=False),
    Column("accuracy_m", Double),
    Column("speed_mps", Double),
    Column("heading_deg", Double),
    _seconds("received_s"),
    _text("source"),
    UniqueConstraint("unit", "at_s", "source", "longitude", "latitude"),
    Index("patrol_journal_received", "received_s"),
)
"""Position reports by the order in which they came."""

STAYS = Table(
    "patrol_stays",
    TABLES,
    _text("unit"),
    Column("col", BigInteger, nullable=False),
    Column("row", BigInteger, nullable=False),
    _seconds("start_s"),
    _seconds("end_s"),
    _text("kind"),
    _text("ended_by"),
    _text("mission_id"),
    _text("source"),
    Index("patrol_stays_ended", "end_s"),
)
"""Visits and passes. Those whose unit is forgotten have a blank one, and may begin at one moment."""

KNOWN = STAYS.c.unit != ""
STAY_KEY = Index(
    "patrol_stays_key", STAYS.c.unit, STAYS.c.start_s, unique=True, sqlite_where=KNOWN, postgresql_where=KNOWN
)

GAPS = Table(
    "patrol_gaps",
    TABLES,
    _text("unit"),
    _seconds("start_s"),
    _seconds("end_s"),
    PrimaryKeyConstraint("unit", "start_s"),
)
"""Times in which a unit was not heard, between times in which it was."""

ASSIGNMENTS = Table(
    "patrol_assignments",
    TABLES,
    _text("unit"),
    _text("mission_id"),
    _seconds("start_s"),
    Column("end_s", Double),
    _text("author"),
    PrimaryKeyConstraint("unit", "mission_id", "start_s"),
)
"""Which unit was given which mission; without an end as long as it has it."""

NOTES = Table(
    "patrol_notes",
    TABLES,
    _text("kind"),
    _seconds("at_s"),
    _text("unit"),
    _text("mission_id"),
    _text("author"),
    _text("text"),
    PrimaryKeyConstraint("kind", "at_s", "unit", "mission_id"),
)
"""What people said: that a unit is there, was called away, that something was a mistake."""

CHECKPOINTS = Table(
    "patrol_checkpoints",
    TABLES,
    _text("unit"),
    Column("settled_s", Double),
    _text("state"),
    PrimaryKeyConstraint("unit"),
)
"""What was known of a unit (JSON) after its last report that was settled, and the time of that: none where none was."""
