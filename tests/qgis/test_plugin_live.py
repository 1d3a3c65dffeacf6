"""Live tracking as QGIS shows it: what is known, layers that follow, countdowns, and the risk wherever one looks."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from qgis.core import (
    QgsApplication,
    QgsCoordinateReferenceSystem,
    QgsFeature,
    QgsGeometry,
    QgsGpsInformation,
    QgsNmeaConnection,
    QgsPointXY,
    QgsRectangle,
    QgsVectorLayer,
)
from qgis.gui import QgsMapCanvas
from qgis.PyQt.QtCore import QDateTime, QObject, Qt, pyqtSignal
from qgis.PyQt.QtGui import QImage, QPainter
from qgis.PyQt.QtNetwork import QHostAddress, QTcpServer, QTcpSocket
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QCheckBox

from patrol_missions.bridge.gateway_process import Door, door
from patrol_missions.gui import recipes
from patrol_missions.gui.live_client import LiveClient
from patrol_missions.gui.live_layers import LiveLayers
from patrol_missions.gui.live_missions import live_missions
from patrol_missions.gui.live_model import AMBER, DONE, OVER, RUNNING, WAITING, Coverage, LiveModel, Mission
from patrol_missions.gui.live_overlay import LiveOverlay, clock
from patrol_missions.gui.live_session import OFF, ON, LiveSession
from patrol_missions.gui.live_sources import GPSD, HUB, PHONES, REPLAY, SERIAL, UDP, SourceForm
from patrol_missions.gui.nearby import Nearby, Recent
from patrol_missions.gui.page_live import LivePage
from patrol_missions.gui.project_state import DataForm, PlanForm
from patrol_missions.gui.qgis_gps import QgisGps, report_of
from patrol_missions.gui.risk_here import Here, Risk, ShiftMissions, ShiftRisk
from patrol_missions.gui.settings import AUTHOR

T0 = 1_577_880_000.0  # 2020-01-01 12:00 UTC


def fix(unit="7", at=T0, longitude=-75.0, latitude=40.0, **more):
    return {"event": "fix", "at": at, "unit": unit, "longitude": longitude, "latitude": latitude, **more}


def entered(unit="7", at=T0, cell=(0, 0)):
    return {"event": "entered", "at": at, "unit": unit, "cell": list(cell)}


def left(unit="7", at=T0, cell=(0, 0)):
    return {**entered(unit, at, cell), "event": "left"}


def timed(kind, minutes, at=T0):
    return {"event": kind, "at": at, "mission": "m1", "minutes": minutes, "cell": [0, 0]}


@pytest.fixture
def model():
    made = LiveModel()
    made.set_missions([Mission("m1", frozenset({(0, 0)}), 15.0), Mission("m2", frozenset({(1, 0), (1, 1)}), 15.0)])
    return made


def test_a_timer_runs_while_a_unit_is_inside(model):
    mission = model.missions["m1"]
    for event in (fix(), entered(), timed("started", 0.0)):
        model.apply(event)
    assert (mission.state, mission.left_s(T0 + 300)) == (RUNNING, 600.0)
    model.apply(timed("amber", 12.0, T0 + 720))
    assert (mission.state, mission.left_s(T0 + 720)) == (AMBER, 180.0)
    model.apply(left(at=T0 + 780))
    assert mission.left_s(T0 + 5000) == 120.0, "it rests while nobody is there"
    model.apply(entered("8", T0 + 6000))
    model.apply(timed("done", 15.0, T0 + 6120))
    assert (mission.state, mission.left_s(T0 + 6180)) == (DONE, -60.0)
    model.apply(timed("over", 30.5, T0 + 7000))
    assert mission.state == OVER
    model.apply(timed("waiting", 0.0, T0 + 7100))
    assert (mission.state, mission.minutes) == (WAITING, 0.0), "an entry by hand was undone"


def test_an_older_position_does_not_move_a_unit_back(model):
    model.apply(fix(at=T0 + 10, longitude=-75.1))
    model.apply(fix(at=T0))
    assert model.units["7"].longitude == -75.1
    assert model.taken() == ({"7"}, {"m1", "m2"})
    assert model.taken() == (set(), set())


def test_what_is_not_known_is_passed_over(model):
    for event in ({"event": "whatever"}, timed("done", 1.0) | {"mission": "gone"}, {"event": "visit", "at": 1}):
        model.apply(event)
    assert model.units == {}
    assert model.missions["m1"].state == WAITING


def test_the_shift_s_minutes_are_counted_and_none_beyond_a_mission_s_own():
    model = LiveModel()
    model.set_missions([Mission(f"m{n}", frozenset({(n, 0)}), 15.0, T0, T0 + 3600) for n in range(4)]
                       + [Mission("later", frozenset({(9, 0)}), 15.0, T0 + 3600, T0 + 7200)])  # fmt: skip
    for name, (kind, minutes) in {"m0": ("over", 31.0), "m1": ("done", 15.0), "m2": ("amber", 12.5)}.items():
        model.apply({**timed(kind, minutes), "mission": name})
    assert model.coverage(T0 + 60) == Coverage(4, 2, 1, 60.0, 42.5)
    assert model.coverage(T0 + 60).waiting == 1
    assert model.coverage(T0 + 3600) == Coverage(1, 0, 0, 15.0, 0.0)


def test_missions_of_other_shifts_have_no_time_in_a_cell():
    model = LiveModel()
    model.set_missions([Mission("over", frozenset({(0, 0)}), 15.0, T0 - 3600, T0),
                        Mission("now", frozenset({(0, 0)}), 15.0, T0, T0 + 3600),
                        Mission("next", frozenset({(0, 0)}), 15.0, T0 + 3600, T0 + 7200)])  # fmt: skip
    model.apply(entered(at=T0 - 600))
    assert [mission.mission_id for mission in model.missions_in((0, 0), T0 + 60)] == ["now"]
    assert {name: mission.minutes_at(T0 + 120) for name, mission in model.missions.items()} == {
        "over": 10.0, "now": 2.0, "next": 0.0,
    }  # fmt: skip
    model.apply(left(at=T0 + 300))
    assert [mission.minutes_at(T0 + 4000) for mission in model.missions.values()] == [10.0, 5.0, 0.0]


def test_trails_are_cut(model):
    for second in range(0, 3000, 10):
        model.apply(fix(at=T0 + second))
    trail = model.units["7"].trail
    assert len(trail) < 130
    assert trail[-1][0] == T0 + 2990


@pytest.mark.parametrize(
    ("seconds", "text"), [(725, "12:05"), (0, "0:00"), (-90, "+1:30"), (0.4, "0:00"), (59.6, "1:00")]
)
def test_the_clock(seconds, text):
    assert clock(seconds) == text


# --- layers


@pytest.fixture
def shown(processing, project, model):
    return LiveLayers(project, "City", QgsCoordinateReferenceSystem("EPSG:32618"), 250.0)


def rows(layer, *fields):
    return sorted(tuple(feature[name] for name in fields) for feature in layer.getFeatures())


def test_layers_follow_in_place(shown, model):
    for event in (fix(heading_deg=90.0, speed_mps=10.0), fix("8"), entered(), timed("started", 0.0)):
        model.apply(event)
    shown.show(model, T0 + 5)
    assert rows(shown.units, "unit", "state", "age_s") == [("7", "heard", 5.0), ("8", "heard", 5.0)]
    assert rows(shown.missions, "mission_id", "state", "units") == [("m1", RUNNING, "7"), ("m2", WAITING, "")]
    ids = {feature.id() for feature in shown.units.getFeatures()}
    model.apply(fix(at=T0 + 60, longitude=-75.5))
    model.apply({"event": "silent", "at": T0 + 60, "unit": "8"})
    shown.show(model, T0 + 100)
    assert rows(shown.units, "unit", "state") == [("7", "old"), ("8", "silent")]
    assert {feature.id() for feature in shown.units.getFeatures()} == ids
    east = {feature["unit"]: feature.geometry().asPoint().x() for feature in shown.units.getFeatures()}
    assert east == {"7": -75.5, "8": -75.0}
    box = next(feature for feature in shown.missions.getFeatures() if feature["mission_id"] == "m2").geometry()
    assert box.boundingBox().toRectF().getRect() == (250.0, 0.0, 250.0, 500.0)


def test_layers_of_an_earlier_session_give_way(shown, project, model):
    assert len(project.mapLayersByName("Units")) == 1
    again = LiveLayers(project, "City", QgsCoordinateReferenceSystem("EPSG:32618"), 250.0)
    assert len(project.mapLayersByName("Units")) == len(project.mapLayersByName("Missions in progress")) == 1
    again.show(model, T0)
    again.remove()
    assert project.mapLayersByName("Units") == []


def test_missions_of_a_new_plan_take_the_place_of_the_old(shown, model):
    shown.show(model, T0)
    model.set_missions([Mission("m9", frozenset({(5, 5)}), 15.0)])
    shown.show(model, T0)
    assert rows(shown.missions, "mission_id") == [("m9",)]


def test_only_missions_of_the_running_shift_are_shown(shown):
    model = LiveModel()
    model.set_missions([Mission("now", frozenset({(0, 0)}), 15.0, T0, T0 + 600),
                        Mission("later", frozenset({(1, 0)}), 15.0, T0 + 600, T0 + 1200)])  # fmt: skip
    shown.show(model, T0 + 5)
    assert rows(shown.missions, "mission_id") == [("now",)]
    shown.show(model, T0 + 605)
    assert rows(shown.missions, "mission_id") == [("later",)]


def test_a_unit_that_stands_still_ages(shown, model):
    model.apply(fix())
    shown.show(model, T0 + 4)
    shown.show(model, T0 + 8)
    assert rows(shown.units, "age_s", "state") == [(4.0, "heard")], "not with every look"
    shown.show(model, T0 + 40)
    assert rows(shown.units, "age_s", "state") == [(40.0, "old")]


def test_the_map_is_drawn_for_what_changed_alone_and_not_begun_anew_while_it_is_drawn(project, model):
    canvas = SimpleNamespace(isDrawing=lambda: True)
    session = LiveSession(canvas)
    session.model = model
    session._layers = LiveLayers(project, "City", QgsCoordinateReferenceSystem("EPSG:32618"), 250.0)
    drawn = []
    session._layers.units.repaintRequested.connect(lambda *_: drawn.append("units"))
    session._layers.missions.repaintRequested.connect(lambda *_: drawn.append("missions"))
    model.apply(fix(at=session.now()))
    session.show()
    assert session._layers.units.featureCount() == 1
    assert drawn == []
    canvas.isDrawing = lambda: False
    session.show()
    assert sorted(drawn) == ["missions", "units"]
    session.show()
    assert len(drawn) == 2


def test_two_thousand_units_are_shown_in_a_moment(shown, model):
    for second in range(2):
        for number in range(2000):
            model.apply(fix(f"U{number}", T0 + second, -75.0 + number * 1e-5))
        shown.show(model, T0 + second)
    assert shown.units.featureCount() == 2000


def test_the_countdown_is_painted_over_its_cell(processing, model):
    canvas = QgsMapCanvas()
    canvas.resize(400, 300)
    canvas.setDestinationCrs(QgsCoordinateReferenceSystem("EPSG:32618"))
    canvas.setExtent(QgsRectangle(-375, -250, 625, 500))
    overlay = LiveOverlay(canvas, model, lambda: T0 + 60)
    overlay.set_grid(QgsCoordinateReferenceSystem("EPSG:32618"), 250.0)

    def painted():
        image = QImage(400, 300, QImage.Format.Format_ARGB32)
        image.fill(Qt.GlobalColor.transparent)
        painter = QPainter(image)
        overlay.paint(painter)
        painter.end()
        return [(x, y) for x in range(400) for y in range(300) if image.pixelColor(x, y).alpha()]

    assert painted() == []
    model.apply(entered())
    model.apply(timed("started", 0.0))
    dots = painted()
    top = overlay.toCanvasCoordinates(QgsPointXY(125, 250))
    assert dots
    assert abs(sum(x for x, _ in dots) / len(dots) - top.x()) < 6
    assert 0 < top.y() - max(y for _, y in dots) < 6, "the unit in the cell is not hidden"
    canvas.scene().removeItem(overlay)


# --- the plan's missions


def test_missions_with_all_cells_of_a_box_and_all_visits(processing):
    layer = QgsVectorLayer(
        "Polygon?crs=EPSG:32618&field=mission_id:string&field=cell_id:string&field=start:datetime&field=end:datetime"
        "&field=dose_minutes:double&field=visits:integer&field=unit:string", "missions", "memory",
    )  # fmt: skip
    start = QDateTime.fromSecsSinceEpoch(int(T0), Qt.TimeSpec.UTC)
    features = []
    for name, cell, visits, shape in (
        ("m1", "2E3N", None, "Polygon ((500 750, 750 750, 750 1000, 500 1000, 500 750))"),
        ("m2", "0E0N", 2, "Polygon ((0 0, 600 0, 600 240, 0 240, 0 0))"),
    ):
        feature = QgsFeature(layer.fields())
        feature.setAttributes([name, cell, start, start.addSecs(3600), 10.0, visits, visits and "12"])
        feature.setGeometry(QgsGeometry.fromWkt(shape))
        features.append(feature)
    layer.dataProvider().addFeatures(features)
    one, two = live_missions(layer, 250.0)
    assert one == {
        "mission_id": "m1", "cells": [[2, 3]], "start": T0, "end": T0 + 3600, "minutes": 10.0, "most_minutes": 20.0,
    }  # fmt: skip
    assert (two["cells"], two["minutes"], two["unit"]) == ([[0, 0], [1, 0]], 20.0, "12")


# --- the risk here


@pytest.fixture
def forecast(processing):
    layer = QgsVectorLayer(
        "Polygon?crs=EPSG:32618&field=cell_id:string&field=district:string&field=shift:string&field=start:datetime"
        "&field=end:datetime&field=percentile:double&field=reasons:string&field=expected_robbery:double"
        "&field=expected_theft_from_vehicle:double", "forecast", "memory",
    )  # fmt: skip
    start = QDateTime.fromSecsSinceEpoch(int(T0), Qt.TimeSpec.UTC)
    features = []
    for number, shift in enumerate(("Day", "Evening")):
        for cell in range(4):
            feature = QgsFeature(layer.fields())
            begin = start.addSecs(number * 8 * 3600)
            feature.setAttributes([
                f"{cell}E0N", "NS"[cell % 2], shift, begin, begin.addSecs(8 * 3600), 25.0 * cell, f"because {cell}",
                0.1 * (cell + 1) * (number + 1), 0.2,
            ])  # fmt: skip
            features.append(feature)
    layer.dataProvider().addFeatures(features)
    return layer


def at(hours):
    return QDateTime.fromSecsSinceEpoch(int(T0 + 3600 * hours), Qt.TimeSpec.UTC)


def test_the_risk_of_the_shift_that_runs(forecast):
    day = ShiftRisk(forecast, {"expected_theft_from_vehicle": "Theft from vehicle"}, at(1))
    assert day.shift == "Day"
    here = day.here((2, 0))
    assert (here.district, here.percentile, here.reasons) == ("N", 50.0, "because 2")
    assert [(risk.category, risk.expected) for risk in here.risks] == [
        ("Robbery", pytest.approx(0.3)), ("Theft from vehicle", pytest.approx(0.2)),
    ]  # fmt: skip
    assert [risk.times for risk in here.risks] == [pytest.approx(0.3 / 0.2), pytest.approx(1.0)]
    assert day.here((9, 9)) is None
    assert ShiftRisk(forecast, {}, at(9)).here((2, 0)).risks[0].expected == pytest.approx(0.6)
    assert ShiftRisk(forecast, {}, at(-5)).shift == "Day", "the next one, before any"
    assert ShiftRisk(forecast, {}, at(99)).shift == "Evening", "the last one, after all"


@pytest.fixture
def incidents(processing):
    """Robberies and thefts at places (metres) and days from the shift's start."""
    layer = QgsVectorLayer("Point?crs=EPSG:32618&field=category:string&field=start:datetime", "incidents", "memory")
    features = []
    for category, x, y, days in (
        ("Robbery", 600, 600, -1.5), ("Robbery", 260, 260, -27.9), ("Robbery", 990, 990, -3.0),
        ("Theft", 510, 300, -0.5), ("Robbery", 600, 600, -28.1), ("Robbery", 600, 600, 0.1),
        ("Robbery", 1010, 600, -1.0), ("Theft", 600, 240, -1.0),
    ):  # fmt: skip
        feature = QgsFeature(layer.fields())
        feature.setAttributes([category, at(24 * days)])
        feature.setGeometry(QgsGeometry.fromPointXY(QgsPointXY(x, y)))
        features.append(feature)
    layer.dataProvider().addFeatures(features)
    return layer


