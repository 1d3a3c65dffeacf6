"""The form in which a source of positions is chosen; its answers are the gateway's settings of a source."""

from __future__ import annotations

import sys
from typing import Any

from qgis.core import QgsGpsDetector
from qgis.gui import QgsDoubleSpinBox, QgsFileWidget, QgsSpinBox
from qgis.PyQt.QtCore import QCoreApplication
from qgis.PyQt.QtWidgets import QCheckBox, QComboBox, QFormLayout, QLineEdit, QVBoxLayout, QWidget

from patrol_missions.gui.forms import Note, add_row, explain, form, quiet, shrinkable

QGIS, SERIAL, GPSD, HUB, TCP, UDP, PHONES, REPLAY = (
    "qgis", "serial", "gpsd", "tcp", "tcp_server", "udp", "http", "replay"
)  # fmt: skip

_EVERYBODY = "0.0.0.0"  # nosec B104 - only where the user says so


class SourceForm(QWidget):
    """One source; the fields are those of its kind."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.kind = shrinkable(QComboBox())
        self._parts: list[QWidget] = []
        for kind, title, part in (
            (SERIAL, tr("GPS receiver on this computer"), self._serial()),
            (QGIS, tr("GPS that QGIS is connected to"), self._qgis()),
            (GPSD, tr("gpsd"), self._gpsd()),
            (HUB, tr("AVL server of the vehicles"), self._hub()),
            (TCP, tr("Vehicles by TCP"), self._port("tcp_port", 5001, tr(
                "Vehicles connect here. NMEA has the unit before each line or in its tag block, TAIP its ID."))),
            (UDP, tr("Vehicles by UDP"), self._port("udp_port", 5001, tr(
                "Vehicles send here. NMEA has the unit before each line or in its tag block, TAIP its ID."))),
            (PHONES, tr("Phones (OsmAnd, Traccar Client)"), self._port("http_port", 5055, tr(
                "Address for the phones’ app: http://this computer:port; the device’s id is the unit."))),
            (REPLAY, tr("A log, to try it out"), self._replay()),
        ):  # fmt: skip
            self.kind.addItem(title, kind)
            self._parts.append(part)
        self.kind.currentIndexChanged.connect(self._turn)
        rows = form()
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapAllRows)  # the names are long
        add_row(rows, tr("&Positions from"), self.kind, tr("Where positions come from."))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(rows)
        for part in self._parts:
            part.layout().setContentsMargins(0, 0, 0, 0)
            column.addWidget(part)
        self._turn(0)

    def part(self) -> QWidget:
        """The fields of the kind that is chosen."""
        return self._parts[self.kind.currentIndex()]

    def _turn(self, index: int) -> None:
        """Show the fields of a kind; a stack of them would be as high as the highest."""
        for at, part in enumerate(self._parts):
            part.setVisible(at == index)

    def settings(self) -> dict[str, Any]:
        """The gateway's settings of the source."""
        kind = self.kind.currentData()
        return {"kind": kind, "name": self.kind.currentText(), **{
            SERIAL: {"port": self.port.text().strip(), "baud": int(self.baud.currentText()), "unit": self.unit.text()},
            QGIS: {"unit": self.qgis_unit.text().strip()},
            GPSD: {"host": self.host.text().strip(), "port": self.gpsd_port.value(), "unit": self.gpsd_unit.text()},
            HUB: {
                "host": self.hub.text().strip(), "port": self.hub_port.value(), "format": self.hub_format.currentData(),
                **({"unit": self.hub_unit.text().strip()} if self.hub_unit.text().strip() else {}),
            },
            TCP: {"port": self.tcp_port.value(), "host": self._host(), "format": self.tcp_port_format.currentData()},
            UDP: {"port": self.udp_port.value(), "host": self._host(), "format": self.udp_port_format.currentData()},
            PHONES: {"port": self.http_port.value(), "host": self._host(), "token": self.token.text().strip()},
            REPLAY: {"file": self.file.filePath(), "speed": self.speed.value(), "unit": ""},
        }[kind]}  # fmt: skip

    def is_open(self) -> bool:
        """Whether other computers may send positions."""
        return bool(self._outside() and self._outside().isChecked())

    def _outside(self) -> QCheckBox:
        return self.part().findChild(QCheckBox)

    def _host(self) -> str:
        return _EVERYBODY if self.is_open() else "127.0.0.1"

    def problem(self) -> str:
        """What is missing, in one sentence; empty when nothing is."""
        kind = self.kind.currentData()
        if kind == SERIAL and not self.port.text().strip():
            return tr("Name the receiver’s port, such as /dev/ttyUSB0 or COM3.")
        if kind == SERIAL and not self.unit.text().strip():
            return tr("Name the unit that carries the receiver.")
        if (kind == GPSD and not self.gpsd_unit.text().strip()) or (kind == QGIS and not self.qgis_unit.text().strip()):
            return tr("Name the unit that carries the receiver.")
        if kind == HUB and not self.hub.text().strip():
            return tr("Name the server that tells where vehicles are.")
        if kind == REPLAY and not self.file.filePath():
            return tr("Choose the log: GPX, NMEA or CSV.")
        return ""

    def _serial(self) -> QWidget:
        part = QWidget()
        rows = form()
        part.setLayout(rows)
        self.port, self.unit = QLineEdit(_first_port()), QLineEdit()
        self.port.setPlaceholderText("/dev/ttyUSB0, COM3")
        self.baud = QComboBox()
        self.baud.addItems(["4800", "9600", "19200", "38400", "57600", "115200"])
        add_row(rows, tr("P&ort"), self.port, tr("Where the receiver is plugged in."), True)
        add_row(rows, tr("&Baud"), self.baud, tr("Speed of the line; 4800 is usual, 9600 and 115200 are common."))
        add_row(rows, tr("&Unit"), self.unit, tr("Call sign of the unit that carries the receiver."), True)
        return part

    def _qgis(self) -> QWidget:
        part = QWidget()
        rows = form()
        part.setLayout(rows)
        self.qgis_unit = QLineEdit()
        add_row(rows, tr("&Unit"), self.qgis_unit, tr("Call sign of the unit that carries the receiver."), True)
        rows.addRow(quiet(Note(tr("Connect the receiver in QGIS’s GPS panel (View > Panels > GPS Information)."))))
        return part

    def _gpsd(self) -> QWidget:
        part = QWidget()
        rows = form()
        part.setLayout(rows)
        self.host, self.gpsd_port, self.gpsd_unit = QLineEdit("127.0.0.1"), _number(2947), QLineEdit()
        add_row(rows, tr("&Computer"), self.host, tr("Where gpsd runs."))
        add_row(rows, tr("P&ort"), self.gpsd_port, tr("gpsd’s port."))
        add_row(rows, tr("&Unit"), self.gpsd_unit, tr("Call sign of the unit that carries the receiver."), True)
        return part

    def _hub(self) -> QWidget:
        part = QWidget()
        rows = form()
        part.setLayout(rows)
        self.hub, self.hub_port, self.hub_unit, self.hub_format = QLineEdit(), _number(5001), QLineEdit(), _format()
        self.hub.setPlaceholderText(tr("Name or address"))
        add_row(rows, tr("Ser&ver"), self.hub, tr("Computer that vehicles’ positions come from."), True)
        add_row(rows, tr("P&ort"), self.hub_port, tr("Where it takes connections."))
        add_row(rows, tr("&Format"), self.hub_format, tr("What the reports are written in."))
        add_row(rows, tr("&Unit"), self.hub_unit, tr("Whose reports they are, where they do not say so themselves."))
        return part

    def _port(self, name: str, port: int, told: str) -> QWidget:
        part = QWidget()
        rows = form()
        part.setLayout(rows)
        box = _number(port)
        setattr(self, name, box)
        add_row(rows, tr("P&ort"), box, told)
        if name != "http_port":
            setattr(self, f"{name}_format", _format())
            add_row(rows, tr("&Format"), getattr(self, f"{name}_format"), tr("What the reports are written in."))
        outside = QCheckBox(tr("From &other computers, too"))
        explain(outside, tr("From other computers, too"), tr("Else only programs on this computer can send positions."))
        rows.addRow("", outside)
        if name == "http_port":
            self.token = QLineEdit()
            add_row(rows, tr("To&ken"), self.token, tr("What phones must send as “token”; blank for none."))
        rows.addRow(quiet(Note(told)))
        return part

    def _replay(self) -> QWidget:
        part = QWidget()
        rows = form()
        part.setLayout(rows)
        self.file = QgsFileWidget()
        self.file.setFilter(log_filter())
        self.speed = QgsDoubleSpinBox()
        self.speed.setRange(0.1, 1000.0)
        self.speed.setClearValue(10.0)
        self.speed.clear()
        self.speed.setSuffix(tr(" times"))
        add_row(rows, tr("&Log"), self.file, tr("A log of positions as GPX, NMEA or CSV."), True)
        add_row(rows, tr("Sp&eed"), self.speed, tr("How much faster than it happened."))
        return part


def log_filter() -> str:
    """The files that hold positions, for a file dialog."""
    return tr("Logs (*.gpx *.nmea *.log *.txt *.csv *.gz);;All files (*)")


def _number(port: int) -> QgsSpinBox:
    box = QgsSpinBox()
    box.setRange(1, 65535)
    box.setClearValue(port)
    box.clear()
    return box


def _format() -> QComboBox:
    box = QComboBox()
    for title, kind in ((tr("NMEA (receivers)"), "nmea"), (tr("TAIP (vehicle modems)"), "taip"), ("gpsd", "gpsd")):
        box.addItem(title, kind)
    return box


def _first_port() -> str:
    """The first serial port that QGIS sees, without those that are no devices."""
    for name, _title in QgsGpsDetector.availablePorts():
        if "internal" not in name.lower() and "gpsd" not in name.lower() and ":" not in name:
            return f"/dev/{name}" if sys.platform.startswith("linux") and not name.startswith("/") else str(name)
    return ""


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("LiveSources", text)
