"""The receivers of a gpsd: this computer's, or another's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from patrol_missions.engine.tracking.limits import Guard
from patrol_missions.engine.tracking.source_net import TcpClient
from patrol_missions.engine.tracking.sources import ParserFor

PORT = 2947
_WATCH = b'?WATCH={"enable":true,"json":true};\n'


class GpsdSource(TcpClient):
    """Asks a gpsd for its reports.

    :param settings: ``name``, ``unit``, and perhaps ``host`` (127.0.0.1), ``port`` (2947) and ``silent_s`` (60)
    """

    def __init__(self, settings: Mapping[str, Any], parser: ParserFor, guard: Guard) -> None:
        super().__init__({"port": PORT, **settings}, parser, guard, _WATCH)