def test_incidents_around_a_cell_before_the_shift_are_counted_once_asked(incidents):
    near = Nearby(incidents, 250.0, at(0))
    wanted = (Recent("Robbery", 3, 1), Recent("Theft", 1, 0))
    assert near.around((2, 2)) == wanted
    assert near.around((50, 50)) == ()
    incidents.dataProvider().truncate()
    assert near.around((2, 2)) == wanted, "a cell is asked for once"
    assert Nearby(incidents, 250.0, at(0)).around((2, 2)) == ()


def test_a_mission_tells_why_and_what_in_all_its_cells(processing):
    layer = QgsVectorLayer(
        "Polygon?crs=EPSG:32618&field=cell_id:string&field=shift:string&field=start:datetime&field=reasons:string"
        "&field=tactic:string", "missions", "memory",
    )  # fmt: skip
    for cell, shift, reasons, tactic, shape in (
        ("0E0N", "Day", "market", "Talk to the shops", "Polygon ((0 0, 600 0, 600 240, 0 240, 0 0))"),
        ("4E0N", "Day", None, None, "Polygon ((1000 0, 1250 0, 1250 250, 1000 250, 1000 0))"),
        ("6E0N", "Evening", "bars", "Foot patrol", "Polygon ((1500 0, 1750 0, 1750 250, 1500 250, 1500 0))"),
    ):
        feature = QgsFeature(layer.fields())
        feature.setAttributes([cell, shift, at(0), reasons, tactic])
        feature.setGeometry(QgsGeometry.fromWkt(shape))
        layer.dataProvider().addFeatures([feature])
    day = ShiftMissions(layer, 250.0, "Day", at(0))
    assert [day.at((column, 0)) for column in (0, 1, 4, 6)] == [("market", "Talk to the shops")] * 2 + [("", "")] * 2
    layer.dataProvider().deleteAttributes([layer.fields().lookupField("tactic")])
    layer.updateFields()
    assert ShiftMissions(layer, 250.0, "Day", at(0)).at((0, 0)) == ("market", "")


