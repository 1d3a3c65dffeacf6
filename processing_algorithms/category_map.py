"""The table that turns raw categories into planning categories, as a CSV file that people edit."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from qgis.PyQt.QtCore import QCoreApplication

from patrol_missions.core.errors import InputError
from patrol_missions.core.tables import Table

COLUMNS = ("raw", "category", "use", "reason")
_YES = frozenset({"yes", "y", "true", "t", "1", "x"})
_NO = frozenset({"no", "n", "false", "f", "0", ""})


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("PatrolCategoryMap", text)


def read(path: Path) -> list[dict[str, Any]]:
    """Rows ``{"raw", "category", "use", "reason"}`` of a mapping file, with commas or semicolons, in UTF-8."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            tr("The category mapping {file} cannot be read ({reason}).").format(file=path, reason=error),
            tr("Save it as a CSV file in UTF-8."),
        ) from error
    header = text.partition("\n")[0]
    delimiter = ";" if header.count(";") > header.count(",") else ","
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    names = {name.strip().lower(): name for name in reader.fieldnames or ()}
    missing = [column for column in COLUMNS[:2] if column not in names]
    if missing:
        raise InputError(
            tr("The category mapping {file} has no column {columns}.").format(file=path, columns=", ".join(missing)),
            tr("Its columns are raw, category, use and reason; Check incidents writes one to start from."),
        )
    return [
        _row(number, {key: row.get(name) or "" for key, name in names.items()}, path)
        for number, row in enumerate(reader, start=2)
    ]


def _row(number: int, row: dict[str, str], path: Path) -> dict[str, Any]:
    use = row.get("use", "yes").strip().lower()
    if use not in _YES | _NO:
        raise InputError(
            tr("Row {number} of {file} has “{use}” in the column use.").format(number=number, file=path, use=use),
            tr("Write yes or no."),
        )
    return {
        "raw": row["raw"],  # as it is in the data, blanks and all
        "category": row["category"].strip(),
        "use": use in _YES,
        "reason": row.get("reason", "").strip(),
    }


def write(path: Path, table: Table) -> None:
    """Write the mapping that was used, most frequent categories as the engine orders them."""
    columns = [
        table.text(name) if name in ("raw", "category", "reason") else table[name] for name in (*COLUMNS, "rows")
    ]
    partial = path.with_name(f".{path.name}.part")
    try:
        with partial.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([*COLUMNS, "rows"])
            for raw, category, use, reason, rows in zip(*columns):
                writer.writerow([raw, category or "", "yes" if use else "no", reason or "", int(rows)])
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
