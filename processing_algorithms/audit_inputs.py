"""What the algorithms of the audit log share: where the log is, and the plan file."""

from __future__ import annotations

from pathlib import Path

from qgis.core import QgsProcessingParameterFile, QgsProcessingParameterNumber
from qgis.PyQt.QtCore import QCoreApplication

from patrol_missions.processing_algorithms.base import PatrolAlgorithm

LOG = "LOG"
PLAN = "PLAN"


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("AuditInputs", text)


def add_log(algorithm: PatrolAlgorithm, optional: bool = False) -> None:
    """Declare where the log is."""
    algorithm.add(
        log_file(LOG, tr("Audit log"), optional),
        tr(
            "An SQLite file, or the address of a PostgreSQL database, such as postgresql://ana@db.example.org/police. "
            "Passwords belong into the server's password file (.pgpass), since QGIS keeps what algorithms were given "
            "in its history."
        ),
    )


def log_file(name: str, description: str, optional: bool) -> QgsProcessingParameterFile:
    """Where a log is; QGIS's own filter of all files, with a dot in their names, would refuse addresses."""
    choices = tr("Audit logs (*.sqlite);;All files (*)")
    return QgsProcessingParameterFile(name, description, optional=optional, fileFilter=choices)


def add_plan(algorithm: PatrolAlgorithm, text: str, optional: bool = False) -> None:
    """Declare the plan file, with its help."""
    file = QgsProcessingParameterFile.Behavior.File
    algorithm.add(QgsProcessingParameterFile(PLAN, tr("Plan file"), file, "zip", None, optional), text)


def record_number(name: str, description: str) -> QgsProcessingParameterNumber:
    """The number of a record, which may be left out."""
    return QgsProcessingParameterNumber(
        name, description, QgsProcessingParameterNumber.Type.Integer, None, True, 1, 2**31 - 1
    )


def place(text: str) -> str:
    """A path or an address as the engine can use it from its own folder; empty for none."""
    text = text.strip()
    return text if not text or "://" in text else str(Path(text).absolute())
