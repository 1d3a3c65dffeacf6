r"""NMEA 0183, as receivers and modems send it: one position report for each moment.

Several units may share a stream: by the tag block of NMEA 4.10 (``\s:CAR7,c:1700000000*hh\$GPRMC,...``), or by a name
before the sentence (``CAR7,$GPRMC``, ``CAR7:$GPRMC``, ``CAR7 $GPRMC``). All else belongs to the unit of the source.

A sentence needs its checksum: serial lines drop bytes, and a digit that is missing moves a car by miles. Receivers that
never send one are believed once several sentences in a row had none; gpsd takes all.
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
_PLAIN = re.compile(rb"[A-Z]{4,6},[ -~]*")
_BARE = 5  # sentences without a checksum before a receiver is taken for one that sends none
_NAME = re.compile(rb"([A-Za-z0-9][A-Za-z0-9_.#/-]{0,31})[,: ] ?")


class _Bare:
    """Sentences without a checksum, held until it is clear whether the receiver sends any."""

    def __init__(self, rejected: Counter[str]) -> None:
        self._rejected = rejected
        self._held: list[tuple[bytes, bytes]] = []
        self._sends_none: bool | None = None

    def believed(self, before: bytes, body: bytes) -> list[tuple[bytes, bytes]]:
        """Take one more; those that may be believed now."""
        if self._sends_none is False or not _PLAIN.fullmatch(body):
            self._rejected[NO_CHECKSUM] += 1
            return []
        self._held.append((before, body))
        if not self._sends_none and len(self._held) < _BARE:
            return []
        held, self._held, self._sends_none = self._held, [], True
        return held

    def disprove(self) -> None:
        """It sends them: here is one."""
        if self._sends_none is not False:
            self.refuse()
            self._sends_none = False

    def refuse(self) -> None:
        """Nothing more comes for now."""
        if self._held:
            self._rejected[NO_CHECKSUM] += len(self._held)
            self._held = []


class NmeaParser:
    """Position reports out of a stream of NMEA sentences.

    :param unit: whose sentences they are that name no unit
    :param dates: how times without a date are taken
    :ivar rejected: how much could not be used, by why
    """

    def __init__(self, unit: str, dates: Dates | None = None) -> None:
        self.rejected: Counter[str] = Counter()
        self._unit, self._dates = unit, dates or Dates()
        self._bare = _Bare(self.rejected)
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
        self._bare.refuse()
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
                for earlier, whole in self._whole(before, body, checksum):
                    found += self._sentence(earlier, whole, now)
                before = after
        return found

    def _whole(self, before: bytes, body: bytes, checksum: bytes | None) -> list[tuple[bytes, bytes]]:
        """Sentences that may be believed now, and what stands before them."""
        if checksum is None:
            return self._bare.believed(before, body)
        if int(checksum, 16) != xor(body):
            self.rejected[WRONG_CHECKSUM] += 1
            return []
        self._bare.disprove()
        return [(before, body)]

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
        results = receiver.take(kind, said, now, body)
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