# --- the line to the gateway


@pytest.fixture
def gateway(processing):
    """A server that speaks as the gateway does."""
    server = QTcpServer()
    assert server.listen(QHostAddress("127.0.0.1"))
    made = SimpleNamespace(server=server, heard=[], socket=None)

    def take():
        made.socket = server.nextPendingConnection()
        made.socket.readyRead.connect(lambda: made.heard.extend(bytes(made.socket.readAll()).splitlines()))

    server.newConnection.connect(take)
    made.say = lambda *messages: made.socket.write(b"".join(json.dumps(each).encode() + b"\n" for each in messages))
    yield made
    server.close()


def until(done, milliseconds=3000):
    for _ in range(milliseconds // 10):
        if done():
            return
        QTest.qWait(10)
    raise AssertionError("it did not happen in time")


def test_events_and_answers_come_over_the_line(gateway):
    client = LiveClient()
    greeted, told, answers, lost = [], [], [], []
    client.connected.connect(lambda: greeted.append(True))
    client.told.connect(told.extend)
    client.lost.connect(lambda: lost.append(True))
    client.open(Door("127.0.0.1", gateway.server.serverPort(), "secret"))
    until(lambda: gateway.heard)
    assert json.loads(gateway.heard[0]) == {"token": "secret"}
    gateway.say({"event": "hello"}, fix())
    gateway.socket.write(b"no json\n[1]\n" + json.dumps(entered()).encode())
    gateway.socket.flush()
    until(lambda: told)
    gateway.socket.write(b"\n")
    until(lambda: len(told) == 2)
    assert greeted == [True]
    client.ask("snapshot", answers.append, deep=True)
    until(lambda: len(gateway.heard) == 2)
    asked = json.loads(gateway.heard[1])
    assert (asked["do"], asked["deep"]) == ("snapshot", True)
    gateway.say({"event": "answer", "id": asked["id"], "ok": True})
    until(lambda: answers)
    gateway.socket.disconnectFromHost()
    until(lambda: lost)
    assert not client.is_open()


def test_missions_are_sent_with_who_sends_them_and_what_they_have_had_is_asked_for(gateway, tmp_path):
    def row(name):
        return {"mission_id": name, "cells": [[0, 0]], "start": T0, "end": T0 + 3600, "minutes": 15.0}

    def asked():
        return [json.loads(line) for line in gateway.heard[1:]]

    place = {"host": "127.0.0.1", "port": gateway.server.serverPort(), "pid": 1}
    (tmp_path / "gateway.json").write_text(json.dumps(place), encoding="utf-8")
    (tmp_path / "gateway.token").write_text("secret", encoding="utf-8")
    session = LiveSession(QgsMapCanvas())
    assert session.rejoin(tmp_path, [row("m1")])
    until(lambda: gateway.heard)
    gateway.say({"event": "hello"})
    until(lambda: len(asked()) == 2)
    session.set_missions([row("m2")])
    until(lambda: len(asked()) == 4)
    assert [each["do"] for each in asked()] == ["missions", "snapshot"] * 2
    first, _, second, last = asked()
    assert [each["missions"][0]["mission_id"] for each in (first, second)] == ["m1", "m2"]
    assert second["author"] == (AUTHOR.get() or QgsApplication.userFullName())
    gateway.say({"event": "answer", "id": last["id"], "ok": True, "now": T0 + 600, "minutes": {"m2": 7.5},
                 "events": [{**timed("started", 0.0), "mission": "m2"}]})  # fmt: skip
    until(lambda: session.model.missions["m2"].minutes)
    assert session.model.coverage(T0 + 600) == Coverage(1, 0, 1, 15.0, 7.5)
    session.tear_down()


def test_the_door_is_read_from_the_run_folder(tmp_path):
    assert door(tmp_path) is None
    (tmp_path / "gateway.json").write_text('{"host": "127.0.0.1", "port": 7, "pid": 1}', encoding="utf-8")
    assert door(tmp_path) is None
    (tmp_path / "gateway.token").write_text("secret\n", encoding="utf-8")
    assert door(tmp_path) == Door("127.0.0.1", 7, "secret")
    (tmp_path / "gateway.json").write_text("{", encoding="utf-8")
    assert door(tmp_path) is None


# --- the page


def test_the_form_of_each_source_says_what_is_missing(processing):
    form = SourceForm()
    form.port.setText("")
    for kind, field, text in ((SERIAL, form.port, "COM3"), (SERIAL, form.unit, "12"), (GPSD, form.gpsd_unit, "12")):
        form.kind.setCurrentIndex(form.kind.findData(kind))
        assert form.problem()
        field.setText(text)
    assert form.problem() == ""
    form.kind.setCurrentIndex(form.kind.findData(SERIAL))
    assert form.settings() == {
        "kind": "serial", "name": form.kind.currentText(), "port": "COM3", "baud": 4800, "unit": "12",
    }  # fmt: skip
    form.kind.setCurrentIndex(form.kind.findData(PHONES))
    assert form.problem() == ""
    assert form.settings() == {
        "kind": "http", "name": form.kind.currentText(), "port": 5055, "host": "127.0.0.1", "token": "",
    }  # fmt: skip
    form.part().findChild(QCheckBox).setChecked(True)
    assert form.settings()["host"] == "0.0.0.0"
    assert (form.http_port.isVisibleTo(form), form.port.isVisibleTo(form)) == (True, False)
    form.kind.setCurrentIndex(form.kind.findData(HUB))
    assert "server" in form.problem()
    form.hub.setText("avl.example")
    assert form.problem() == ""
    assert form.settings() == {
        "kind": "tcp", "name": form.kind.currentText(), "host": "avl.example", "port": 5001, "format": "nmea",
    }  # fmt: skip
    form.hub_unit.setText("7")
    form.hub_format.setCurrentIndex(form.hub_format.findData("taip"))
    assert (form.settings()["unit"], form.settings()["format"]) == ("7", "taip")
    form.kind.setCurrentIndex(form.kind.findData(UDP))
    form.udp_port_format.setCurrentIndex(form.udp_port_format.findData("taip"))
    assert (form.settings()["kind"], form.settings()["format"]) == ("udp", "taip")
    form.kind.setCurrentIndex(form.kind.findData(REPLAY))
    assert form.problem()


@pytest.fixture
def page(processing, model):
    class Session(QObject):
        changed = pyqtSignal()
        finished = pyqtSignal(str)

        def __init__(self):
            super().__init__()
            self.state, self.model, self.asked = OFF, model, []
            self.sources, self.refused, self.quarantined = {}, {}, {}

        def now(self):
            return T0 + 60

        def ask(self, do, **what):
            self.asked.append((do, what))

    made = LivePage(Session())
    made.show()
    yield made
    made.close()


def test_units_in_missions_come_first_with_their_time(page, model):
    session = page._session
    page.refresh("There are no missions to time yet.", False)
    assert not page.start_button.isEnabled()
    assert "no missions" in page.status.text()
    assert not page.past_button.isEnabled()
    page.refresh("", True)
    assert page.past_button.isEnabled()
    page.source.unit.setText("")
    page.start_button.click()
    assert "Name the" in page.status.text()
    page.source.kind.setCurrentIndex(page.source.kind.findData(PHONES))
    assert page.status.text() == "", "what another source lacks"
    assert page.start_button.isEnabled()
    for event in (fix("3"), fix("7"), entered("3", cell=(9, 9)), entered("7"), timed("started", 0.0)):
        model.apply(event)
    session.state = ON
    session.sources = {"gpsd": {"state": "silent", "text": "Nothing was heard for 30 s."}}
    session.quarantined, session.refused = {"X1": 4}, {"from the future": 2}
    session.changed.emit()
    cells = [[page.table.model().index(row, column).data() for column in range(4)] for row in range(2)]
    assert cells == [["7", "0E0N", "14:00", "60 s"], ["3", "9E9N", "", "60 s"]]
    assert "Nothing was heard" in page.status.text()
    assert "X1" in page.counts.text()
    assert "from the future 2" in page.counts.text()
    followed = []
    page.followed.connect(followed.append)
    page.table.selectRow(1)
    assert followed == ["3"]
    session.changed.emit()
    page.away_button.click()
    assert session.asked == [("away", {"unit": "3"})]
    page.admit_button.click()
    assert session.asked[-1] == ("admit", {"unit": "X1"})


def test_the_bar_tells_what_is_delivered(page, model):
    session = page._session
    session.changed.emit()
    assert not page.coverage.isVisibleTo(page)
    session.state = ON
    model.apply(entered())
    model.apply(timed("started", 3.0))
    session.changed.emit()
    assert (page.coverage.maximum(), page.coverage.value()) == (30, 4)
    assert page.missions.text() == "0 of 2 missions done, 4 of 30 minutes.\n1 in progress, 1 waiting."
    model.set_missions([Mission("m1", frozenset({(0, 0)}), 15.0, T0 + 600, T0 + 1200)])
    session.changed.emit()
    assert not page.coverage.isVisibleTo(page)
    assert "No mission" in page.missions.text()


def test_the_chosen_unit_stays_chosen_while_the_rows_move(page, model):
    followed = []
    page.followed.connect(followed.append)
    for event in (fix("3"), fix("7")):
        model.apply(event)
    page._session.state = ON
    page._session.changed.emit()
    page.table.selectRow(1)
    model.apply(entered("7"))
    page._session.changed.emit()
    assert (page.table.unit(), page.table.selectionModel().selectedRows()[0].row()) == ("7", 0)
    assert followed == ["7"]
    del model.units["7"]
    page._session.changed.emit()
    assert page.table.unit() == ""
    assert followed == ["7", ""]


def test_the_risk_is_told_in_words(page):
    page.show_risk(Here("9", 97.6, (Risk("Robbery", 0.0123, 3.21),), "3 robberies near"), "7 (0E0N)")
    assert page._place.text() == "7 (0E0N), district 9: higher than 98 % of all cells."
    assert page._risks.text().splitlines()[1:] == ["3.2 × Robbery (0.012)"]
    assert page._reasons.text() == "Why here: 3 robberies near"
    assert not page._recent.isVisibleTo(page)
    assert not page._tactic.isVisibleTo(page)
    recent = (Recent("Robbery", 3, 0), Recent("Theft", 2, 1), Recent("Burglary", 1, 9))
    page.show_risk(Here("9", 97.6, (), "", recent, "Talk to the shops"), "7 (0E0N)")
    assert page._recent.text().splitlines()[1:] == [
        "Robbery: 3, the latest within a day", "Theft: 2, the latest 1 day ago",
        "Burglary: 1, the latest 9 days ago",
    ]  # fmt: skip
    assert page._tactic.text() == "The mission here: Talk to the shops"
    assert not page._reasons.isVisibleTo(page)
    page.show_risk(Here("9", 97.6, (), "", ()), "7 (0E0N)")
    assert page._recent.text() == "No incident here or in the cells around in the 28 days before the shift."
    page.show_risk(None)
    assert not page.risk.isVisibleTo(page)


# --- the receiver that QGIS has


def nmea(*sentences):
    """Sentences with their checksums."""
    lines = []
    for sentence in sentences:
        total = 0
        for letter in sentence.encode():
            total ^= letter
        lines.append(f"${sentence}*{total:02X}\r\n")
    return "".join(lines).encode()


def test_the_receiver_of_qgis_is_joined_and_told_once_a_second(processing):
    server = QTcpServer()
    assert server.listen(QHostAddress("127.0.0.1"))
    socket = QTcpSocket()
    socket.connectToHost("127.0.0.1", server.serverPort())
    assert socket.waitForConnected(2000)
    assert server.waitForNewConnection(2000)
    receiver = server.nextPendingConnection()
    connection = QgsNmeaConnection(socket)
    connection.connect()
    registry = QgsApplication.gpsConnectionRegistry()
    gps, heard, joined = QgisGps(), [], []
    gps.heard.connect(heard.append)
    gps.joined.connect(joined.append)
    gps.start()
    assert joined == [False]
    registry.registerConnection(connection)
    gps._look()
    assert joined == [False, True]
    for second in range(3):
        receiver.write(nmea(
            f"GPGGA,12000{second}.00,4000.000,N,07500.000,W,1,08,1.0,10.0,M,-34.0,M,,",
            f"GPRMC,12000{second}.00,A,4000.000,N,07500.000,W,10.0,90.0,010120,,",
        ))  # fmt: skip
        receiver.flush()
        QTest.qWait(50)
    until(lambda: len(heard) >= 2)
    gps.stop()
    registry.unregisterConnection(connection)
    assert [each["at"] for each in heard] == [T0 + second for second in range(len(heard))]
    assert heard[-1]["longitude"] == pytest.approx(-75.0)
    assert heard[-1]["speed_mps"] == pytest.approx(5.144, abs=0.01)
    assert heard[-1]["heading_deg"] == 90.0


def test_without_a_fix_or_a_time_nothing_is_told(processing):
    told = QgsGpsInformation()
    assert report_of(told) is None


# --- what was delivered flows back


def test_the_next_plan_reads_the_ledger_where_there_is_one(state, project, tmp_path):
    state.set_data(DataForm(jurisdiction="City", package=str(tmp_path / "city.gpkg")))
    assert [step.key for step in recipes.plan_steps(state, False)] == ["allocate"]
    (tmp_path / "city_ledger.sqlite").touch()
    first, last = recipes.plan_steps(state, False)
    assert (first.key, last.key) == ("visits", "allocate")
    assert first.parameters()["LEDGER"] == str(tmp_path / "city_ledger.sqlite")
    state.set_plan(PlanForm(mind_doses=False))
    assert [step.key for step in recipes.plan_steps(state, False)] == ["allocate"]
    state.set_plan(PlanForm())
    state.set_data(DataForm(jurisdiction="City", package=str(tmp_path / "city.gpkg"), visits="chosen"))
    assert [step.key for step in recipes.plan_steps(state, False)] == ["allocate"]
