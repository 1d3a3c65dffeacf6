"""Other programs, run so that they can be heard line by line, cancelled at once and never left behind."""

from __future__ import annotations

import os
import queue
import signal
import subprocess  # nosec B404 - the one place where the plugin starts other programs
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Protocol

from patrol_missions.core.errors import Canceled, EngineError

_LATENCY_S = 0.1
_GRACE_S = 1.0
_LONGEST_LINE = 1 << 20
# What QGIS sets for its own Python, Qt and GDAL breaks another Python. PATH and LD_LIBRARY_PATH stay: Windows and
# clusters find a Python's own libraries by them.
_PRIVATE = ("PYTHON", "__PYVENV", "VIRTUAL_ENV", "CONDA_", "PROJ", "GDAL", "OGR", "QT", "QGIS", "QML", "DYLD_", "MPL")


class Feedback(Protocol):
    """The part of ``QgsProcessingFeedback`` that is used; QGIS's own objects fit, and so does :class:`Silence`."""

    def isCanceled(self) -> bool:  # noqa: N802 - QGIS's name
        """Whether the user wants it to stop."""

    def setProgress(self, progress: float) -> None:  # noqa: N802 - QGIS's name
        """How far it is, 0 to 100."""

    def setProgressText(self, text: str) -> None:  # noqa: N802 - QGIS's name
        """The step it is at."""

    def pushInfo(self, info: str) -> None:  # noqa: N802 - QGIS's name
        """A line for the log."""

    def pushWarning(self, warning: str) -> None:  # noqa: N802 - QGIS's name
        """Something the user should know."""

    def pushDebugInfo(self, info: str) -> None:  # noqa: N802 - QGIS's name
        """Something for whoever maintains the plugin."""

    def pushConsoleInfo(self, info: str) -> None:  # noqa: N802 - QGIS's name
        """What another program printed."""


class Silence:
    """Feedback for nobody."""

    def isCanceled(self) -> bool:  # noqa: N802 - QGIS's name
        """Never."""
        return False

    def setProgress(self, progress: float) -> None:  # noqa: N802 - QGIS's name
        """Say nothing."""

    def setProgressText(self, text: str) -> None:  # noqa: N802 - QGIS's name
        """Say nothing."""

    pushInfo = pushWarning = pushDebugInfo = pushConsoleInfo = setProgressText  # noqa: N815 - QGIS's names


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of this process without what QGIS set for itself, and with ``extra``."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(_PRIVATE)}
    return {**kept, **(extra or {})}


class Child:
    """A running program with its output as a stream of lines; a context manager that leaves nothing running.

    :param command: program and arguments
    :param folder: its working folder
    :param environment: its environment
    """

    def __init__(self, command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
        self._lines: queue.Queue[tuple[str, str | None]] = queue.Queue(maxsize=10_000)
        self._closing = threading.Event()
        self.last_words: deque[str] = deque(maxlen=200)
        """The end of what it wrote to standard error."""
        try:
            self._process = subprocess.Popen(  # nosec B603 - a list, no shell; the program is the user's own Python
                list(command),
                cwd=folder,
                env=dict(environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                **_own_group(),
            )
        except OSError as error:
            raise EngineError(
                f"The program {command[0]} cannot be started ({error.strerror or error}).",
                "Run Set up engine to make a new environment or to choose another Python.",
            ) from error
        self._readers = [
            threading.Thread(target=self._read, args=(name, stream), name=f"{name} of {self.pid}", daemon=True)
            for name, stream in (("stdout", self._process.stdout), ("stderr", self._process.stderr))
        ]
        for reader in self._readers:
            reader.start()

    def __enter__(self) -> Child:  # noqa: PYI034 - Self is newer than Python 3.9
        return self

    def __exit__(self, *exception: object) -> None:
        self.end()

    @property
    def pid(self) -> int:
        """Its process id, which is also the id of its group."""
        return self._process.pid

    def lines(self, feedback: Feedback) -> Iterator[tuple[str, str]]:
        """``("stdout" or "stderr", line)`` as they come, and ``("", "")`` every 0.1 s of silence, until it has ended.

        Cancelling ends the program, with everything it started, and raises :class:`Canceled`.
        """
        open_streams = {"stdout", "stderr"}
        rest_until: float | None = None
        while open_streams:
            if feedback.isCanceled():
                self.end()
                raise Canceled
            try:
                name, line = self._lines.get(timeout=_LATENCY_S)
            except queue.Empty:
                if self._process.poll() is not None:
                    # Something it started outlives it and holds its pipes open: end that, hear the rest, and go on.
                    if rest_until is None:
                        rest_until = time.monotonic() + _GRACE_S
                        self._signal(force=True)
                    if time.monotonic() > rest_until:
                        return
                yield "", ""
                continue
            if line is None:
                open_streams.discard(name)
            else:
                yield name, line

    def wait(self) -> int:
        """Its exit code (minus the signal that killed it), once it has closed its output; ends it after a grace."""
        try:
            return self._process.wait(timeout=_GRACE_S)
        except subprocess.TimeoutExpired:
            self.end()
            return self._process.returncode

    def end(self) -> None:
        """Ask the program and all it started to end, insist after a second, and let go of it."""
        self._closing.set()
        if self._process.poll() is None:
            self._signal(force=False)
            try:
                self._process.wait(timeout=_GRACE_S)
            except subprocess.TimeoutExpired:
                self._signal(force=True)
                self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()

    def _signal(self, force: bool) -> None:
        if sys.platform == "win32":
            self._process.kill()  # a venv's launcher takes the Python it started along
            return
        try:
            os.killpg(self.pid, signal.SIGKILL if force else signal.SIGTERM)
        except (ProcessLookupError, PermissionError):  # it ended meanwhile
            self._process.poll()

    def _read(self, name: str, stream: IO[bytes]) -> None:
        with stream:  # closed by the thread that reads it: closing it under a reader would wait for that reader
            for raw in iter(lambda: stream.readline(_LONGEST_LINE), b""):
                line = raw.decode("utf-8", errors="replace").rstrip("\r\n")
                if name == "stderr" and line.strip():
                    self.last_words.append(line.strip())
                self._put(name, line)
        self._put(name, None)

    def _put(self, name: str, line: str | None) -> None:
        while not self._closing.is_set():
            try:
                self._lines.put((name, line), timeout=_LATENCY_S)
            except queue.Full:
                continue
            return


def _own_group() -> dict[str, Any]:
    """Options that give a program a group of its own (so all of it can be ended) and, on Windows, no console window."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}
