"""More hands: tasks on the Dask cluster that an agency already has, if its scheduler is named.

A task is a function that stands alone, with all that it needs. The cluster's workers must have the same code and the
same versions of the packages that numbers come from, so that results are the same to the byte wherever they were
computed. The scheduler itself needs nothing but Dask.
"""

from __future__ import annotations

import hashlib
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import urlsplit

import patrol_missions
from patrol_missions.core.errors import EngineError, InputError, PatrolError, WorkerError, from_kind

if TYPE_CHECKING:
    import distributed

_T = TypeVar("_T")
_ANSWER_S = 5.0
_PATIENCE_S = 30.0
_OF_NUMBERS = ("numpy", "scipy", "pandas", "lightgbm")


@contextmanager
def reach(address: object) -> Iterator[Cluster | None]:
    """The cluster whose scheduler has an address such as ``tcp://host:8786``, let go at the end.

    :returns: ``None`` for a blank address
    :raises PatrolError: when it cannot be reached or its workers cannot do our tasks
    """
    named = str(address or "").strip()
    if not named:
        yield None
        return
    client = _client(named)
    try:
        _check_workers(client, named)
        yield Cluster(client, named)
    finally:
        client.close(timeout=_ANSWER_S)


class Cluster:
    """A cluster whose workers can do our tasks; see :func:`reach`."""

    def __init__(self, client: distributed.Client, address: str) -> None:
        self._client, self._address = client, address

    def start(self, task: Callable[..., _T], *shared: Any) -> Pending[_T]:
        """Send a task, made of functions of modules, away.

        :param shared: its arguments that were sent before with :meth:`share`
        """
        from dask.utils import apply  # the scheduler reads what is submitted, and knows Dask's functions only

        with _told(self._address):
            sent = self.share(_Task(task))
            return Pending(self._client.submit(apply, sent, list(shared), pure=False), self._client, self._address)

    def share(self, value: object) -> Any:
        """Send a value of several tasks away once; what comes back stands for it."""
        with _told(self._address):
            return self._client.scatter([value], hash=False)[0]


@dataclass(frozen=True, eq=False)
class Pending(Generic[_T]):
    """A task on its way."""

    _future: distributed.Future
    _client: distributed.Client
    _address: str

    def result(self) -> _T:
        """Wait for what the task gives, or raise what it raised."""
        from distributed import TimeoutError as NotYet

        while True:
            with _told(self._address):
                try:
                    outcome = self._future.result(timeout=_PATIENCE_S)
                    break
                except NotYet:
                    if not _workers(self._client):
                        raise CancelledError from None
        if outcome.problem is not None:
            raise from_kind(*outcome.problem)
        return outcome.value


@dataclass(frozen=True)
class _Outcome(Generic[_T]):
    """What a task gave, or the kind, message and hint of what is wrong."""

    value: Any = None
    problem: tuple[str, str, str] | None = None


@dataclass(frozen=True, eq=False)
class _Task:
    function: Callable[..., Any]

    def __call__(self, *shared: Any) -> _Outcome[Any]:
        try:
            return _Outcome(self.function(*shared))
        except PatrolError as error:
            return _Outcome(problem=(error.kind, error.message, error.hint))


def look() -> str:
    """What code this is: a digest of the engine's modules."""
    digest = hashlib.sha256()
    package = Path(patrol_missions.__file__).parent
    for path in sorted([*package.glob("core/**/*.py"), *package.glob("engine/**/*.py")]):
        digest.update(path.relative_to(package).as_posix().encode())
        digest.update(path.read_bytes())
    return f"{patrol_missions.__version__} {digest.hexdigest()[:12]}"


def _client(address: str) -> distributed.Client:
    _knock(address)
    try:
        import distributed
    except ImportError as error:
        wanted = Path(patrol_missions.__file__).with_name("requirements-cluster.lock")
        raise EngineError(
            f"The Python at {sys.executable} cannot use a cluster ({error}).",
            f'Leave the scheduler blank, or install what is missing: "{sys.executable}" -m pip install -r "{wanted}"',
        ) from error
    try:
        return distributed.Client(address, timeout=_ANSWER_S, set_as_default=False, name="Patrol Missions")
    except Exception as error:  # whatever is listening there, it is no scheduler
        raise _no_scheduler(address, error) from error


def _knock(address: str) -> None:
    """See at once whether anybody listens."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or not port or parts.scheme not in ("tcp", "tls"):
        raise InputError(
            f"“{address}” is not the address of a scheduler.",
            "Write it like tcp://host:8786, or leave it blank to compute on this computer.",
        )
    try:
        socket.create_connection((host, port), timeout=_ANSWER_S).close()
    except OSError as error:
        raise _no_scheduler(address, error) from error


def _no_scheduler(address: str, error: Exception) -> InputError:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return InputError(
        f"No scheduler answers at {address} ({reason}).",
        "Start it, mend the address, or leave it blank to compute on this computer.",
    )


def _check_workers(client: distributed.Client, address: str) -> None:
    """Refuse a cluster on which tasks would fail, or give other numbers than here."""
    with _told(address):
        found = client.get_versions(packages=list(_OF_NUMBERS))
        codes = client.run(look, on_error="return")
    if not found["workers"]:
        raise InputError(
            f"The cluster at {address} has no workers.", "Start its workers, or leave the scheduler blank."
        )
    here = found["client"]["packages"]
    for worker, there in found["workers"].items():
        for name in ("python", *_OF_NUMBERS):
            if _differs(name, here, there["packages"]):
                raise InputError(
                    f"The cluster's worker {worker} has {name} {there['packages'].get(name) or '(none)'}; "
                    f"this computer has {here[name]}, and would get other results.",
                    "Give workers and this computer the same Python and the packages of requirements.lock.",
                )
    for worker, code in codes.items():
        if code != look():
            has = "lacks Patrol Missions" if isinstance(code, Exception) else f"has Patrol Missions {code}"
            raise InputError(
                f"The cluster's worker {worker} {has}; this computer has {look()}.",
                "Install the wheel of this version on all workers, and start them again.",
            )


def _differs(name: str, here: Mapping[str, str], there: Mapping[str, str]) -> bool:
    parts = 2 if name == "python" else 9  # 3.11.2 and 3.11.4 work alike
    return str(here.get(name)).split(".")[:parts] != str(there.get(name)).split(".")[:parts]


def _workers(client: distributed.Client) -> Mapping[str, Any]:
    return client.scheduler_info(n_workers=-1)["workers"]


@contextmanager
def _told(address: str) -> Iterator[None]:
    """What happens to clusters in mid-run, as sentences."""
    from distributed import KilledWorker
    from distributed import TimeoutError as NotYet

    try:
        yield
    except KilledWorker as error:
        raise WorkerError(
            f"The workers of the cluster at {address} died over a task, most likely for want of memory.",
            "Give them more memory, or leave the scheduler blank to compute on this computer.",
        ) from error
    except (CancelledError, OSError, NotYet) as error:
        raise WorkerError(
            f"The cluster at {address} was lost in mid-run.",
            "Start it and run the step again, or leave the scheduler blank to compute on this computer.",
        ) from error
