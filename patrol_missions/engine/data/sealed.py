"""Files that keep what was made: a zip of JSON and plain data that tells when it was edited or damaged.

The same content gives the same bytes: entries carry a fixed date. One entry holds the SHA-256 of all others. Nothing in
it is executable.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from patrol_missions.core.errors import InputError

BROKEN = (
    *(zipfile.BadZipFile, zlib.error, EOFError, RuntimeError),  # a damaged zip; the last when it calls itself encrypted
    *(ValueError, TypeError, LookupError, AttributeError, OverflowError),  # other values than were written
)
"""What reading a damaged file may raise."""

_SEAL = "sha256.txt"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest moment a zip can hold: archives differ only where contents do
_LARGEST_BYTES = 500_000_000


@dataclass(frozen=True)
class Format:
    """One kind of file, and the words for what is wrong with one.

    :param kind: what the document calls itself
    :param schema: version of the format
    :param main: name of the document's entry
    :param thing: what people call it, such as "model"
    :param choose: how to find the right file
    :param again: how to make another one, such as "Train the model again"
    """

    kind: str
    schema: int
    main: str
    thing: str
    choose: str
    again: str

    def pack(self, document: Mapping[str, Any], files: Mapping[str, bytes], indent: int | None = None) -> bytes:
        """A file with a document and other entries, in the order given."""
        whole = {"kind": self.kind, "schema": self.schema, **document}
        text = json.dumps(whole, ensure_ascii=False, allow_nan=False, indent=indent)
        content = {self.main: text.encode(), **files}
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, data in {**content, _SEAL: seal(content).encode()}.items():
                _write(archive, name, data)
        return buffer.getvalue()

    def load(self, path: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
        """Document and other entries of a file; :class:`InputError` says what is wrong with it."""
        try:
            content = path.read_bytes()
        except OSError as error:
            raise InputError(f"The {self.thing} {path.name} cannot be read ({error.strerror}).", self.choose) from error
        return self.unpack(content, path.name)

    def unpack(self, content: bytes, name: str) -> tuple[dict[str, Any], dict[str, bytes]]:
        """As :meth:`load`, from a file's content; ``name`` is what sentences call it."""
        if content[:2] != b"PK":
            raise self._foreign(name)
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                return self._unpack(archive, name)
        except BROKEN as error:
            raise self.damaged(name) from error

    def _unpack(self, archive: zipfile.ZipFile, name: str) -> tuple[dict[str, Any], dict[str, bytes]]:
        if sum(info.file_size for info in archive.infolist()) > _LARGEST_BYTES:
            raise InputError(f"The file {name} is far too large for a {self.thing}.", self.choose)
        if self.main not in archive.namelist():
            raise self._foreign(name)
        document = json.loads(archive.read(self.main))
        if not isinstance(document, dict) or document.get("kind") != self.kind:
            raise self._foreign(name)
        if document["schema"] != self.schema:
            raise InputError(
                f"The {self.thing} {name} has format {document['schema']}; this version of the plugin reads format "
                f"{self.schema}.",
                f"{self.again}, or install the version of the plugin that made it.",
            )
        content = {info.filename: archive.read(info) for info in archive.infolist()}
        if content[_SEAL].decode() != seal(content):
            raise self.damaged(name)
        return document, {each: data for each, data in content.items() if each not in (self.main, _SEAL)}

    def _foreign(self, name: str) -> InputError:
        return InputError(f"The file {name} is not a {self.thing} of Patrol Missions.", self.choose)

    def damaged(self, name: str) -> InputError:
        """The sentence for a file that is not what was written."""
        return InputError(
            f"The {self.thing} {name} is damaged.", f"{self.again}, or take an undamaged copy of the file."
        )


def seal(content: Mapping[str, bytes]) -> str:
    """SHA-256 of a file's entries but the one that it is kept in: tells a file that was edited or damaged later."""
    digest = hashlib.sha256()
    for name in sorted(set(content) - {_SEAL}):
        digest.update(f"{name}:{len(content[name])};".encode())
        digest.update(content[name])
    return digest.hexdigest()


def _write(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    info.create_system = 3
    archive.writestr(info, data)
