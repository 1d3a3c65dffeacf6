"""What receivers do that few logs show, each as a log of some seconds, written by hand after the standard."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tracking_streams import with_checksum

SECONDS = range(8)
DATE = "180326"
FIRST = "132800.00"
AIS = b"!AIVDM,1,1,,A,15RTgt0PAso;90TKcjM8h6g208CQ,0*4A\r\n"
UBX = bytes([0xB5, 0x62, 1, 7, 4, 0, 1, 2, 3, 4, 0x16, 0x5C])
MIDNIGHT = ["235957.00", "235958.00", "235959.00", "000000.00", "000001.00", "000002.00", "000003.00", "000004.00"]


def clock(second: int) -> str:
    return f"1328{second:02d}.00"


def latitude(second: int) -> float:
    return 41 + (34 + second / 100) / 60


def place(second: int) -> str:
    return f"41{34 + second / 100:07.4f},N,093{45 + second / 100:07.4f},W"


def line(body: str) -> bytes:
    return b"$" + with_checksum(body.encode()) + b"\r\n"


def rmc(second: int, talker: str = "GP", status: str = "A", end: str = ",A", date: str = DATE, at: str = "") -> bytes:
    return line(f"{talker}RMC,{at or clock(second)},{status},{place(second)},3.2,92.3,{date},,{end}")


def gga(second: int, talker: str = "GP", quality: str = "1", at: str = "") -> bytes:
    return line(f"{talker}GGA,{at or clock(second)},{place(second)},{quality},08,1.0,278.0,M,-31.4,M,,")


def gll(second: int, end: str = "A,A") -> bytes:
    return line(f"GPGLL,{place(second)},{clock(second)},{end}")


def gns(second: int, modes: str = "AA", end: str = "") -> bytes:
    return line(f"GNGNS,{clock(second)},{place(second)},{modes},14,0.7,278.0,-31.4,,{end}")


def zda(second: int) -> bytes:
    return line(f"GPZDA,{clock(second)},18,03,2026,00,00")


def gsv(talker: str = "GP") -> bytes:
    return line(f"{talker}GSV,2,1,05,28,28,095,33,04,30,150,46,02,07,178,32,05,10,200,30") + line(
        f"{talker}GSV,2,2,05,07,20,020,35"
    )


GSA = line("GNGSA,A,3,29,20,18,16,51,13,44,26,,,,,1.9,1.0,1.6")
VTG = line("GPVTG,92.3,T,,M,3.2,N,5.9,K,A")


def tagged(tags: bytes, sentence: bytes) -> bytes:
    return b"\\" + with_checksum(tags) + b"\\" + sentence


def log(moment: Callable[[int], Iterable[bytes]]) -> bytes:
    return b"".join(part for second in SECONDS for part in moment(second))


def lost(usual: Callable[[int], Iterable[bytes]], instead: Callable[[int], Iterable[bytes]]) -> bytes:
    """A log in which two moments are otherwise."""
    return log(lambda second: (instead if second in (3, 4) else usual)(second))


def both(second: int) -> list[bytes]:
    return [gga(second), rmc(second)]


def every_system(second: int) -> list[bytes]:
    satellites = [GSA, GSA, gsv("GP"), gsv("GL"), gsv("GA"), gsv("GB"), gsv("GQ")]
    return [gga(second, "GN"), *satellites, gll(second), rmc(second, "GN", end=",A,V"), VTG, zda(second)]


WHOLE = {
    **{
        f"talker {talker}": log(lambda second, talker=talker: [gga(second, talker), rmc(second, talker)])
        for talker in ("GP", "GN", "GL", "GA", "GB", "BD", "QZ", "IN")
    },
    "every system of satellites": log(every_system),
    "moments that begin with satellites": log(lambda second: [gsv(), GSA, *both(second)]),
    "moments that end with satellites": log(lambda second: [*both(second), GSA, gsv()]),
    "GNS and RMC": log(lambda second: [gns(second), rmc(second, "GN")]),
    "GNS and ZDA": log(lambda second: [gns(second), zda(second)]),
    "GNS with a navigation status": log(lambda second: [gns(second, end=",V"), rmc(second, "GN")]),
    "GLL and ZDA": log(lambda second: [gll(second), zda(second)]),
    "GLL of NMEA 2.0": log(lambda second: [gll(second, "A"), rmc(second, end="")]),
    "ZDA before GGA": log(lambda second: [zda(second), gga(second), VTG]),
    "RMC alone": log(lambda second: [rmc(second)]),
    "RMC of NMEA 2.0": log(lambda second: [rmc(second, end="")]),
    "RMC with navigation status V": log(lambda second: [rmc(second, end=",A,V")]),
    "RMC with status D": log(lambda second: [rmc(second, status="D", end="")]),
    "GGA of a better fix": log(lambda second: [gga(second, quality="12345"[second % 5]), rmc(second)]),
    "checksums in lower case": log(lambda second: [each[:-4] + each[-4:].lower() for each in both(second)]),
    "no checksums": log(lambda second: [each[: each.index(b"*")] + b"\r\n" for each in both(second)]),
    "a checksum that is wrong": lost(both, lambda second: [gga(second), rmc(second).replace(b"3.2", b"3.3")]),
    "line feeds alone": log(both).replace(b"\r\n", b"\n"),
    "ends of lines doubled": log(both).replace(b"\r\n", b"\r\r\n"),
    "long lines": log(lambda second: [gga(second), line("GPTXT,01,01,02," + "x" * 2_000), rmc(second)]),
    "long sentences": log(lambda second: [gga(second), line("PUBX,00" + ",1.25" * 60), rmc(second)]),
    "ships between": log(lambda second: [AIS, gga(second), AIS, rmc(second)]),
    "binary between": log(lambda second: [gga(second), UBX, rmc(second)]),
    "tag blocks": log(lambda second: [tagged(b"c:1773840500", each) for each in both(second)]),
    "tag blocks of groups": log(
        lambda second: [tagged(b"g:%d-2-%d" % (part + 1, second), each) for part, each in enumerate(both(second))]
    ),
    "errors by GST": log(lambda second: [*both(second), line(f"GPGST,{clock(second)},11,,,,3.0,4.0,1.1")]),
    "no speed": log(lambda second: [gga(second), line(f"GPRMC,{clock(second)},A,{place(second)},,,{DATE},,,A")]),
    "no date now and then": lost(both, lambda second: [gga(second), rmc(second, date="")]),
    "ZDA without a date": log(lambda second: [gga(second), line(f"GPZDA,{clock(second)},,,,,"), rmc(second)]),
    "midnight": log(
        lambda second: [
            gga(second, at=MIDNIGHT[second]),
            rmc(second, at=MIDNIGHT[second], date=DATE if second < 3 else "190326"),
        ]
    ),
    "a date of the week counter before": log(lambda second: [gga(second), rmc(second, date="020806")]),
}
"""Logs that have a position for each second."""

WITHOUT_TWO = {
    "fix lost": lost(
        both,
        lambda second: [
            line(f"GPGGA,{clock(second)},,,,,0,00,99.99,,,,,,"),
            line(f"GPRMC,{clock(second)},V,,,,,,,180326,,,N"),
        ],
    ),
    "estimates in RMC": lost(both, lambda second: [gga(second), rmc(second, end=",E")]),
    "a simulator in GGA": lost(both, lambda second: [gga(second, quality="8"), rmc(second)]),
    "dead reckoning in GGA": lost(both, lambda second: [gga(second, quality="6"), rmc(second)]),
    "no satellites in GNS": lost(
        lambda second: [gns(second), rmc(second)], lambda second: [gns(second, "NN"), rmc(second, end=",N")]
    ),
}
"""Logs in which two seconds have no position that is measured."""

NOWHERE = {
    "VTG alone": log(lambda second: [VTG]),
    "ships alone": log(lambda second: [AIS]),
    "never a fix": log(lambda second: [line("GPGGA,,,,,,0,,,,M,,M,,"), line("GPRMC,,V,,,,,,,,,,N")]),
    "empty fields": log(lambda second: [line("GPGGA,,,,,,,,,,,,,,"), line("GPRMC,,,,,,,,,,,"), line("GPGLL,,,,,,")]),
}
"""Logs without any position."""
