"""The Makefile: what its commands promise, tried on small projects of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
VERBS = {"setup", "stage", "demo", "qgis", "test", "compat", "lint", "zip", "wheel", "bench", "clean", "help"}
GIT = ["git", "-c", "user.name=Test", "-c", "user.email=test@example.org"]


def run(*command: object, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS", "STAGE", "GIT_"))}
    return subprocess.run(
        list(map(str, command)), cwd=folder, env=clean | environment, capture_output=True, text=True, check=False
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A git checkout with our Makefile and tools, and a package of a few files."""
    files = {
        "patrol_missions/__init__.py": "first",
        "patrol_missions/gone.py": "",
        "patrol_missions/core/with space.py": "",
        "processing_algorithms/provider.py": "",
        "resources/icon.svg": "",
        "metadata.txt": "version=1.2.3\n",
        "LICENSE": "",
        "requirements.txt": "",
        "requirements.lock": "",
        "requirements-cluster.txt": "",
        "requirements-cluster.lock": "",
        "docs/page.md": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copytree(ROOT / "tools", tmp_path / "tools")
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "files"]):
        subprocess.run([*GIT, *command], cwd=tmp_path, check=True)
    return tmp_path


def test_help_names_every_command():
    ended = run("make", "help", folder=ROOT)
    listed = [line.split()[1] for line in ended.stdout.splitlines()]
    assert set(listed) >= VERBS
    assert all(len(line.split()) > 3 for line in ended.stdout.splitlines())


def test_ci_runs_make_test():
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    assert [line for line in lines if line.startswith("make")] == ["make test"]
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_stage_holds_the_tracked_files_as_they_are_now(project):
    (project / "patrol_missions" / "__init__.py").write_text("edited")
    (project / "patrol_missions" / "untracked.py").write_text("")
    (project / "patrol_missions" / "gone.py").unlink()  # deleted, but still in the index
    ended = run("make", "stage", folder=project)
    assert ended.returncode == 0, ended.stderr
    stage = project / "build" / "stage"
    assert {p.relative_to(stage).as_posix() for p in stage.rglob("*") if p.is_file()} == {
        "patrol_missions/__init__.py",
        "patrol_missions/core/with space.py",
        "patrol_missions/processing_algorithms/provider.py",
        "patrol_missions/resources/icon.svg",
        "patrol_missions/metadata.txt",
        "patrol_missions/LICENSE",
        "patrol_missions/requirements.txt",
        "patrol_missions/requirements.lock",
        "patrol_missions/requirements-cluster.txt",
        "patrol_missions/requirements-cluster.lock",
    }
    assert (stage / "patrol_missions" / "__init__.py").read_text() == "edited"


def test_stage_can_be_elsewhere_and_forgets_what_is_gone(project, tmp_path_factory):
    stage = tmp_path_factory.mktemp("elsewhere") / "stage"
    run("make", "stage", f"STAGE={stage}", folder=project)
    assert (stage / "patrol_missions" / "gone.py").exists()
    (project / "patrol_missions" / "gone.py").unlink()
    run("make", "stage", f"STAGE={stage}", folder=project)
    assert not (stage / "patrol_missions" / "gone.py").exists()
    assert not (project / "build").exists()


def test_stage_fails_outside_a_checkout(project):
    shutil.rmtree(project / ".git")
    assert run("make", "stage", folder=project).returncode != 0


def test_zip_is_named_by_its_version(project):
    ended = run("make", "zip", folder=project)
    assert ended.returncode == 0, ended.stderr
    assert (project / "dist" / "patrol_missions-1.2.3.zip").is_file()


@pytest.mark.parametrize(
    ("broken", "text", "code"),
    [
        (None, "", 0),
        ("qgis", "def test_it():\n    assert 1 == 2", 1),
        ("house", "", 1),  # no test found
        ("desktop", "def test_it(", 1),
    ],
)
def test_test_fails_when_a_folder_fails_or_is_empty(project, broken, text, code):
    if shutil.which("xvfb-run") is None:
        pytest.skip("XVFB ABSENT: xvfb-run is not installed.")
    for name in ("house", "engine", "qgis", "desktop"):
        folder = project / "tests" / name
        folder.mkdir(parents=True)
        (folder / f"test_{name}.py").write_text(text if name == broken else "def test_it():\n    assert True")
    python = project / "build" / "venv-qgis" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    plain = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PATROL_ENGINE_PYTHON": sys.executable}
    ended = run("tools/test.sh", "build/logs", folder=project, **plain)
    assert ended.returncode == code, ended.stdout
    summaries = ended.stdout.splitlines()[-4:]
    for name, line in zip(("house", "engine", "qgis", "desktop"), summaries):
        assert f"tests/{name}, exit code" in line
        assert ("1 passed" in line) == (name != broken)


def test_an_environment_is_made_once_and_anew_when_its_lock_changes_and_never_without_hashes(tmp_path):
    lock, folder = tmp_path / "some.lock", tmp_path / "venv"
    make = (ROOT / "tools" / "environment.sh", folder, sys.executable, lock)
    lock.write_text("")
    assert "Making" in run(*make, folder=tmp_path).stdout
    (folder / "mark").write_text("")
    assert run(*make, folder=tmp_path).stdout == ""
    assert (folder / "mark").exists()
    lock.write_text("pytest==9.2.0\n")
    ended = run(*make, folder=tmp_path)
    assert "Making" in ended.stdout
    assert ended.returncode != 0
    assert "hash" in ended.stderr.lower()
    assert not (folder / "mark").exists()
    assert not (folder / ".recipe").exists()  # so that it is not taken for made the next time
