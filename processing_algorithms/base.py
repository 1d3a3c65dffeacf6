"""What every algorithm of the provider shares: identity, help, checks, the way to the engine, files and styles."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsFeatureSink,
    QgsFields,
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeatureSource,
    QgsProcessingFeedback,
    QgsProcessingOutputDefinition,
    QgsProcessingParameterDefinition,
    QgsVectorLayer,
    QgsWkbTypes,
)
from qgis.PyQt.QtCore import QCoreApplication
from qgis.PyQt.QtGui import QIcon

from patrol_missions.bridge import environment, worker_process
from patrol_missions.bridge.drafts import Drafts
from patrol_missions.bridge.features import fields_of, write_rows
from patrol_missions.bridge.sources import missing_layer, source_of
from patrol_missions.core.errors import Canceled, InputError, PatrolError
from patrol_missions.core.jobs import Job, JobResult
from patrol_missions.core.tables import Table
from patrol_missions.processing_algorithms import squares
from patrol_missions.processing_algorithms.progress import PartialFeedback
from patrol_missions.processing_algorithms.styling import LayerStyler, keep_alive

RESOURCES = Path(__file__).resolve().parent.parent / "resources"
DOCUMENTATION = "https://github.com/patrolmissions/patrol-missions/blob/main/docs/algorithms.md"


@dataclass(frozen=True)
class LayerContent:
    """What is written to a layer.

    :param table: the rows
    :param columns: those of its columns that become fields, in order
    :param geometry_type: a table without geometry unless given
    :param crs: of the shapes
    :param shapes: well-known binary per row
    :param indexed: whether the file gets a spatial index; layers drawn whole do without
    :param looked_up_by: the field by whose value rows are asked for, as a map of one shift asks for its start
    """

    table: Table
    columns: Sequence[str]
    geometry_type: QgsWkbTypes.Type = QgsWkbTypes.Type.NoGeometry
    crs: QgsCoordinateReferenceSystem = field(default_factory=QgsCoordinateReferenceSystem)
    shapes: Sequence[bytes | None] | None = None
    indexed: bool = True
    looked_up_by: str = ""


def in_order(table: Table, first: Sequence[str]) -> list[str]:
    """The table's columns with some before the others."""
    return [*first, *(name for name in table.columns if name not in first)]


def cell_layer(
    table: Table, size_m: float, crs: QgsCoordinateReferenceSystem, first: Sequence[str] = ("cell_id",)
) -> LayerContent:
    """Rows that have ``col`` and ``row``, as squares with a ``cell_id`` in their place.

    :param first: columns that come before the others
    """
    named = squares.named_cells(table)
    columns = [name for name in in_order(named, first) if name not in ("col", "row")]
    shapes = squares.squares(table["col"], table["row"], size_m)
    looked_up_by = "start" if "start" in columns else ""
    return LayerContent(named, columns, QgsWkbTypes.Type.Polygon, crs, shapes, looked_up_by=looked_up_by)


