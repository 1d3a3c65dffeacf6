"""Making the engine's private environment: a Python of the user's own, ``venv``, and ``pip`` with pinned hashes."""

from __future__ import annotations

import re
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote, urlsplit

from qgis.core import QgsNetworkAccessManager
from qgis.PyQt.QtNetwork import QNetworkProxy

from patrol_missions.bridge.environment import INSTALLED_MB, EngineEnvironment, Stamp, fingerprint
from patrol_missions.bridge.processes import Child, Feedback, clean_environment
from patrol_missions.core.errors import EngineError

_REQUIREMENT = re.compile(r"^[A-Za-z0-9]\S*==", re.MULTILINE)
_PACKAGE = re.compile(r"(?:Collecting|Requirement already satisfied:) ([\w.-]+)|Processing .*?([\w.]+)-\d[^/\\]*$")
_PROBE = "import sys, venv; print('fit' if sys.version_info >= (3, 9) else 'old')"
_ANOTHER = "Name another Python (3.9 or newer) in Set up engine."


def create(environment: EngineEnvironment, feedback: Feedback, base_python: Path | None = None) -> Path:
    """Make the private environment, or go on where an earlier attempt stopped; the environment's Python.

    :param base_python: the Python to make it with, by default the one QGIS itself runs on
    :raises Canceled: what was fetched so far is kept for the next attempt
    :raises EngineError: one sentence and a remedy
    """
    earlier = environment.stamp()
    _check_space(environment)
    feedback.setProgressText("Making an environment for the engine")
    _mark(environment, ready=False)
    if base_python is not None or not _has_pip(environment, feedback):
        _make(environment, base_python or find_python(feedback), feedback)
        _mark(environment, ready=False)
        earlier = None
    feedback.setProgress(5)
    _install(environment, feedback, half_done=earlier is not None and not earlier.ready)
    feedback.setProgress(90)
    feedback.setProgressText("Checking the engine")
    environment.check(feedback, environment.private_python)
    _mark(environment, ready=True)
    environment.use_private()
    feedback.setProgress(100)
    return environment.private_python


def _mark(environment: EngineEnvironment, ready: bool) -> None:
    size_mb = environment.size_mb() if ready else 0
    try:
        environment.write_stamp(Stamp(ready, fingerprint(environment.requirements), size_mb))
    except OSError as error:
        raise EngineError(
            f"{environment.folder} could not be written ({error.strerror or error}).",
            "Free some space, or make the folder of your QGIS profile writable.",
        ) from error


def find_python(feedback: Feedback) -> Path:
    """A Python that can make environments, QGIS's own first; :class:`EngineError` when there is none."""
    tried = []
    for candidate in dict.fromkeys(_candidates()):
        if not candidate.is_file():
            continue
        tried.append(str(candidate))
        try:
            code, lines = _run([str(candidate), "-I", "-c", _PROBE], Path(tempfile.gettempdir()), feedback, quiet=True)
        except EngineError:  # it does not start; the next may
            continue
        if code == 0 and "fit" in lines:
            return candidate
    looked = f" (tried {', '.join(tried)})" if tried else ""
    raise EngineError(f"No Python 3.9 or newer was found to make an environment with{looked}.", _ANOTHER)


def _candidates() -> Iterator[Path]:
    """Where a Python may be; on Windows and macOS ``sys.executable`` may be QGIS itself, which would start again."""
    major_minor = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    prefixes = [Path(p) for p in (sys.base_exec_prefix, sys.exec_prefix, sys.base_prefix)]
    if sys.platform == "win32":
        # OSGeo4W: apps\Python312 is the prefix; bin\python3.exe needs variables that a clean environment lacks.
        yield from (prefix / name for prefix in prefixes for name in ("python.exe", "python3.exe"))
        return
    executable = Path(sys.executable or "")
    if executable.name.startswith("python"):
        yield executable
    if sys.platform == "darwin":  # QGIS.app/Contents/MacOS/QGIS, with its Python in MacOS/bin
        yield from (executable.parent / "bin" / name for name in (major_minor, "python3"))
    yield from (prefix / "bin" / name for prefix in prefixes for name in (major_minor, "python3"))
    built_for = sysconfig.get_config_var("BINDIR")
    if built_for:
        yield Path(built_for) / major_minor
    for name in (major_minor, "python3"):
        found = shutil.which(name)
        if found:
            yield Path(found)


def _check_space(environment: EngineEnvironment) -> None:
    place = environment.folder
    while not place.exists():
        place = place.parent
    free_mb = shutil.disk_usage(place).free / 1e6
    needed_mb = INSTALLED_MB - (environment.size_mb() if environment.folder.exists() else 0)
    if free_mb < needed_mb:
        raise EngineError(
            f"The engine needs {needed_mb:.0f} MB more in {environment.folder}, and {free_mb:.0f} MB are free.",
            "Free some space, or name an existing Python in Set up engine.",
        )


def _has_pip(environment: EngineEnvironment, feedback: Feedback) -> bool:
    python = environment.private_python
    if not python.is_file():
        return False
    return _run([str(python), "-I", "-m", "pip", "--version"], environment.folder, feedback, quiet=True)[0] == 0


