"""Small tables that people edit in a spreadsheet and give back as CSV files."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from qgis.PyQt.QtCore import QCoreApplication

from patrol_missions.core.errors import InputError


def read_rows(path: Path, what: str, needed: Sequence[str], hint: str) -> list[dict[str, str]]:
    """Rows of a file in UTF-8, with commas or semicolons, by the names of its columns in small letters.

    :param what: what the file is, for sentences
    :param needed: columns that it must have
    :param hint: what its columns are
    :raises InputError: it cannot be read, or a column is missing
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            tr("The {what} {file} cannot be read ({reason}).").format(what=what, file=path, reason=error),
            tr("Save it as a CSV file in UTF-8."),
        ) from error
    header = text.partition("\n")[0]
    delimiter = ";" if header.count(";") > header.count(",") else ","
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    names = {name.strip().lower(): name for name in reader.fieldnames or ()}
    missing = [column for column in needed if column not in names]
    if missing:
        raise InputError(
            tr("The {what} {file} has no column {columns}.").format(what=what, file=path, columns=", ".join(missing)),
            hint,
        )
    return [{key: row.get(name) or "" for key, name in names.items()} for row in reader]


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("PatrolCsvRows", text)
