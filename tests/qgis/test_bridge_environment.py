"""The engine's environment: made by real venv and pip, cancelled, resumed, refused, removed; each with a sentence."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from qgis.core import QgsNetworkAccessManager, QgsProcessingException, QgsSettings

from patrol_missions.bridge import environment as module
from patrol_missions.bridge import setup
from patrol_missions.bridge.environment import SETTING, VARIABLE, EngineEnvironment, Stamp, can_execute, fingerprint
from patrol_missions.bridge.processes import Silence
from patrol_missions.core.errors import Canceled, EngineError


class Tiny(EngineEnvironment):
    """An environment of one small package; the engine itself would not start in it, so that is not asked for."""

    def check(self, feedback=None, python=None):
        imported = subprocess.run([str(python), "-I", "-c", "import cycler; print(cycler.__version__)"], check=True)
        return {"python": imported.returncode}


@pytest.fixture(autouse=True)
def no_python_named(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    QgsSettings().remove(SETTING)
    yield
    QgsSettings().remove(SETTING)


@pytest.fixture(scope="module")
def one_package(tmp_path_factory) -> Path:
    """A requirements file with one pure-Python package, pinned and hashed as in the plugin's own."""
    text = module.REQUIREMENTS.read_text(encoding="utf-8")
    block = re.search(r"^cycler==.*?(?=^\w)", text, re.MULTILINE | re.DOTALL)[0]
    path = tmp_path_factory.mktemp("requirements") / "requirements.lock"
    path.write_text(re.sub(r"^\s*#.*\n", "", block, flags=re.MULTILINE), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory, one_package, qgis_application) -> EngineEnvironment:
    """An environment made once; tests leave it usable."""
    made = Tiny(tmp_path_factory.mktemp("profile") / "engine", one_package)
    setup.create(made, Silence())
    return made


# --- states


def test_every_state_has_a_sentence_with_its_remedy(tmp_path, one_package):
    engine = EngineEnvironment(tmp_path / "engine", one_package)
    assert engine.problem().startswith("The engine is not set up. Run Set up engine")
    engine.write_stamp(Stamp(ready=False, requirements="x"))
    assert engine.problem().startswith("The set-up of the engine was not finished, and goes on where it stopped. Run")
    engine.write_stamp(Stamp(ready=True, requirements=fingerprint(one_package)))
    assert engine.problem().startswith(f"The engine's environment in {engine.folder} is damaged. Run")
    engine.private_python.parent.mkdir()
    engine.private_python.write_text("")
    assert engine.problem() == ""
    assert engine.python() == engine.private_python
    engine.write_stamp(Stamp(ready=True, requirements="older"))
    assert engine.problem().startswith("The engine was set up for another version of the plugin")
    (engine.folder / "patrol_missions_engine.json").write_text("{half")
    assert "not finished" in engine.problem()
    with pytest.raises(EngineError, match="not finished"):
        engine.python()


def test_a_named_python_wins_and_a_missing_one_is_named(tmp_path, monkeypatch):
    engine = EngineEnvironment(tmp_path / "engine")
    QgsSettings().setValue(SETTING, sys.executable)
    assert engine.python() == Path(sys.executable)
    QgsSettings().setValue(SETTING, "/no/python")
    assert engine.problem().startswith("The Python that the engine setting names, /no/python, does not exist. Run")
    monkeypatch.setenv(VARIABLE, sys.executable)
    assert engine.python() == Path(sys.executable)
    monkeypatch.setenv(VARIABLE, "/no/other")
    assert f"environment variable {VARIABLE} names, /no/other, does not exist" in engine.problem()


def test_the_answer_for_menus_is_fast_and_starts_no_process(monkeypatch):
    def forbidden(*_arguments, **_options):
        raise AssertionError("a process was started")

    monkeypatch.setattr(subprocess, "Popen", forbidden)
    can_execute()
    took = []
    for _ in range(20):
        start = time.perf_counter()
        fine, sentence = can_execute()
        took.append(time.perf_counter() - start)
    assert not fine
    assert sentence.startswith("The engine is not set up.")
    assert sorted(took)[10] < 0.005


# --- an existing Python


def test_an_existing_python_is_taken_once_it_has_proved_fit(tmp_path, engine_python):
    engine = EngineEnvironment(tmp_path / "engine")
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    with pytest.raises(EngineError, match=r"lightgbm is missing.*-m pip install --upgrade"):
        engine.use(bare / "bin" / "python")
    assert engine.chosen() is None
    answer = engine.use(engine_python)
    assert "pandas" in answer["packages"]
    assert engine.python() == engine_python
    assert engine.check()["packages"] == answer["packages"]


