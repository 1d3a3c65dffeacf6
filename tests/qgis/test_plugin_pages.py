"""The pages' widgets say what they show, and say what is missing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from conftest import close
from qgis.core import QgsCoordinateReferenceSystem, QgsFeature, QgsGeometry, QgsProject, QgsVectorLayer
from qgis.PyQt.QtCore import QDateTime, Qt, QTimeZone
from qgis.PyQt.QtGui import QColor

from patrol_missions.core.errors import InputError
from patrol_missions.gui.category_table import CategoryTable
from patrol_missions.gui.mission_list import MissionList, colours_of
from patrol_missions.gui.missions import ShiftInstance, own_time, read_missions, shifts_of
from patrol_missions.gui.page_data import DataPage
from patrol_missions.gui.plan_settings import PlanSettings
from patrol_missions.gui.project_state import PlanForm
from patrol_missions.gui.shifts_table import ShiftsTable
from patrol_missions.processing_algorithms import category_map
from patrol_missions.processing_algorithms.parameters import DEFAULT_SHIFTS, shift_rows


@pytest.fixture
def page(open_project):
    page = DataPage()
    yield page
    close(page)


def add(uri, name, wkt=""):
    layer = QgsVectorLayer(uri, name, "memory")
    if wkt:
        feature = QgsFeature(layer.fields())
        feature.setGeometry(QgsGeometry.fromWkt(wkt))
        layer.dataProvider().addFeatures([feature])
        layer.updateExtents()
    QgsProject.instance().addMapLayer(layer)
    return layer


INCIDENTS = "Point?crs=EPSG:4326&field=incident_id:string&field=offense:string&field=start:datetime&field=end:datetime"
SQUARE = "POLYGON((-75.2 39.9, -75.1 39.9, -75.1 40.0, -75.2 40.0, -75.2 39.9))"


def test_an_empty_page_says_what_to_choose_first(page):
    assert page.problem() == "Choose the incident layer."


def test_choosing_layers_fills_the_rest(page):
    page.incidents.layer.set_layer(add(INCIDENTS, "crimes"))
    assert "boundary" in page.problem()
    page.place.boundary.set_layer(add("Polygon?crs=EPSG:4326", "Old Town", SQUARE))
    answers = page.answers()
    assert (answers.category_field, answers.start_field, answers.end_field) == ("offense", "start", "end")
    assert answers.id_field == "incident_id"
    assert answers.crs == "EPSG:32618", "degrees give way to the UTM zone of the place"
    assert answers.jurisdiction == "Old Town"
    assert answers.package.endswith("old_town/old_town.gpkg")
    assert answers.shifts == list(DEFAULT_SHIFTS)
    assert page.problem() == ""


def test_the_next_step_follows_what_is_chosen(page, state):
    page.refresh(state, False, "")
    assert page.status.text() == "Next: choose incidents and boundary, then check the data."
    page.incidents.layer.set_layer(add(INCIDENTS, "crimes"))
    page.place.boundary.set_layer(add("Polygon?crs=EPSG:4326", "Old Town", SQUARE))
    assert page.status.text() == "Next: check the data."


def test_a_projected_boundary_keeps_its_crs(page):
    page.place.boundary.set_layer(add("Polygon?crs=EPSG:2272", "Feet"))
    assert page.answers().crs == "EPSG:2272"


def test_a_table_needs_coordinates_and_points_do_not(page):
    table = add("NoGeometry?field=category:string&field=date:string&field=lon:double&field=lat:double", "table")
    page.incidents.layer.set_layer(table)
    answers = page.answers()
    assert (answers.x_field, answers.y_field, answers.coordinates_crs) == ("lon", "lat", "EPSG:4326")
    page.incidents.fields["x"].setField("")
    assert "choose its X and Y fields" in page.incidents.problem()
    page.incidents.layer.set_layer(add(INCIDENTS, "points"))
    assert page.answers().x_field == ""


def test_answers_that_were_given_are_shown_again(page):
    incidents, boundary = add(INCIDENTS, "crimes"), add("Polygon?crs=EPSG:4326", "b", SQUARE)
    districts = add("Polygon?crs=EPSG:4326&field=beat:string&field=other:string", "beats")
    bars = add("Point?crs=EPSG:4326", "bars")
    page.incidents.layer.set_layer(incidents)
    page.place.boundary.set_layer(boundary)
    page.place.districts.set_layer(districts)
    assert page.answers().district_field == "beat"
    given = replace(
        page.answers(), category_field="incident_id", end_field="", time_zone="Europe/Paris", times_are="UTC",
        district_field="other", crs="EPSG:32617", cell_size_m=100.0, indicators=[bars.id()],
        shifts=["Late", "20:00", "04:00", "Fri,Sat"], jurisdiction="J", package="/somewhere/j.gpkg",
        category_map="/somewhere/map.csv",
    )  # fmt: skip
    other = DataPage()
    other.show_answers(given)
    assert other.answers() == given
    close(other)


def test_a_package_that_was_chosen_is_not_renamed(page):
    page.name.setText("One")
    page.package.setFilePath("/mine/city.gpkg")
    page.name.setText("Two")
    assert page.answers().package == "/mine/city.gpkg"


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "America"])
def test_an_unknown_time_zone_is_told(page, zone):
    page.incidents.layer.set_layer(add(INCIDENTS, "crimes"))
    page.incidents.time_zone.setCurrentText(zone)
    assert "is not a time zone" in page.incidents.problem()


def test_an_unreadable_file_is_a_sentence(page, tmp_path):
    bad = tmp_path / "broken.gpkg"
    bad.write_text("nothing", encoding="utf-8")
    heard = []
    page.trouble.connect(heard.append)
    page.incidents.layer.open_file(str(bad))
    assert heard == [f"{bad} cannot be read as a layer."]


def test_a_gzipped_csv_becomes_the_layer(page, tmp_path):
    import gzip

    path = tmp_path / "history.csv.gz"
    path.write_bytes(gzip.compress(b"category,datetime_start,lon,lat\nTheft,2020-01-01,1,2\n"))
    page.incidents.layer.open_file(str(path))
    answers = page.answers()
    assert page.incidents.layer.layer().name() == "history"
    assert (answers.category_field, answers.x_field) == ("category", "lon")


def test_shifts_are_what_the_algorithm_reads(qgis_application):
    table = ShiftsTable()
    table.set_values(DEFAULT_SHIFTS)
    assert table.problem() == ""
    table.add_button.click()
    table.table.selectRow(0)
    table.remove_button.click()
    rows = shift_rows(table.values())
    assert [row["name"] for row in rows] == ["Evening", "Night", "New shift"]
    table.set_values([["Day", "7:00", "24:00", ""]])
    assert table.values() == ["Day", "7:00", "24:00", ""]
    assert table.problem() == ""


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (["", "07:00", "15:00", ""], "has no name"),
        (["Day", "7", "15:00", ""], "“7”"),
        (["Day", "07:00", "25:10", ""], "25:10"),
    ],
)
def test_a_bad_shift_is_told(qgis_application, row, sentence):
    table = ShiftsTable()
    table.set_values([row])
    assert sentence in table.problem()
    table.set_values([])
    assert "no shift" in table.problem()


def test_categories_are_edited_and_saved_as_the_check_reads_them(qgis_application, tmp_path):
    path = tmp_path / "map.csv"
    path.write_text(
        'raw,category,use,reason,rows\n"Theft ""big"", 🚲",Theft,yes,,1200\nDUI,Driving,no,"found by police",7\n',
        encoding="utf-8",
    )
    table = CategoryTable()
    edits = []
    table.edited.connect(lambda: edits.append(1))
    table.load(path)
    assert edits == [], "showing is not editing"
    table.item(0, 0).setCheckState(Qt.CheckState.Unchecked)
    table.item(1, 1).setText("Traffic")
    assert edits
    table.save(path)
    assert category_map.read(path) == [
        {"raw": 'Theft "big", 🚲', "category": "Theft", "use": "no", "reason": "", "rows": "1200"},
        {"raw": "DUI", "category": "Traffic", "use": "no", "reason": "found by police", "rows": "7"},
    ]
    with pytest.raises(InputError, match="could not be saved"):
        table.save(tmp_path / "absent" / "map.csv")


def test_a_thousand_categories_are_shown(qgis_application, tmp_path):
    path = tmp_path / "map.csv"
    rows = "".join(f"type {i},Other,no,,{i}\n" for i in range(1000))
    path.write_text("raw,category,use,reason,rows\n" + rows, encoding="utf-8")
    table = CategoryTable()
    table.load(path)
    assert table.rowCount() == 1000
    table.save(path)
    assert len(category_map.read(path)) == 1000


def test_plan_answers_round_trip_in_the_jurisdictions_time(processing):
    settings = PlanSettings()
    assert settings.answers() == PlanForm()
    settings.set_zone(QTimeZone(b"America/New_York"))
    given = PlanForm(5, 75.0, 20.0, "2020-01-07T04:30:00Z", 9, 42)
    settings.show_answers(given)
    assert settings.start.dateTime().toString("yyyy-MM-dd HH:mm") == "2020-01-06 23:30"
    assert settings.answers() == given
    settings.show_answers(PlanForm())
    assert settings.answers().start == ""


FIELDS = (
    "field=mission_id:string&field=cell_id:string&field=district:string&field=shift:string&field=shift_date:date"
    "&field=start:datetime&field=end:datetime&field=order:integer&field=top_category:string&field=top_categories:string"
    "&field=window:string&field=purpose:string&field=reasons:string&field=dose_minutes:double"
    "&field=inclusion_probability:double"
)


def mission_layer(rows):
    layer = QgsVectorLayer(f"Polygon?crs=EPSG:32618&{FIELDS}", "missions", "memory")
    features = []
    for number, (district, shift, day, start, end, order, category) in enumerate(rows):
        feature = QgsFeature(layer.fields())
        feature.setAttributes([
            f"m{number}", f"{number}E0N", district, shift, day, QDateTime.fromString(start, Qt.DateFormat.ISODate),
            QDateTime.fromString(end, Qt.DateFormat.ISODate), order, category, f"{category}, Theft", "22:00–00:00",
            "Be seen.", "3 burglaries <near>", 15.0, 0.4,
        ])  # fmt: skip
        feature.setGeometry(QgsGeometry.fromWkt(f"POLYGON(({number} 0, {number + 1} 0, {number + 1} 1, {number} 0))"))
        features.append(feature)
    layer.dataProvider().addFeatures(features)
    return layer


ROWS = [
    ("10", "Night", "2020-01-06", "2020-01-07T04:00:00", "2020-01-07T12:00:00", 1, "Robbery"),
    ("9", "Evening", "2020-01-06", "2020-01-06T20:00:00", "2020-01-07T04:00:00", 2, "Theft"),
    ("9", "Evening", "2020-01-06", "2020-01-06T20:00:00", "2020-01-07T04:00:00", 1, "Robbery"),
    ("10", "Evening", "2020-01-06", "2020-01-06T20:00:00", "2020-01-07T04:00:00", 1, "Robbery"),
]


def test_missions_are_read_in_the_order_of_the_briefing(qgis_application):
    missions = read_missions(mission_layer(ROWS))
    assert [(m.shift.name, m.district, m.order) for m in missions] == [
        ("Evening", "9", 1), ("Evening", "9", 2), ("Evening", "10", 1), ("Night", "10", 1),
    ]  # fmt: skip
    evening, night = shifts_of(missions)
    zone = QTimeZone(b"America/New_York")
    assert "Evening 15–23" in evening.title(zone)
    assert "Night 23–07" in night.title(zone)
    assert "6 Jan" in night.title(zone), "the night belongs to the day on which it began"


def at(hour):
    return QDateTime.fromString("2020-01-06T00:00:00Z", Qt.DateFormat.ISODate).addSecs(3600 * hour)


@pytest.mark.parametrize(
    ("others", "begin", "end"),
    [
        ([], 15, 23),
        ([(7, 15), (23, 31)], 15, 23),  # they only touch
        ([(19, 27)], 15, 19),
        ([(12, 16), (22, 30)], 16, 22),
        ([(17, 18)], 18, 23),  # the longer part
        ([(15, 23)], 15, 23),  # nothing of its own
    ],
)
def test_a_shift_is_shown_by_the_part_it_has_alone(qgis_application, others, begin, end):
    shift = ShiftInstance("Evening", "2020-01-06", at(15), at(23))
    beside = [ShiftInstance(f"Other {n}", "2020-01-06", at(a), at(b)) for n, (a, b) in enumerate(others)]
    assert own_time(shift, [*beside, shift]) == (at(begin), at(end))


def test_times_of_layers_are_utc_whatever_this_computers_zone(qgis_application):
    mission = read_missions(mission_layer(ROWS[:1]))[0]
    assert mission.shift.start.toSecsSinceEpoch() == 1578369600


def test_the_list_shows_districts_with_their_missions(qgis_application):
    layer = mission_layer(ROWS[1:])
    listed = MissionList()
    listed.show_missions(read_missions(layer), {"Robbery": QColor("red")})
    assert listed.count() == 3
    assert listed.model().rowCount() == 2
    assert "9 · 2 missions" in listed.model().index(0, 0).data()
    first = listed.mission_index(0)
    assert "Robbery, Theft" in first.data()
    assert "3 burglaries" in first.data(Qt.ItemDataRole.AccessibleTextRole)
    chosen = []
    listed.chosen.connect(chosen.append)
    listed.setCurrentIndex(first)  # as the arrow keys do
    assert [m.district for m in chosen] == ["9"]
    assert not listed.mission_index(3).isValid()


def test_a_mission_is_overridden_from_the_list_by_keyboard(qgis_application):
    listed = MissionList()
    listed.show_missions(read_missions(mission_layer(ROWS[1:])), {})
    decided = []
    listed.decided.connect(lambda kind, mission: decided.append((kind, mission.cell_id)))
    suppress, lock = listed.actions()
    suppress.trigger()
    assert decided == [], "a district is no mission"
    listed.setCurrentIndex(listed.mission_index(1))
    suppress.trigger()
    lock.trigger()
    assert decided == [("suppress", "0E0N"), ("lock", "0E0N")]


def test_colours_follow_the_map(qgis_application):
    from patrol_missions.processing_algorithms.layer_styles import category_colours, style_missions

    layer = mission_layer(ROWS)
    assert colours_of(layer) == {}, "a layer without our style has no colours by category"
    style_missions(layer)
    assert {name: colour.name() for name, colour in colours_of(layer).items()} == category_colours(layer)


def test_crs_is_suggested_south_of_the_equator(page):
    square = "POLYGON((151.1 -33.9, 151.3 -33.9, 151.3 -33.8, 151.1 -33.8, 151.1 -33.9))"
    page.place.boundary.set_layer(add("Polygon?crs=EPSG:4326", "Sydney", square))
    assert page.place.crs.crs() == QgsCoordinateReferenceSystem("EPSG:32756")
