"""Problems that a user can mend, as one family of exceptions that crosses the wall."""

from __future__ import annotations

import errno

_FULL_DISK = frozenset({errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)})


class PatrolError(Exception):
    """Something the user can mend: one sentence that says what is wrong and where, and a hint of how to mend it."""

    kind = "error"

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class InputError(PatrolError):
    """A layer, table, file or setting that cannot be used as it is."""

    kind = "input"


class EngineError(PatrolError):
    """The engine's Python environment is missing, incomplete or of another version."""

    kind = "engine"


class WorkerError(PatrolError):
    """The worker process ended without a result or said something that cannot be understood."""

    kind = "worker"


class Canceled(PatrolError):
    """The user cancelled; nothing is wrong."""

    kind = "canceled"

    def __init__(self) -> None:
        super().__init__("Cancelled.")


_KINDS = {cls.kind: cls for cls in (PatrolError, InputError, EngineError, WorkerError)}


def is_disk_full(error: OSError) -> bool:
    """Whether a file could not be written because the disk, or the user's share of it, is full."""
    return error.errno in _FULL_DISK


def from_kind(kind: str, message: str, hint: str) -> PatrolError:
    """Rebuild the exception that travelled across the wall as text."""
    return _KINDS.get(kind, PatrolError)(message, hint)
