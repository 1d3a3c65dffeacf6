"""What the worker says while it runs: one JSON object a line."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Union

SCHEMA = 1
"""Version of the job folder's format and of the messages; both sides must agree on it."""


@dataclass(frozen=True)
class Hello:
    """First words of a worker: the plugin's version, the format it speaks and where it runs."""

    version: str
    schema: int
    python: str
    pid: int


@dataclass(frozen=True)
class Progress:
    """How far the job is (0 to 1) and the step it is at; an empty text keeps the last one."""

    fraction: float
    text: str = ""


@dataclass(frozen=True)
class Log:
    """A line for the log."""

    text: str


@dataclass(frozen=True)
class Warning:
    """Something the user should know although the job goes on."""

    text: str


@dataclass(frozen=True)
class Result:
    """The job is done; its answer lies in the job folder."""


@dataclass(frozen=True)
class Error:
    """The job failed: a sentence and a hint for the user, the traceback for the log."""

    kind: str
    message: str
    hint: str = ""
    traceback: str = ""


Message = Union[Hello, Progress, Log, Warning, Result, Error]

_TYPES = {cls.__name__.lower(): cls for cls in (Hello, Progress, Log, Warning, Result, Error)}


def encode(message: Message) -> str:
    """One line of JSON, without the line end."""
    return json.dumps({"type": type(message).__name__.lower(), **asdict(message)}, ensure_ascii=True)


def decode(line: str) -> Message | None:
    """The message on a line, or ``None`` when the line is not one (a library's stray print, half a line)."""
    try:
        fields = json.loads(line)
        return _TYPES[fields.pop("type")](**fields)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