def _make(environment: EngineEnvironment, base: Path, feedback: Feedback) -> None:
    feedback.pushInfo(f"{base} makes an environment in {environment.folder}.")
    command = [str(base), "-I", "-m", "venv", "--clear", str(environment.folder)]
    code, lines = _run(command, environment.folder.parent, feedback)
    if code == 0:
        return
    text = "\n".join(lines)
    remedy = re.search(r"^\s*((?:apt|apt-get|dnf|yum|zypper) install \S+)", text, re.MULTILINE)
    if remedy or "ensurepip" in text:
        command_line = f"sudo {remedy[1]}" if remedy else "sudo apt install python3-venv"
        raise EngineError(
            f"The Python at {base} cannot make environments, because its system lacks the package for it.",
            f"Install it with: {command_line} - then run Set up engine again.",
        )
    raise EngineError(f"The Python at {base} could not make an environment: {_last(lines)}.", _ANOTHER)


def _install(environment: EngineEnvironment, feedback: Feedback, half_done: bool) -> None:
    """Have pip fetch and install what the requirements pin; its own words go to the log."""
    command = [str(environment.private_python), "-I", "-m", "pip", "install", "--no-input", "--progress-bar", "off"]
    command += ["--disable-pip-version-check", "--only-binary", ":all:"]
    command += ["--require-hashes", "-r", str(environment.requirements)]
    if half_done:
        command.append("--force-reinstall")  # a package may have been half written when it stopped
    wanted = len(_REQUIREMENT.findall(environment.requirements.read_text(encoding="utf-8")))
    fetched = 0
    lines: list[str] = []
    with Child(command, environment.folder, clean_environment({**proxy_variables(), "PIP_USER": "0"})) as child:
        for _stream, line in child.lines(feedback):
            if not line.strip():
                continue
            lines.append(line)
            feedback.pushConsoleInfo(line)
            package = _PACKAGE.match(line)
            if package:
                fetched += 1
                feedback.setProgress(5 + 65 * min(fetched / max(wanted, 1), 1.0))
                feedback.setProgressText(f"Fetching {package[1] or package[2]}")
            elif line.startswith("Ignoring "):  # meant for another version of Python
                wanted -= 1
            elif line.startswith("Installing collected packages"):
                feedback.setProgress(75)
                feedback.setProgressText("Installing the packages")
        code = child.wait()
    if code != 0:
        raise _pip_error(lines)


def _pip_error(lines: Sequence[str]) -> EngineError:
    text = "\n".join(lines)
    reason = next((line[7:].strip() for line in reversed(lines) if line.startswith("ERROR: ")), _last(lines))
    if "DO NOT MATCH THE HASHES" in text:
        return EngineError(
            "A package that was downloaded is not the one that the plugin's authors tested (its hash differs).",
            "Check what stands between this computer and pypi.org (a proxy or mirror), and run Set up engine again.",
        )
    if "No space left" in text or "Errno 28" in text:
        return EngineError("The disk is full.", "Free some space and run Set up engine again.")
    if re.search(r"connection|resolution|getaddrinfo|ProxyError|Max retries|SSLError|timed out", text, re.IGNORECASE):
        return EngineError(
            f"The packages could not be downloaded ({reason}).",
            "Check the internet connection and the proxy in QGIS's options (Network), and run Set up engine again; "
            "it goes on where it stopped.",
        )
    return EngineError(f"The packages could not be installed: {reason}.", _ANOTHER)


def proxy_variables() -> dict[str, str]:
    """QGIS's proxy as the environment variables that pip reads; empty where QGIS leaves it to the system."""
    manager = QgsNetworkAccessManager.instance()
    proxy = manager.fallbackProxy()
    schemes = {
        QNetworkProxy.ProxyType.HttpProxy: "http",
        QNetworkProxy.ProxyType.HttpCachingProxy: "http",
        QNetworkProxy.ProxyType.Socks5Proxy: "socks5h",
    }
    if proxy.type() not in schemes or not proxy.hostName():
        return {}
    account = f"{quote(proxy.user(), safe='')}:{quote(proxy.password(), safe='')}@" if proxy.user() else ""
    address = f"{schemes[proxy.type()]}://{account}{proxy.hostName()}:{proxy.port()}"
    direct = {urlsplit(url).hostname or url for url in (*manager.excludeList(), *manager.noProxyList()) if url}
    variables = {"HTTP_PROXY": address, "HTTPS_PROXY": address, "http_proxy": address, "https_proxy": address}
    if direct:
        variables.update(dict.fromkeys(("NO_PROXY", "no_proxy"), ",".join(sorted(direct))))
    return variables


def _run(command: Sequence[str], folder: Path, feedback: Feedback, quiet: bool = False) -> tuple[int, list[str]]:
    """Run a program to its end: exit code and lines; what it says goes to the log as well."""
    lines = []
    with Child(command, folder, clean_environment()) as child:
        for _stream, line in child.lines(feedback):
            if line.strip():
                lines.append(line.strip())
                if not quiet:
                    feedback.pushConsoleInfo(line)
        return child.wait(), lines


def _last(lines: Sequence[str]) -> str:
    return lines[-1].rstrip(".") if lines else "it gave no reason"
