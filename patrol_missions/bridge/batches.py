"""Rows of a layer on their way into a table: a batch of columns, and what a column is to become.

Both ways of reading a layer give the same batches, so that a table does not depend on the way it was read.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum
from typing import Any

import numpy as np
from qgis.PyQt.QtCore import QVariant

from patrol_missions.core.errors import InputError

ROWS = 20_000
"""Rows in a batch: few enough that one very long text does not fill the memory (text is as wide as its longest)."""

NUMPY_TYPES = {
    QVariant.Int: "i8",
    QVariant.UInt: "i8",
    QVariant.LongLong: "i8",
    QVariant.ULongLong: "i8",
    QVariant.Double: "f8",
    QVariant.Bool: "?",
    QVariant.Date: "M8[D]",
    QVariant.DateTime: "M8[ms]",
    QVariant.String: "S",
}
"""How the values of a field travel in a batch; anything else travels as text. Text is UTF-8."""

_EXACT = 2.0**53  # whole numbers beyond are not exact in a float
_LONGEST_ID = 100
_LONGEST_TIME = 40
_TRUE = frozenset({b"1", b"t", b"true", b"y", b"yes"})


class As(Enum):
    """What a field becomes in a table."""

    LABEL = "coded text; -1 where there is no value"
    ID = "int64, or text where the field is text or has gaps; no value is an empty text"
    TIME = "datetime64[s] with the digits as written, or the text of a text field; no value is NaT or an empty text"
    NUMBER = "float64; NaN where there is no value, or none that is a number"
    FLAG = "bool; no value is False"


_EMPTY = {As.LABEL: "i4", As.ID: "i8", As.TIME: "M8[s]", As.NUMBER: "f8", As.FLAG: "?"}


@dataclass(frozen=True)
class Batch:
    """Some rows: per field its values and where there are none; with geometry, coordinates or NaN."""

    values: dict[str, np.ndarray]
    missing: dict[str, np.ndarray]
    x: np.ndarray | None = None
    y: np.ndarray | None = None


@dataclass
class Collector:
    """Gathers one field over all batches.

    :param field_name: for sentences
    :param kind: what it becomes
    """

    field_name: str
    kind: As
    _pieces: list[np.ndarray] = field(default_factory=list)
    _missing: list[np.ndarray] = field(default_factory=list)
    _index: dict[Any, int] = field(default_factory=dict)

    def add(self, values: np.ndarray, missing: np.ndarray) -> None:
        """Take the next rows."""
        if self.kind is As.LABEL:
            listed = values.tolist()
            for value in dict.fromkeys(listed):
                self._index.setdefault(value, len(self._index))
            values = np.fromiter(map(self._index.__getitem__, listed), dtype=np.int32, count=len(listed))
            values[missing] = -1
        elif self.kind is As.NUMBER:
            values = _numbers(values)
            values[missing] = np.nan
        elif self.kind is As.FLAG:
            values = _flags(values) & ~missing
        elif values.dtype.kind == "M":
            values = values.astype("M8[s]")
            values[missing] = np.datetime64("NaT")
        elif values.dtype.kind == "S":
            values = np.where(missing, b"", np.char.strip(values))
        self._pieces.append(values)
        self._missing.append(missing)

    def column(self) -> tuple[np.ndarray, tuple[str, ...] | None]:
        """The whole column, and its labels when it is coded."""
        values = np.concatenate(self._pieces) if self._pieces else np.empty(0, dtype=_EMPTY[self.kind])
        self._pieces.clear()
        if self.kind is As.LABEL:
            return self._used_labels(values)
        if self.kind in (As.NUMBER, As.FLAG) or values.dtype.kind == "M":
            return values, None
        missing = np.concatenate(self._missing) if self._missing else np.empty(0, dtype=bool)
        if self.kind is As.ID and values.dtype.kind == "i" and not missing.any():
            return values, None
        if values.dtype.kind != "S":
            texts = [b"" if gap else _text(v).encode() for v, gap in zip(values.tolist(), missing.tolist())]
            values = np.array(texts, dtype="S")
        return self._decoded(values), None

    def _used_labels(self, codes: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
        """Codes without the placeholders of missing values, and texts that decode to the same label made one."""
        labels: dict[str, int] = {}
        recode = np.full(len(self._index) + 1, -1, dtype=np.int32)
        used = np.zeros(len(self._index) + 1, dtype=bool)
        used[codes] = True
        for value, code in self._index.items():
            if used[code]:
                recode[code] = labels.setdefault(_text(value), len(labels))
        recode[-1] = -1
        return recode[codes], tuple(labels)

    def _decoded(self, values: np.ndarray) -> np.ndarray:
        limit = _LONGEST_ID if self.kind is As.ID else _LONGEST_TIME
        if values.dtype.itemsize > limit:
            if self.kind is As.ID:
                raise InputError(
                    f"Field “{self.field_name}” holds texts of {values.dtype.itemsize} bytes, too long for an id.",
                    "Choose the field that numbers the incidents, or none.",
                )
            values = values.astype(f"S{limit}")  # no date is that long; its beginning is enough to show it
        try:
            return values.astype("U")
        except UnicodeDecodeError:
            return np.char.decode(values, "utf-8", "replace")


def _text(value: Any) -> str:
    """What a single value is called."""
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < _EXACT else repr(value)
    if isinstance(value, (date, datetime)):
        return value.isoformat(*([" "] if isinstance(value, datetime) else []))
    return str(value)


def _numbers(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind == "S":
        return np.array([_number(text) for text in values.tolist()], dtype=np.float64)
    if values.dtype.kind == "M":
        return np.full(len(values), np.nan)
    return values.astype(np.float64)


def _number(text: bytes) -> float:
    """A number from text, with a decimal point or comma; NaN when it is none."""
    try:
        number = float(text.replace(b",", b".") if text.count(b",") == 1 and b"." not in text else text)
    except ValueError:
        return math.nan
    return number if math.isfinite(number) else math.nan


def _flags(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind == "S":
        return np.array([text.strip().lower() in _TRUE for text in values.tolist()], dtype=bool)
    if values.dtype.kind == "M":
        return np.ones(len(values), dtype=bool)
    return values.astype(bool)


def encoder(qgis_type: object) -> Callable[[list[Any]], tuple[np.ndarray, np.ndarray]]:
    """What turns QGIS's values of one field into an array of its kind, and where there are none."""
    dtype = NUMPY_TYPES.get(qgis_type, "S")
    convert = {"S": _utf8, "M8[D]": _days, "M8[ms]": _milliseconds}.get(dtype)
    blank: Any = b"" if dtype == "S" else 0

    def encode(values: list[Any]) -> tuple[np.ndarray, np.ndarray]:
        gaps = [value is None or isinstance(value, QVariant) for value in values]
        filled = [blank if gap else convert(value) if convert else value for value, gap in zip(values, gaps)]
        missing = np.array(gaps, dtype=bool)
        array = np.array(filled, dtype="i8" if dtype.startswith("M8") else dtype)
        return (array.view(dtype) if dtype.startswith("M8") else array), missing

    return encode


def _utf8(value: Any) -> bytes:
    return str(value).encode("utf-8", errors="replace")


def _days(value: Any) -> int:
    """Days since 1970; a Julian day has no time zone to be shifted by."""
    return int(value.toJulianDay()) - 2_440_588


def _milliseconds(value: Any) -> int:
    """Milliseconds since 1970 of the digits as written, whatever time zone QGIS believes them to be in."""
    return _days(value.date()) * 86_400_000 + int(value.time().msecsSinceStartOfDay())
