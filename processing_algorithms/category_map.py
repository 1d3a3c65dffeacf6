"""The table that turns raw categories into planning categories, as a CSV file that people edit."""

from __future__ import annotations

import csv
from pathlib import Path

from qgis.PyQt.QtCore import QCoreApplication

from patrol_missions.core.tables import Table
from patrol_missions.processing_algorithms.csv_rows import read_rows

COLUMNS = ("raw", "category", "use", "reason")
_KEPT = (*COLUMNS, "rows")


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("PatrolCategoryMap", text)


def read(path: Path) -> list[dict[str, str]]:
    """Rows of a mapping file in UTF-8, with commas or semicolons; the engine checks what is in them.

    ``rows``, where the file has it, is how many incidents a category had when the file was written.
    """
    rows = read_rows(
        path,
        tr("category mapping"),
        COLUMNS[:3],
        tr("Its columns are raw, category, use and reason; Check incidents writes one to start from."),
    )
    return [{key: text for key, text in row.items() if key in _KEPT} for row in rows]


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
