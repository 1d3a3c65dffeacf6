"""Tables that cross the wall: named 1-D numpy columns of equal length in one .npz, never pickled.

Text with few distinct values travels as int32 codes into a list of labels (-1 is "no value"); the labels travel in the
JSON beside the file. Text that is nearly all distinct (ids, unparsed dates) is a plain numpy ``<U`` column.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from patrol_missions.core.errors import InputError

_KINDS = frozenset("biufMU")  # bool, integers, floats, datetime64, text


@dataclass(frozen=True)
class Table:
    """Columns of equal length; ``labels[name]`` decodes the coded text column of that name."""

    columns: Mapping[str, np.ndarray]
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        lengths = {name: len(values) for name, values in self.columns.items()}
        if len(set(lengths.values())) > 1:
            raise InputError(f"The columns of a table differ in length: {lengths}.")
        for name, values in self.columns.items():
            if values.ndim != 1 or values.dtype.kind not in _KINDS:
                raise InputError(
                    f"Column “{name}” is a {values.ndim}-D array of {values.dtype}, which a table cannot hold."
                )

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()))) if self.columns else 0

    def __contains__(self, name: object) -> bool:
        return name in self.columns

    def __getitem__(self, name: str) -> np.ndarray:
        try:
            return self.columns[name]
        except KeyError:
            raise InputError(f"The table has no column “{name}”; it has {', '.join(self.columns) or 'none'}.") from None

    def text(self, name: str) -> np.ndarray:
        """A text column as an object array of ``str``, with ``None`` where there is no value."""
        values = self[name]
        if name not in self.labels:
            return values.astype(object)
        lookup = np.array([*self.labels[name], None], dtype=object)
        return lookup[values]

    def take(self, rows: np.ndarray) -> Table:
        """The given rows (a boolean mask or indices) as a new table with the same labels."""
        return Table({name: values[rows] for name, values in self.columns.items()}, self.labels)

    def with_text(self, name: str, values: Iterable[str | None]) -> Table:
        """A new table with a coded text column added."""
        codes, labels = encode_text(values)
        return Table({**self.columns, name: codes}, {**self.labels, name: labels})


def encode_text(values: Iterable[str | None]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Codes (int32, -1 for ``None``) and labels in order of first appearance."""
    index: dict[str, int] = {}
    codes = np.fromiter((-1 if v is None else index.setdefault(v, len(index)) for v in values), dtype=np.int32)
    return codes, tuple(index)


def save(table: Table, path: Path) -> dict[str, Any]:
    """Write the columns to ``path`` and return the descriptor that :func:`load` needs (file name, rows, labels)."""
    np.savez(path, **dict(table.columns))  # type: ignore[arg-type]  # columns, not its options
    return {"file": path.name, "rows": len(table), "labels": {k: list(v) for k, v in table.labels.items()}}


def load(folder: Path, descriptor: Mapping[str, Any]) -> Table:
    """Read a table back from its folder and descriptor; :class:`InputError` when the file is damaged."""
    path = folder / str(descriptor["file"])
    try:
        with np.load(path, allow_pickle=False) as archive:
            columns = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"The table {path.name} cannot be read ({error}).", "Run the step again.") from error
    labels = {name: tuple(texts) for name, texts in descriptor["labels"].items()}
    return Table(columns, labels)