# --- a private one


def test_a_python_is_found_that_is_no_qgis():
    python = setup.find_python(Silence())
    assert python.name.startswith("python")
    subprocess.run([str(python), "-I", "-c", "import sys; assert sys.version_info >= (3, 9)"], check=True)


def test_without_any_python_there_is_a_sentence(monkeypatch, tmp_path):
    fake = tmp_path / "python3"
    fake.write_text("#!/bin/sh\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setattr(setup, "_candidates", lambda: iter([tmp_path / "missing", fake]))
    with pytest.raises(EngineError, match=rf"No Python 3\.9 .*tried {fake}\)\. Name another Python"):
        setup.find_python(Silence())


class CancelAt(Silence):
    """Cancels when a step is reached."""

    def __init__(self, step: str = "never") -> None:
        self.step, self.texts, self.lines, self.progress = step, [], [], []

    def isCanceled(self) -> bool:  # noqa: N802
        return any(self.step in text for text in self.texts)

    def setProgress(self, progress: float) -> None:  # noqa: N802
        self.progress.append(progress)

    def setProgressText(self, text: str) -> None:  # noqa: N802
        self.texts.append(text)

    def pushConsoleInfo(self, info: str) -> None:  # noqa: N802
        self.lines.append(info)


def test_cancelled_then_resumed_then_removed(tmp_path, one_package):
    engine = Tiny(tmp_path / "engine", one_package)
    with pytest.raises(Canceled):
        setup.create(engine, CancelAt("Fetching cycler"))
    assert "not finished" in engine.problem()
    assert engine.private_python.is_file(), "what was made is kept"
    made = engine.private_python.stat().st_ctime_ns

    feedback = CancelAt()
    assert setup.create(engine, feedback) == engine.private_python
    assert engine.private_python.lstat().st_ctime_ns == made or engine.private_python.stat().st_ctime_ns == made
    assert engine.problem() == ""
    assert feedback.progress == sorted(feedback.progress)
    assert feedback.progress[-1] == 100
    assert any("Successfully installed cycler" in line for line in feedback.lines), "pip's own words are in the log"
    stamp = engine.stamp()
    assert stamp.ready
    assert stamp.size_mb == pytest.approx(engine.size_mb(), abs=1)

    engine.remove()
    assert not engine.folder.exists()
    assert engine.problem().startswith("The engine is not set up.")
    engine.remove()


def test_a_changed_requirement_is_fetched_into_the_same_environment(made, one_package, tmp_path):
    changed = tmp_path / "requirements.lock"
    changed.write_text("# a newer plugin\n" + one_package.read_text(encoding="utf-8"), encoding="utf-8")
    newer = Tiny(made.folder, changed)
    assert "another version of the plugin" in newer.problem()
    setup.create(newer, Silence())
    assert newer.problem() == ""
    made.write_stamp(Stamp(True, fingerprint(one_package)))


@pytest.mark.parametrize(
    ("lines", "variables", "sentence"),
    [
        ("cycler==0.12.1 --hash=sha256:" + "0" * 64, {}, r"not the one that the plugin's authors tested"),
        (
            "cycler==99.0 --hash=sha256:" + "0" * 64,
            {},
            r"could not be installed: No matching distribution found for cycler",
        ),
        (
            "no-such-package==1 --hash=sha256:" + "0" * 64,
            {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "1"},
            r"could not be downloaded .*Check the internet connection and the proxy",
        ),
    ],
)
def test_what_pip_refuses_has_a_sentence(made, tmp_path, monkeypatch, lines, variables, sentence):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    requirements = tmp_path / "requirements.lock"
    requirements.write_text(lines + "\n", encoding="utf-8")
    engine = Tiny(made.folder, requirements)
    engine.write_stamp(Stamp(ready=False, requirements="x"))
    with pytest.raises(EngineError, match=sentence):
        setup.create(engine, Silence())
    assert not engine.stamp().ready


def test_debian_without_venv_is_told_the_command(tmp_path, one_package):
    python = tmp_path / "python3"
    python.write_text(
        "#!/bin/sh\n"
        "echo 'The virtual environment was not created successfully because ensurepip is not'\n"
        "echo 'available.  On Debian/Ubuntu systems, you need to install the python3-venv'\n"
        "echo 'package using the following command.'\n"
        "echo\necho '    apt install python3.11-venv'\nexit 1\n"
    )
    python.chmod(0o755)
    with pytest.raises(EngineError, match=r"cannot make environments.*sudo apt install python3\.11-venv"):
        setup.create(Tiny(tmp_path / "engine", one_package), Silence(), python)


def test_a_python_that_cannot_make_environments_gives_its_reason(tmp_path, one_package):
    python = tmp_path / "python3"
    python.write_text("#!/bin/sh\necho 'it is broken' >&2\nexit 1\n")
    python.chmod(0o755)
    with pytest.raises(EngineError, match=r"could not make an environment: it is broken\. Name another Python"):
        setup.create(Tiny(tmp_path / "engine", one_package), Silence(), python)


def test_too_little_room_is_seen_before_anything_is_fetched(tmp_path, one_package, monkeypatch):
    monkeypatch.setattr(setup, "INSTALLED_MB", 10**9)
    with pytest.raises(EngineError, match=r"The engine needs 1000000000 MB more in .*engine, and \d+ MB are free"):
        setup.create(Tiny(tmp_path / "new" / "engine", one_package), Silence())
    assert not (tmp_path / "new").exists()


def test_a_profile_that_cannot_be_written_has_a_sentence(tmp_path, one_package):
    (tmp_path / "file").write_text("")
    with pytest.raises(EngineError, match="could not be written"):
        setup.create(Tiny(tmp_path / "file" / "engine", one_package), Silence())


def test_a_folder_that_is_not_ours_is_never_removed(tmp_path):
    folder = tmp_path / "precious"
    folder.mkdir()
    (folder / "thesis.txt").write_text("years of work")
    EngineEnvironment(folder).remove()
    assert (folder / "thesis.txt").exists()


# --- the proxy


@pytest.fixture
def proxy():
    def use(**settings) -> dict[str, str]:
        for name, value in settings.items():
            QgsSettings().setValue(f"proxy/{name}", value)
        QgsNetworkAccessManager.instance().setupDefaultProxyAndCache()
        return setup.proxy_variables()

    yield use
    for name in QgsSettings().allKeys():
        if name.startswith("proxy/"):
            QgsSettings().remove(name)
    QgsNetworkAccessManager.instance().setupDefaultProxyAndCache()


def test_qgiss_proxy_is_pips_proxy(proxy):
    assert proxy() == {}
    found = proxy(
        proxyEnabled=True,
        proxyType="HttpProxy",
        proxyHost="px.example",
        proxyPort="3128",
        proxyUser="me@work",
        proxyPassword="p:w/",
        noProxyUrls=["https://intra.example/x"],
    )
    assert found["HTTPS_PROXY"] == found["http_proxy"] == "http://me%40work:p%3Aw%2F@px.example:3128"
    assert found["NO_PROXY"] == "intra.example"
    assert proxy(proxyType="Socks5Proxy", proxyUser="")["HTTPS_PROXY"] == "socks5h://px.example:3128"
    assert proxy(proxyType="DefaultProxy") == {}


# --- the algorithm


def run(processing, **parameters):
    return processing.run("patrolmissions:setupengine", parameters)


def test_the_algorithm_checks_uses_and_removes(processing, engine_python, feedback):
    with pytest.raises(QgsProcessingException, match=r"The engine is not set up\."):
        run(processing, ACTION=2)
    assert run(processing, ACTION=1, PYTHON=str(engine_python))["ENGINE_PYTHON"] == str(engine_python)
    answer = processing.run("patrolmissions:setupengine", {"ACTION": 2}, feedback=feedback)
    assert answer["ENGINE_PYTHON"] == str(engine_python)
    assert any(line.startswith("pandas ") for line in feedback.lines)
    assert run(processing, ACTION=3)["ENGINE_PYTHON"] == ""
    assert EngineEnvironment().chosen() is None


def test_the_algorithm_refuses_what_cannot_be(processing):
    with pytest.raises(QgsProcessingException, match=r"Name the Python to use\."):
        run(processing, ACTION=1)
    with pytest.raises(QgsProcessingException, match="/no/python does not exist"):
        run(processing, ACTION=1, PYTHON="/no/python")


def test_the_algorithm_says_when_the_variable_wins(processing, engine_python, feedback, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(engine_python))
    answer = processing.run("patrolmissions:setupengine", {"ACTION": 2}, feedback=feedback)
    assert answer["ENGINE_PYTHON"] == os.environ[VARIABLE]
    assert feedback.warnings == [
        f"The environment variable {VARIABLE} is set: its Python is used whatever the settings say."
    ]
