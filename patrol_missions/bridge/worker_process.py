"""One job, done by a worker process in the engine's own Python."""

from __future__ import annotations

import shutil
import signal
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import patrol_missions
from patrol_missions.bridge.processes import Child, Feedback, Silence, clean_environment
from patrol_missions.core import messages
from patrol_missions.core.errors import EngineError, PatrolError, WorkerError, from_kind, is_disk_full
from patrol_missions.core.jobs import Job, JobResult, read_result, write_job

_PLUGINS = Path(patrol_missions.__file__).resolve().parent.parent
# The plugin's own copy is run. Its neighbours are other plugins and must not be mistaken for packages, so the path is
# there only until the package is found.
_BOOTSTRAP = (
    "import sys; "
    "sys.version_info >= (3, 9) or sys.exit('it is Python %d.%d, and 3.9 is needed' % sys.version_info[:2]); "
    "sys.path.insert(0, sys.argv[1]); import patrol_missions; del sys.path[0]; "
    "from patrol_missions.engine.worker import main; main(sys.argv[2:])"
)
_HELLO_WITHIN_S = 60.0
_LAST_WORDS_S = 1.0  # for what libraries still print when the job is done
_MOST_STRAY_LINES = 500
_SET_UP = "Run Set up engine to make a new environment or to choose another Python."
_LESS_MEMORY = "Close other programs, use larger cells or fewer years of history, or use a computer with more memory."
_AGAIN = "Run the step again; if it happens again, report it with the log of this step."
_RESTART = "Restart QGIS so that both sides use the same version of the plugin."


