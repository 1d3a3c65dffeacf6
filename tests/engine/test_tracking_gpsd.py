"""Our reading of NMEA beside the real gpsd's, on logs of real receivers."""

from __future__ import annotations

import pytest
from gpsd_player import GPSFAKE, compare
from nmea_features import WHOLE

pytestmark = pytest.mark.skipif(
    GPSFAKE is None, reason="GPSD ABSENT: gpsfake is not installed, so it was not compared."
)


@pytest.mark.parametrize(
    ("log", "same", "only_ours"),
    [
        ("ublox-f9p-hpnmea.log", 9, 0),  # several systems of satellites, navigation status V
        ("cat-ms352.log", 40, 0),  # GGA and RMC, twice a second
        ("saab-r4.log", 12, 0),  # GLL, GGA, VTG, ZDA and ships between them
        ("magellan315.log", 3, 0),  # times that are rounded differently
        ("april6_2019.log", 1, 0),  # a date that is none, and a week counter that began anew
        ("garmin48.log", 13, 1),  # two moments in a cycle; gpsd does not tell of the first GLL
        ("holux-gm-210.log", 0, 0),  # never a fix
    ],
)
def test_positions_are_those_of_gpsd(shared_data, log, same, only_ours):
    found = compare(shared_data / "nmea" / log)
    assert (len(found.same), len(found.only_ours)) == (same, only_ours)
    assert found.apart == []
    assert found.only_gpsd == []


@pytest.mark.parametrize("feature", ["every system of satellites", "midnight", "tag blocks", "no checksums"])
def test_what_few_logs_show_is_read_as_gpsd_reads_it(tmp_path, feature):
    log = tmp_path / "written.log"
    log.write_bytes(WHOLE[feature])
    found = compare(log)
    assert (len(found.same), found.apart, found.only_gpsd, found.only_ours) == (8, [], [], [])
