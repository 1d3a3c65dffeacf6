"""The line to the gateway: events come, commands go, and nothing here ever waits."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from qgis.PyQt.QtCore import QObject, pyqtSignal
from qgis.PyQt.QtNetwork import QAbstractSocket, QTcpSocket

from patrol_missions.bridge.gateway_process import Door

_LONGEST_BYTES = 8 << 20  # of what has no end of line yet: more is no gateway

Answer = Callable[[dict[str, Any]], None]


class LiveClient(QObject):
    """One connection at a time."""

    connected = pyqtSignal()
    told = pyqtSignal(list)  # events that came together
    lost = pyqtSignal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._socket = QTcpSocket(self)
        self._socket.connected.connect(self._greet)
        self._socket.readyRead.connect(self._read)
        self._socket.stateChanged.connect(self._changed)
        self._door: Door | None = None
        self._rest = b""
        self._number = 0
        self._awaited: dict[int, Answer] = {}

    def is_open(self) -> bool:
        """Whether there is a connection, or one is being made."""
        return self._socket.state() != QAbstractSocket.SocketState.UnconnectedState

    def open(self, door: Door) -> None:
        """Connect to a gateway."""
        self.close()
        self._door, self._rest = door, b""
        self._socket.connectToHost(door.host, door.port)

    def close(self) -> None:
        """Leave the gateway, which goes on."""
        self._awaited.clear()
        self._socket.blockSignals(True)  # whoever closes knows
        self._socket.abort()
        self._socket.blockSignals(False)

    def ask(self, do: str, answered: Answer | None = None, **what: Any) -> None:
        """Send a command.

        :param answered: called with the answer, which says ``ok``, and a ``text`` where it is not
        """
        self._number += 1
        if answered is not None:
            self._awaited[self._number] = answered
        self._send({"do": do, "id": self._number, **what})

    def _greet(self) -> None:
        if self._door is not None:
            self._send({"token": self._door.token})

    def _send(self, message: dict[str, Any]) -> None:
        self._socket.write(json.dumps(message).encode() + b"\n")

    def _read(self) -> None:
        *lines, self._rest = (self._rest + bytes(self._socket.readAll())).split(b"\n")
        if len(self._rest) > _LONGEST_BYTES:
            self.close()
            self._gone()
            return
        events = []
        for line in lines:
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if not isinstance(event, dict):
                continue
            if event.get("event") == "answer":
                answered = self._awaited.pop(event.get("id"), None)  # type: ignore[arg-type]
                if answered is not None:
                    answered(event)
            elif event.get("event") == "hello":
                self.connected.emit()
            else:
                events.append(event)
        if events:
            self.told.emit(events)

    def _changed(self, state: QAbstractSocket.SocketState) -> None:
        """Refused and broken lines end alike."""
        if state == QAbstractSocket.SocketState.UnconnectedState:
            self._gone()

    def _gone(self) -> None:
        self._awaited.clear()
        self.lost.emit()
