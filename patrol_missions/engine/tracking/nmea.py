r"""NMEA 0183, as receivers and modems send it: one position report for each moment.

Several units may share a stream: by the tag block of NMEA 4.10 (``\s:CAR7,c:1700000000*hh\$GPRMC,...``), or by a name
before the sentence (``CAR7,$GPRMC``, ``CAR7:$GPRMC``, ``CAR7 $GPRMC``). All else belongs to the unit of the source.

A sentence needs its checksum: serial lines drop bytes, and a digit that is missing moves a car by miles. gpsd takes
sentences without one; here a source whose modem sends none has to be told so.
"""

from __future__ import annotations

import re
from collections import Counter

from patrol_missions.engine.tracking.fixes import Fix
from patrol_missions.engine.tracking.lines import (
    NO_CHECKSUM,
    NO_MESSAGE,
    UNITS,
    UNREADABLE,
    WRONG_CHECKSUM,
    Lines,
    xor,
)
from patrol_missions.engine.tracking.nmea_epoch import KINDS, Dates, Receiver, read

_SENTENCE = re.compile(rb"([^*]*)(?:\*([0-9A-Fa-f]{2}))?(.*)", re.DOTALL)
_TAG_BLOCK = re.compile(rb"\\([^\\*]*)\*([0-9A-Fa-f]{2})\\")
_TAG_UNIT = re.compile(rb"(?:^|,)s:([ -+\--~]{1,32})(?:,|$)")
_NAME = re.compile(rb"([A-Za-z0-9][A-Za-z0-9_.#/-]{0,31})[,: ] ?")


class NmeaParser:
    """Position reports out of a stream of NMEA sentences.

    :param unit: whose sentences they are that name no unit
    :param dates: how times without a date are taken
    :param checksums: whether a sentence needs its checksum; a wrong one is never taken
    :ivar rejected: how much could not be used, by why
    """

    def __init__(self, unit: str, dates: Dates | None = None, *, checksums: bool = True) -> None:
        self.rejected: Counter[str] = Counter()
        self._unit, self._dates, self._checksums = unit, dates or Dates(), checksums
        self._lines = Lines(self.rejected)
        self._receivers: dict[str, Receiver] = {}

    def feed(self, data: bytes, now: float) -> list[Fix]:
        """Reports that the bytes complete.

        :param data: as they come, cut anywhere
        :param now: seconds since 1970 UTC
        """
        found: list[Fix] = []
        for line in self._lines.feed(data):
            found += self._line(line, now)
        return found

    def finish(self, now: float) -> list[Fix]:
        """Reports of moments that are not over: the stream has ended, or has been quiet for a while."""
        return [fix for each in self._receivers.values() for fix in self._sorted(each.finish(now))]

    def _line(self, line: bytes, now: float) -> list[Fix]:
        before, *sentences = line.split(b"$")
        if not sentences and not line.startswith(b"!"):  # which begins AIS, in which ships speak
            self.rejected[NO_MESSAGE] += 1
        found: list[Fix] = []
        for sentence in sentences:
            matched = _SENTENCE.fullmatch(sentence)
            if matched:
                body, checksum, after = matched.groups()
                if self._is_whole(body, checksum):
                    found += self._sentence(before, body, now)
                before = after
        return found

    def _is_whole(self, body: bytes, checksum: bytes | None) -> bool:
        if checksum is not None and int(checksum, 16) != xor(body):
            self.rejected[WRONG_CHECKSUM] += 1
        elif checksum is None and self._checksums:
            self.rejected[NO_CHECKSUM] += 1
        else:
            return True
        return False

    def _sentence(self, before: bytes, body: bytes, now: float) -> list[Fix]:
        kind = body[2:5].decode("latin-1")
        if kind not in KINDS or body[5:6] != b"," or body.startswith(b"P"):
            return []
        try:
            said = read(kind, body[6:].decode("ascii").split(","))
        except ValueError:
            self.rejected[UNREADABLE] += 1
            return []
        unit = self._whose(before)
        if unit is None:
            return []
        receiver = self._receivers.pop(unit, None) or Receiver(unit, self._dates)
        self._receivers[unit] = receiver  # so that the first one is the one that was silent for longest
        results = receiver.take(kind, said, now)
        if len(self._receivers) > UNITS:
            results += self._receivers.pop(next(iter(self._receivers))).finish(now)
        return self._sorted(results)

    def _whose(self, before: bytes) -> str | None:
        """The unit of a sentence by what stands before it; ``None`` where that is spoilt."""
        if not before:
            return self._unit
        tags, name = _TAG_BLOCK.fullmatch(before), _NAME.fullmatch(before)
        if tags and int(tags[2], 16) != xor(tags[1]):
            self.rejected[WRONG_CHECKSUM] += 1
            return None
        told = _TAG_UNIT.search(tags[1]) if tags else name
        return told[1].decode("latin-1") if told else self._unit

    def _sorted(self, results: list[Fix | str]) -> list[Fix]:
        """The reports among them; why others came to none is counted."""
        self.rejected.update(each for each in results if isinstance(each, str))
        return [each for each in results if isinstance(each, Fix)]
