"""The table that turns raw categories into planning categories, as a CSV file that people edit."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from qgis.PyQt.QtCore import QCoreApplication

from patrol_missions.core.errors import InputError
from patrol_missions.core.tables import Table

COLUMNS = ("raw", "category", "use", "reason")
_NEEDED = COLUMNS[:3]
_KEPT = (*COLUMNS, "rows")


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("PatrolCategoryMap", text)


def read(path: Path) -> list[dict[str, str]]:
    """Rows of a mapping file in UTF-8, with commas or semicolons; the engine checks what is in them.

    ``rows``, where the file has it, is how many incidents a category had when the file was written.
    """
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
    missing = [column for column in _NEEDED if column not in names]
    if missing:
        raise InputError(
            tr("The category mapping {file} has no column {columns}.").format(file=path, columns=", ".join(missing)),
            tr("Its columns are raw, category, use and reason; Check incidents writes one to start from."),
        )
    return [{key: row.get(name) or "" for key, name in names.items() if key in _KEPT} for row in reader]


def write(path: Path, table: Table) -> None:
    """Write the mapping that was used, with the number of rows per raw category to show what matters."""
    partial = path.with_name(f".{path.name}.part")
    try:
        with partial.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([*COLUMNS, "rows"])
            texts = ([text or "" for text in table.text(name)] for name in COLUMNS)
            writer.writerows(zip(*texts, table["rows"].tolist()))
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
