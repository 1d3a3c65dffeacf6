"""Bytes as they come, cut anywhere, into lines; and the words in which parsers count what they cannot use."""

from __future__ import annotations

import re
from collections import Counter

TOO_LONG = "too long"
NO_MESSAGE = "no message"
WRONG_CHECKSUM = "wrong checksum"
NO_CHECKSUM = "no checksum"
UNREADABLE = "not readable"
ESTIMATED = "only an estimate"
NO_TIME = "no time"
NO_DATE = "no date"
NO_UNIT = "no unit"

UNITS = 1_000
"""How many units a parser keeps in mind, so that a stream with spoilt names cannot fill the memory."""


class Lines:
    """Lines out of a stream. What is longer than ``limit`` bytes is dropped and counted, and never kept.

    :param rejected: where lines that are too long are counted
    :param ends: a regular expression for one byte that ends a line
    """

    def __init__(self, rejected: Counter[str], limit: int = 1_024, ends: bytes = rb"[\r\n]") -> None:
        self._rejected, self._limit, self._ends = rejected, limit, re.compile(ends)
        self._rest = b""
        self._dropping = False

    def feed(self, data: bytes) -> list[bytes]:
        """Lines that the bytes complete, without their ends and without empty ones."""
        lines = self._ends.split(self._rest + data)
        if self._dropping and len(lines) > 1:
            self._dropping = False
            del lines[0]
        self._rest = b"" if self._dropping else lines.pop()
        if len(self._rest) > self._limit:
            self._rest, self._dropping = b"", True
            self._rejected[TOO_LONG] += 1
        elif self._dropping:
            return []
        for line in lines:
            if len(line) > self._limit:
                self._rejected[TOO_LONG] += 1
        return [line for line in lines if 0 < len(line) <= self._limit]


def xor(data: bytes) -> int:
    """Checksum of NMEA and TAIP: all bytes, one over the other."""
    total = 0
    for byte in data:
        total ^= byte
    return total
