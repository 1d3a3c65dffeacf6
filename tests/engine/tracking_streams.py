"""Streams for the tests of parsers: checksums, and bytes cut anywhere."""

from __future__ import annotations

from functools import reduce
from operator import xor


def with_checksum(body: bytes) -> bytes:
    """What stands between two marks, with the checksum of NMEA behind."""
    return b"%b*%02X" % (body, reduce(xor, body, 0))


def cut_anywhere(data: bytes, cuts: list[int]) -> list[bytes]:
    """The same bytes in pieces, empty ones among them."""
    places = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
    return [data[one:other] for one, other in zip(places, places[1:])] + [b""]
