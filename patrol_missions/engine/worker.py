"""The worker: a process that does one job and says on standard output, in JSON lines, how it goes.

Standard output belongs to the messages alone: what libraries print goes to standard error. Standard input says whether
whoever started the worker still lives: when it closes, the worker ends at once and takes its job folder along.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from patrol_missions import __version__
from patrol_missions.core import messages
from patrol_missions.core.errors import EngineError, PatrolError, is_disk_full
from patrol_missions.engine import memory

_LOOK_IN_LOG = "The log has the details for whoever maintains the plugin; please report them."


def main(arguments: Sequence[str] | None = None) -> None:
    """Do the job in the folder that the first argument names."""
    memory.give_back_early()
    folder = Path((sys.argv[1:] if arguments is None else arguments)[0])
    send = _Sender(_reserve_stdout())
    _end_with_parent(folder)
    _forward_logging(send)
    send(messages.Hello(__version__, messages.SCHEMA, sys.version.split()[0], os.getpid()))
    send(_run(folder, send))


class _Sender:
    """Writes messages to a file descriptor, each whole, from any thread; progress at most every 50 ms."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()
        self._last_progress = -1.0

    def __call__(self, message: messages.Message) -> None:
        if isinstance(message, messages.Progress):
            now = time.monotonic()
            if not message.text and now - self._last_progress < 0.05:
                return
            self._last_progress = now
        data = memoryview((messages.encode(message) + "\n").encode("ascii"))
        with self._lock:
            while data:
                data = data[os.write(self._descriptor, data) :]


def _reserve_stdout() -> int:
    """Keep standard output for messages and turn everything else that is printed to standard error."""
    reserved = os.dup(1)
    os.dup2(2, 1)
    return reserved


def _end_with_parent(folder: Path) -> None:
    """Watch standard input in a thread of its own: no orphan outlives QGIS, however QGIS died."""
    lifeline = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)  # so that no library reads from, or hands on, the lifeline
    os.close(nothing)

    def watch() -> None:
        while os.read(lifeline, 1024):
            pass
        shutil.rmtree(folder, ignore_errors=True)  # incidents must not lie about in the temporary folder
        os._exit(1)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()


def _forward_logging(send: _Sender) -> None:
    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            send(messages.Log(f"{record.levelname.capitalize()}: {self.format(record)}"))

    logging.basicConfig(handlers=[Handler()], level=logging.WARNING)
    logging.getLogger("patrol_missions").setLevel(logging.INFO)
    logging.captureWarnings(True)


def _run(folder: Path, send: _Sender) -> messages.Message:
    """Do the job; the message that tells how it ended."""
    try:
        _do(folder, send)
    except PatrolError as error:
        return messages.Error(error.kind, error.message, error.hint)  # the user's to mend, so nothing to trace
    except ImportError as error:
        return _import_error(error)
    except MemoryError:
        return _memory_error()
    except OSError as error:
        if is_disk_full(error):
            return _error(
                "worker",
                f"The disk is full: {error.filename or folder} could not be written.",
                "Free some space on the disk that holds the temporary folder and the outputs, and run the step again.",
            )
        return _internal_error(error)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it is, the user gets a sentence
        return _memory_error() if "bad_alloc" in str(error) else _internal_error(error)
    return messages.Result()


def _do(folder: Path, send: _Sender) -> None:
    from patrol_missions.core.jobs import read_job, write_result  # these need numpy, which may be what is missing
    from patrol_missions.engine.context import JobContext
    from patrol_missions.engine.jobs import find

    job = read_job(folder)
    write_result(folder, find(job.name)(job.parameters, job.tables, JobContext(folder, send)))


def _error(kind: str, message: str, hint: str) -> messages.Error:
    return messages.Error(kind, message, hint, traceback.format_exc())


def _import_error(error: ImportError) -> messages.Error:
    """Name every package this Python lacks; if it lacks none, the fault is the plugin's own."""
    from patrol_missions.engine import about

    try:
        about.require(about.packages())
    except EngineError as problem:
        return _error(problem.kind, problem.message, problem.hint)
    return _internal_error(error)


def _memory_error() -> messages.Error:
    return _error(
        "worker",
        "The engine ran out of memory.",
        "Close other programs, use larger cells or fewer years of history, or use a computer with more memory.",
    )


def _internal_error(error: BaseException) -> messages.Error:
    reason = (str(error).strip().splitlines() or ["no reason given"])[0]
    return _error("internal", f"The engine failed unexpectedly ({type(error).__name__}: {reason}).", _LOOK_IN_LOG)