class PatrolAlgorithm(QgsProcessingAlgorithm):
    """Base of our algorithms.

    A subclass gives ``name``, ``displayName``, ``shortDescription``, ``help_text`` and ``keywords``, adds parameters
    with :meth:`add` in ``initAlgorithm``, and does its work in the hooks:

    * :meth:`problem` - what is wrong with the parameters, as a sentence (main thread; before the run and again in it)
    * :meth:`prepare` - what must be read from the project or from layers (main thread)
    * :meth:`process` - the work (any thread: no project, no interface)

    The hooks raise :class:`PatrolError`; users see its sentence.
    """

    NEEDS_ENGINE = True
    GROUP = "forecasting"

    def __init__(self) -> None:
        super().__init__()
        self._stylers: dict[str, LayerStyler] = {}
        self._refusal: PatrolError | None = None
        self._drafts = Drafts()

    # --- identity

    def createInstance(self) -> PatrolAlgorithm:  # noqa: N802 - QGIS's name
        """A fresh algorithm of this kind."""
        return type(self)()

    @classmethod
    def tr(cls, text: str) -> str:
        """The text in the user's language."""
        return QCoreApplication.translate(cls.__name__, text)

    def group(self) -> str:
        """The task the algorithm belongs to, for people."""
        groups = {
            "engine": QCoreApplication.translate("PatrolAlgorithm", "Engine"),
            "data": QCoreApplication.translate("PatrolAlgorithm", "Data"),
            "forecasting": QCoreApplication.translate("PatrolAlgorithm", "Forecasting"),
            "missions": QCoreApplication.translate("PatrolAlgorithm", "Missions"),
        }
        return groups[self.GROUP]

    def groupId(self) -> str:  # noqa: N802 - QGIS's name
        """The task the algorithm belongs to, for ever."""
        return self.GROUP

    def svgIconPath(self) -> str:  # noqa: N802 - QGIS's name
        """File of the icon, named as the algorithm."""
        return str(RESOURCES / "icons" / f"{self.name()}.svg")

    def icon(self) -> QIcon:
        """The icon."""
        return QIcon(self.svgIconPath())

    # --- help

    def help_text(self) -> str:
        """What the algorithm does and gives, as HTML paragraphs."""
        return ""

    def keywords(self) -> str:
        """Words that find the algorithm, separated by commas."""
        return ""

    def tags(self) -> list[str]:
        """Words that find the algorithm."""
        return [word.strip() for word in self.keywords().split(",") if word.strip()]

    def helpUrl(self) -> str:  # noqa: N802 - QGIS's name
        """Page of this very algorithm."""
        return f"{DOCUMENTATION}#{self.name()}"

    def shortHelpString(self) -> str:  # noqa: N802 - QGIS's name
        """The text and each parameter's help, so that the panel, the tooltips and ``qgis_process`` say the same."""
        inputs = [p for p in self.parameterDefinitions() if p.help() and not p.isDestination()]
        outputs = [p for p in self.parameterDefinitions() if p.help() and p.isDestination()]
        parts = [self.help_text()]
        for title, definitions in ((self.tr("Inputs"), inputs), (self.tr("Outputs"), outputs)):
            if definitions:
                parts.append(f"<h3>{escape(title)}</h3>")
                parts += [f"<p><b>{escape(p.description())}</b><br>{escape(p.help())}</p>" for p in definitions]
        return "\n".join(parts)

    def add(
        self,
        parameter: QgsProcessingParameterDefinition,
        text: str,
        *,
        advanced: bool = False,
        decimals: int | None = None,
    ) -> None:
        """Add a parameter with its help.

        :param advanced: hide it in dialogs until asked for
        :param decimals: digits that dialogs show of a number; QGIS's own choice is six
        """
        parameter.setHelp(text)
        if decimals is not None:
            parameter.setMetadata({"widget_wrapper": {"decimals": decimals}})
        if advanced:
            parameter.setFlags(parameter.flags() | QgsProcessingParameterDefinition.Flag.FlagAdvanced)
        self.addParameter(parameter)

    def add_outputs(self, *outputs: QgsProcessingOutputDefinition) -> None:
        """Declare results that are not destinations: numbers, texts."""
        for output in outputs:
            self.addOutput(output)

    # --- hooks

    def problem(self, parameters: dict[str, Any], context: QgsProcessingContext) -> str:
        """The sentence that says what is wrong with the parameters; empty when nothing is."""
        return ""

    def prepare(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> None:
        """Read from the project or from layers what the work needs."""

    def process(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        """Do the work and give the outputs."""
        raise NotImplementedError

    # --- QGIS's side of the hooks

    def canExecute(self) -> tuple[bool, str]:  # noqa: N802 - QGIS's name
        """Whether the engine that the work needs is there, and the remedy when it is not."""
        if not self.NEEDS_ENGINE:
            return True, ""
        return environment.can_execute()

    def checkParameterValues(  # noqa: N802 - QGIS's name
        self, parameters: dict[str, Any], context: QgsProcessingContext
    ) -> tuple[bool, str]:
        """QGIS's own checks first (missing values, ranges), then ours, which may rely on them."""
        fine, sentence = super().checkParameterValues(parameters, context)
        if not fine:
            return False, missing_layer(self, parameters, context) or sentence
        apart = QgsProcessingContext()  # QGIS 3.22 notes the outputs that it is asked about as layers to be loaded
        apart.setProject(context.project())
        apart.setExpressionContext(context.expressionContext())
        for definition in self.destinationParameterDefinitions():
            # QGIS asks this in its dialogs, but not when a script runs the algorithm
            fine, sentence = definition.isSupportedOutputValue(parameters.get(definition.name()), apart)
            if not fine:
                return False, sentence
        try:
            sentence = self.problem(parameters, context)
        except PatrolError as error:
            sentence = str(error)
        return not sentence, sentence

    def prepareAlgorithm(  # noqa: N802 - QGIS's name
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> bool:
        """Check again, since models do not check their children's parameters, then prepare.

        What is wrong is raised when the work begins: QGIS answers an error raised here with a sentence of its own.
        """
        try:
            sentence = self.problem(parameters, context)
            self._refusal = InputError(sentence) if sentence else None
            if self._refusal is None:
                self.prepare(parameters, context, feedback)
        except PatrolError as error:
            self._refusal = error
        return True

    def processAlgorithm(  # noqa: N802 - QGIS's name
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        """Work; a cancelled run gives no outputs."""

        def work() -> dict[str, Any]:
            if self._refusal is not None:
                raise self._refusal
            try:
                results = self.process(parameters, context, feedback)
                self._drafts.deliver(feedback)
            except Exception as error:
                traceback.clear_frames(error.__traceback__)  # which hold sinks, and those hold files open
                self._drafts.discard()
                if isinstance(error, Canceled):
                    return {}
                raise
            return results

        return self._guarded(work, feedback)

    def _guarded(self, work: Callable[[], Any], feedback: QgsProcessingFeedback) -> Any:
        """Run something and turn what goes wrong into a sentence; what only we can mend is traced in the log."""
        try:
            return work()
        except QgsProcessingException:
            raise
        except PatrolError as error:
            raise QgsProcessingException(str(error)) from error
        except OSError as error:
            where = error.filename or self.tr("a file")
            reason = error.strerror or str(error)
            raise QgsProcessingException(
                self.tr("{file} cannot be used: {reason}.").format(file=where, reason=reason)
            ) from error
        except Exception as error:
            feedback.pushDebugInfo(traceback.format_exc())
            raise QgsProcessingException(
                self.tr("An unexpected error stopped the run ({error}). Please report it with the log's text.").format(
                    error=f"{type(error).__name__}: {error}"
                )
            ) from error

    # --- files and layers

    def source(
        self, parameters: dict[str, Any], name: str, context: QgsProcessingContext
    ) -> QgsProcessingFeatureSource:
        """An input layer; a sentence when it cannot be read."""
        return source_of(self, parameters, name, context)

    def open_sink(
        self,
        parameters: dict[str, Any],
        name: str,
        context: QgsProcessingContext,
        fields: QgsFields,
        geometry_type: QgsWkbTypes.Type,
        crs: QgsCoordinateReferenceSystem,
        options: Sequence[str] = (),
        looked_up_by: str = "",
    ) -> tuple[QgsFeatureSink | None, str]:
        """Where to write the layer of an output, and its destination; None for an optional one not asked for.

        A GeoPackage, or a table in one, takes the place of the one before when the whole run is done.

        :param looked_up_by: a field that a GeoPackage gets an index of
        """
        value = self._drafts.instead_of(parameters.get(name), context, looked_up_by)
        sink, destination = self.parameterAsSink(
            {**parameters, name: value} if value is not None else parameters,
            name, context, fields, geometry_type, crs, layerOptions=list(options),
        )  # fmt: skip
        if sink is None:
            if self.parameterDefinition(name).flags() & QgsProcessingParameterDefinition.Flag.FlagOptional:
                return None, ""
            raise InputError(self.invalidSinkError(parameters, name))
        return sink, self._drafts.place(destination, context) if value is not None else destination

    def run_job(
        self,
        job: Job,
        feedback: QgsProcessingFeedback,
        files: Mapping[str, str] | None = None,
        span: tuple[float, float] = (0.0, 1.0),
    ) -> JobResult:
        """Have the engine do a job.

        :param job: what to do
        :param feedback: hears progress, log and warnings, and may cancel
        :param files: destination per output file of the job; empty ones are not wanted. A reader never finds half a
            file there, and an older file stays until the new one is whole.
        :param span: part of the progress bar that the job takes
        """
        wanted = {name: Path(path) for name, path in (files or {}).items() if path}
        python = environment.EngineEnvironment().python()
        return worker_process.run_job(python, job, PartialFeedback(feedback, *span), wanted)

    def write_layer(
        self,
        parameters: dict[str, Any],
        name: str,
        context: QgsProcessingContext,
        content: LayerContent,
        feedback: PartialFeedback,
    ) -> str:
        """Write a table to the layer of an output, and have it styled; gives its destination.

        The destination is empty for an optional output that was not asked for.
        """
        fields = fields_of(content.table, content.columns)
        options = [] if content.indexed else ["SPATIAL_INDEX=NO"]
        sink, destination = self.open_sink(
            parameters, name, context, fields, content.geometry_type, content.crs, options, content.looked_up_by
        )
        if sink is None:
            return ""
        write_rows(content.table, content.columns, sink, feedback, content.shapes)
        self.load_styled(destination, name, context)
        return destination

    def styled(self, name: str, apply: Callable[[QgsVectorLayer], None]) -> None:
        """Have ``apply`` called with an output's layer when it is loaded; call in :meth:`prepare` (main thread)."""
        self._stylers[name] = LayerStyler(apply)

    def load_styled(self, destination: str, name: str, context: QgsProcessingContext) -> None:
        """Tie the style set by :meth:`styled` to the layer written at ``destination``."""
        if name in self._stylers and context.willLoadLayerOnCompletion(destination):
            details = context.layerToLoadOnCompletionDetails(destination)
            details.setPostProcessor(keep_alive(self._stylers[name]))