def run_job(
    python: str | Path, job: Job, feedback: Feedback | None = None, keep: Mapping[str, Path] | None = None
) -> JobResult:
    """Have the engine do a job, and return its answer with all tables loaded.

    :param python: the engine's Python (:meth:`EngineEnvironment.python`)
    :param job: what to do
    :param feedback: hears progress, log and warnings, and may cancel
    :param keep: where to move output files to, by the names the job gives them; others go with the job folder.
        The files of the answer are those kept, by their new paths.
    :raises Canceled: the user cancelled; the worker is gone
    :raises PatrolError: anything else, in one sentence for the user
    """
    feedback = feedback or Silence()
    folder = _make_folder()
    try:
        try:
            write_job(folder, job)
        except OSError as error:
            raise _cannot_write(error, folder) from error
        command = [str(python), "-I", "-u", "-X", "utf8", "-c", _BOOTSTRAP, str(_PLUGINS), str(folder)]
        with Child(command, folder, clean_environment()) as child:
            _Conversation(child, str(python), feedback).hold()
            result = read_result(folder)
            return replace(result, files=_keep(folder, result.files, keep or {}))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Conversation:
    """What is said between a worker's first words and its last."""

    def __init__(self, child: Child, python: str, feedback: Feedback) -> None:
        self._child = child
        self._python = python
        self._feedback = feedback
        self._greeted = False
        self._stray_lines = 0
        self._step = ""

    def hold(self) -> None:
        """Listen until the worker has said how it ended and fallen silent; raise what it says, or how it died."""
        late = time.monotonic() + _HELLO_WITHIN_S
        end: messages.Message | None = None
        for stream, line in self._child.lines(self._feedback):
            message = messages.decode(line) if stream == "stdout" else None
            if message is not None:
                self._take(message)
            elif line.strip():
                self._stray(line)
            if end is None and isinstance(message, (messages.Result, messages.Error)):
                end, late = message, time.monotonic() + _LAST_WORDS_S
            if time.monotonic() > late and end is not None:
                break
            if time.monotonic() > late and not self._greeted:
                raise EngineError(f"The Python at {self._python} did not start the engine within a minute.", _SET_UP)
        code = self._child.wait()
        if end is None:
            raise self._death(code)
        if isinstance(end, messages.Error):
            raise from_kind(end.kind, end.message, end.hint)

    def _take(self, message: messages.Message) -> None:
        """Pass one message on."""
        feedback = self._feedback
        if isinstance(message, messages.Hello):
            self._greet(message)
        elif not self._greeted:
            raise WorkerError("The engine spoke before it said which version it is.", _RESTART)
        elif isinstance(message, messages.Progress):
            feedback.setProgress(100.0 * message.fraction)
            if message.text and message.text != self._step:  # each text is a line of the log
                self._step = message.text
                feedback.setProgressText(message.text)
        elif isinstance(message, messages.Warning):
            feedback.pushWarning(message.text)
        elif isinstance(message, messages.Log):
            feedback.pushInfo(message.text)
        elif isinstance(message, messages.Error) and message.traceback:
            feedback.pushDebugInfo(message.traceback)

    def _greet(self, hello: messages.Hello) -> None:
        ours = (patrol_missions.__version__, messages.SCHEMA)
        if (hello.version, hello.schema) != ours:
            raise WorkerError(
                f"The engine is version {hello.version} (format {hello.schema}) of Patrol Missions, "
                f"and QGIS runs version {ours[0]} (format {ours[1]}).",
                _RESTART,
            )
        self._greeted = True
        self._feedback.pushDebugInfo(f"Engine: Python {hello.python} at {self._python}, process {hello.pid}.")

    def _stray(self, line: str) -> None:
        """Log what is no message: prints of libraries, half lines; a flood of them must not drown QGIS's log."""
        self._stray_lines += 1
        if self._stray_lines <= _MOST_STRAY_LINES:
            self._feedback.pushConsoleInfo(line[:2000])
        elif self._stray_lines == _MOST_STRAY_LINES + 1:
            self._feedback.pushConsoleInfo("The engine prints more; it is not shown.")

    def _death(self, code: int) -> PatrolError:
        """The sentence for a worker that ended without a last message."""
        last = self._child.last_words[-1] if self._child.last_words else ""
        if "MemoryError" in last or "bad_alloc" in last or code == 0xC0000017:  # Windows: STATUS_NO_MEMORY
            return WorkerError("The engine ran out of memory.", _LESS_MEMORY)
        if code == -9:
            return WorkerError(
                "The engine was killed (SIGKILL), most often because the computer ran out of memory.", _LESS_MEMORY
            )
        if code < 0:
            return WorkerError(f"The engine crashed or was ended from outside ({_signal_name(-code)}).", _AGAIN)
        if not self._greeted:
            reason = last or f"exit code {code}"
            return EngineError(f"The Python at {self._python} cannot run the engine: {reason}.", _SET_UP)
        reason = f"; its last words were: {last}" if last else ""
        return WorkerError(f"The engine ended without a result (exit code {_exit_code(code)}{reason}).", _AGAIN)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _exit_code(code: int) -> str:
    return hex(code) if code > 0xFFFF else str(code)  # Windows reports crashes as large status codes


def _make_folder() -> Path:
    try:
        return Path(tempfile.mkdtemp(prefix="patrol_missions_"))
    except OSError as error:
        raise WorkerError(
            f"No temporary folder can be made ({error.strerror or error}).",
            "Free some space, or set the environment variable TMPDIR to a folder that can be written to.",
        ) from error


def _cannot_write(error: OSError, target: Path) -> PatrolError:
    if is_disk_full(error):
        return WorkerError(f"The disk is full: {target} could not be written.", "Free some space and run it again.")
    reason = error.strerror or str(error)
    return WorkerError(f"{target} could not be written ({reason}).", "Choose another place and run it again.")


def _keep(folder: Path, files: Mapping[str, str], keep: Mapping[str, Path]) -> dict[str, str]:
    """Move the wanted output files to their destinations."""
    kept = {}
    for name, destination in keep.items():
        if name not in files:
            raise WorkerError(f"The engine made no file “{name}”.", _AGAIN)
        # Moved beside it first: a reader never finds half a file, nor loses the old one when the disk is full.
        partial = destination.with_name(f".{destination.name}.part")
        try:
            destination.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(folder / files[name], partial)
            partial.replace(destination)
        except OSError as error:
            with suppress(OSError):
                partial.unlink()
            raise _cannot_write(error, destination) from error
        kept[name] = str(destination)
    return kept
