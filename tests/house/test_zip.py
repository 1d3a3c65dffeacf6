"""The zip that users install and plugins.qgis.org checks."""

from __future__ import annotations

import ast
import configparser
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from pack import pack
from site_rules import LARGEST_ZIP, metadata_problems, zip_problems

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def packed(stage, tmp_path_factory) -> Path:
    target = tmp_path_factory.mktemp("zip") / "patrol_missions.zip"
    pack(stage / "patrol_missions", target)
    return target


def metadata(stage) -> configparser.SectionProxy:
    parser = configparser.ConfigParser()
    parser.optionxform = str
    parser.read(stage / "patrol_missions" / "metadata.txt", encoding="utf-8")
    return parser["general"]


def test_the_site_would_take_it(packed):
    assert zip_problems(packed) == []


def test_it_holds_the_stage_and_nothing_else(packed, stage):
    files = {p.relative_to(stage).as_posix() for p in stage.rglob("*") if p.is_file() and p.suffix != ".pyc"}
    with zipfile.ZipFile(packed) as archive:
        assert set(archive.namelist()) == files
        assert all(archive.read(name) == (stage / name).read_bytes() for name in files)


def test_the_same_files_give_the_same_bytes(packed, stage, tmp_path):
    tool = ROOT / "tools" / "pack.py"
    again = tmp_path / "again.zip"
    subprocess.run([sys.executable, tool, stage / "patrol_missions", again], check=True, capture_output=True)
    assert again.read_bytes() == packed.read_bytes()


def test_version_is_one(stage):
    tree = ast.parse((stage / "patrol_missions" / "__init__.py").read_text(encoding="utf-8"))
    versions = [
        node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__version__"
    ]
    assert versions == [metadata(stage)["version"]]
    assert metadata(stage)["changelog"].startswith(versions[0])
    assert f"## {versions[0]}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_metadata_names_what_we_support(stage):
    values = metadata(stage)
    assert values["qgisMinimumVersion"] == "3.22"
    assert values["qgisMaximumVersion"] == "4.99"
    assert values["hasProcessingProvider"] == "yes"  # without it qgis_process does not start the plugin
    # Dependencies must be named in About.
    for package in ("numpy", "scipy", "pandas", "lightgbm", "matplotlib", "holidays", "astral"):
        assert package in values["about"].lower()


def test_the_locks_pin_what_is_required():
    for name in ("requirements", "tools/requirements/test", "tools/requirements/lint"):
        wanted = {
            line.split(">")[0].split("=")[0].split("[")[0].strip()
            for line in (ROOT / f"{name}.txt").read_text().splitlines()
            if line.strip() and not line.startswith("#")
        }
        lines = (ROOT / f"{name}.lock").read_text().splitlines()
        pinned = {line.split("==")[0] for line in lines if line[:1].isalpha()}
        assert wanted <= pinned, name
        starts = [i for i, line in enumerate(lines) if line[:1].isalpha()]
        assert all("==" in lines[i] and "--hash=sha256:" in lines[i + 1] for i in starts), name


def spoilt(tmp_path: Path, packed: Path, change) -> Path:
    """A copy of the zip with one thing wrong."""
    target = tmp_path / "spoilt.zip"
    with zipfile.ZipFile(packed) as source, zipfile.ZipFile(target, "w") as copy:
        for entry in source.infolist():
            change(copy, entry, source.read(entry))
        change(copy, None, b"")
    return target


def adding(name: str, data: bytes = b"x", mode: int = 0o644):
    def change(copy, entry, content):
        if entry is None:
            entry, content = zipfile.ZipInfo(name), data
            entry.external_attr = mode << 16
        copy.writestr(entry, content)

    return change


def without(name: str):
    def change(copy, entry, content):
        if entry is not None and entry.filename != f"patrol_missions/{name}":
            copy.writestr(entry, content)

    return change


def with_metadata(old: str, new: str):
    def change(copy, entry, content):
        if entry is not None:
            if entry.filename.endswith("metadata.txt"):
                assert old.encode() in content
                content = content.replace(old.encode(), new.encode())
            copy.writestr(entry, content)

    return change


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (adding("other/file.txt"), "one root folder"),
        (adding("patrol_missions/.hidden"), "is hidden"),
        (adding("patrol_missions/__pycache__/a.cpython-311.pyc"), "forbidden folder"),
        (adding("patrol_missions/run.sh"), "kind that is blocked"),
        (adding("patrol_missions/core/x.py", mode=0o755), "is executable"),
        (adding("patrol_missions/../../etc/x"), "leads out"),
        (without("LICENSE"), "LICENSE is missing"),
        (without("metadata.txt"), "metadata.txt is missing"),
        (without("resources/icons/patrol_missions.svg"), "icon="),
        (with_metadata("tracker=https://", "tracker="), "no web address"),
        (with_metadata("version=", "version=v"), "MAJOR.MINOR.PATCH"),
        (with_metadata("email=", "address="), "lacks email"),
        (with_metadata("name=Patrol Missions", "name=Patrol Missions Plugin"), "should not say"),
        (with_metadata("server=False", "server=False\nsupportsQt6=True"), "supportsQt6"),
        (with_metadata("[general]", "[all]"), "cannot be read"),
    ],
)
def test_the_rules_find_what_the_site_rejects(packed, tmp_path, change, problem):
    assert any(problem in found for found in zip_problems(spoilt(tmp_path, packed, change)))


def test_the_rules_find_a_zip_that_is_too_large(tmp_path):
    large = tmp_path / "large.zip"
    with zipfile.ZipFile(large, "w") as archive:
        archive.writestr("patrol_missions/data.bin", b"\0" * LARGEST_ZIP)
    assert any("larger than" in found for found in zip_problems(large))


def test_metadata_that_lacks_everything_is_told_so():
    assert len(metadata_problems("[general]\n", set())) >= 9
