r"""Makes resources/models/nightly_plan.model3: check the incidents, forecast the risk, allocate the missions.

Run it with a Python that can import QGIS, from the stage, after changing an algorithm's parameters or this file:

    QT_QPA_PLATFORM=offscreen QT_HASH_SEED=0 PYTHONPATH=build/stage \
        build/venv-qgis/bin/python tools/make_nightly_model.py

The hash seed keeps the order of the file's XML attributes, and so the difference to the last version small.
"""

from __future__ import annotations

import sys
from pathlib import Path

from qgis.core import (
    QgsApplication,
    QgsProcessingAlgorithm,
    QgsProcessingModelAlgorithm,
    QgsProcessingModelChildAlgorithm,
    QgsProcessingModelChildParameterSource,
    QgsProcessingModelOutput,
    QgsProcessingModelParameter,
    QgsProcessingParameterDefinition,
)
from qgis.PyQt.QtCore import QPointF, QSizeF

MODEL = Path(__file__).resolve().parent.parent / "resources" / "models" / "nightly_plan.model3"
PROVIDER = "patrolmissions"

# Inputs of the model, each taken over from the first of these children that has a parameter of the name.
INPUTS = (
    ("INCIDENTS", "check"),
    ("CATEGORY_FIELD", "check"),
    ("START_FIELD", "check"),
    ("END_FIELD", "check"),
    ("REPORTED_FIELD", "check"),
    ("ID_FIELD", "check"),
    ("RECORDED_DISTRICT_FIELD", "check"),
    ("X_FIELD", "check"),
    ("Y_FIELD", "check"),
    ("COORDINATES_CRS", "check"),
    ("TIME_ZONE", "check"),
    ("TIMES_ARE", "check"),
    ("CATEGORY_MAP", "check"),
    ("GRID", "check"),
    ("MODEL", "forecast"),
    ("INDICATORS", "forecast"),
    ("KIND_FIELD", "forecast"),
    ("INDICATOR_FIELDS", "forecast"),
    ("WEATHER", "forecast"),
    ("SCHOOL_TERMS", "forecast"),
    ("EVENTS", "forecast"),
    ("VISITS", "forecast"),
    ("START", "forecast"),
    ("SHIFT_COUNT", "forecast"),
    ("WEIGHTS_PRESET", "forecast"),
    ("MISSIONS_PER_DISTRICT", "allocate"),
    ("HARM_KEPT", "allocate"),
    ("DOSE_MINUTES", "allocate"),
    ("SEED", "allocate"),
)
# Other than the algorithms' own: the place's time zone must be said, since a server has its own or none; and a plan for
# tonight needs a day of shifts.
DEFAULTS = {"TIME_ZONE": None, "SHIFT_COUNT": 3}
# Parameters of a child that another child's output goes into, or that the model sets.
WIRES = {
    "check": {"STOP_ON_BAD_DATA": True},
    "forecast": {"INCIDENTS": ("check", "OUTPUT")},
    "allocate": {"FORECAST": ("forecast", "OUTPUT")},
}
# Outputs of the model: name, child, the child's output.
OUTPUTS = (
    ("REPORT", "check", "REPORT"),
    ("FORECAST", "forecast", "OUTPUT"),
    ("MISSIONS", "allocate", "OUTPUT"),
    ("SUMMARY", "allocate", "SUMMARY"),
)
OWN = {("allocate", "TIME_ZONE"), ("allocate", "WEIGHTS_PRESET")}
"""Left to the child although the model has an input of the name: it takes what the forecast has."""
CHILDREN = {"check": "checkincidents", "forecast": "forecastrisk", "allocate": "allocatemissions"}
DESCRIPTION = (
    "From tonight's incident export to tonight's missions in one run: checks the incidents, forecasts the risk with a "
    "trained model, and allocates the missions. Stops, after writing the data quality report, when the data are not "
    "fit to plan with. Suited to batch runs and to qgis_process on a schedule."
)

# The canvas: inputs in a column per child, all children in a row at the foot of the columns, outputs under them.
BOX = QSizeF(220, 30)
COLUMN, ROW, TOP = 420, 55, 60


def build() -> QgsProcessingModelAlgorithm:
    """The model, from the registered algorithms."""
    algorithms = {
        child: QgsApplication.processingRegistry().algorithmById(f"{PROVIDER}:{name}")
        for child, name in CHILDREN.items()
    }
    model = QgsProcessingModelAlgorithm("Nightly plan", "Patrol Missions", "patrolmissions")
    help_texts = {"ALG_DESC": DESCRIPTION}
    columns = {child: [name for name, owner in INPUTS if owner == child] for child in CHILDREN}
    foot = TOP + ROW * max(map(len, columns.values()))
    for name, child in INPUTS:
        definition = algorithms[child].parameterDefinition(name).clone()
        if name in DEFAULTS:
            definition.setDefaultValue(DEFAULTS[name])
        help_texts[name] = definition.help()
        component = QgsProcessingModelParameter(name)
        above_foot = len(columns[child]) - columns[child].index(name)
        component.setPosition(QPointF(column_of(child), foot - ROW * above_foot))
        component.setSize(BOX)
        model.addModelParameter(definition, component)
    given = [name for name, _child in INPUTS]
    for child, algorithm in algorithms.items():
        model.addChildAlgorithm(child_algorithm(child, algorithm, given, foot))
    for name, child, output in OUTPUTS:
        help_texts[f"{child}:{name}"] = algorithms[child].parameterDefinition(output).help()
    model.setParameterOrder(given)
    model.setHelpContent(help_texts)
    return model


def column_of(child: str) -> float:
    """Where a child's column is on the canvas."""
    return 150.0 + COLUMN * list(CHILDREN).index(child)


def child_algorithm(
    child: str, algorithm: QgsProcessingAlgorithm, given: list[str], foot: float
) -> QgsProcessingModelChildAlgorithm:
    """One step of the model with its wires and outputs."""
    step = QgsProcessingModelChildAlgorithm(algorithm.id())
    step.setChildId(child)
    step.setDescription(algorithm.displayName())
    step.setPosition(QPointF(column_of(child), foot + ROW))
    step.setSize(BOX)
    for definition in algorithm.parameterDefinitions():
        source = source_of(child, definition, given)
        if source is not None:
            step.addParameterSources(definition.name(), [source])
    outputs = {}
    for name, owner, output in OUTPUTS:
        if owner == child:
            parameter = algorithm.parameterDefinition(output)
            result = QgsProcessingModelOutput(name, parameter.description())
            result.setChildId(child)
            result.setChildOutputName(output)
            result.setPosition(QPointF(column_of(child) + 0.4 * COLUMN, foot + ROW * (3 + len(outputs))))
            result.setSize(BOX)
            outputs[name] = result
    step.setModelOutputs(outputs)
    return step


def source_of(
    child: str, definition: QgsProcessingParameterDefinition, given: list[str]
) -> QgsProcessingModelChildParameterSource | None:
    """Where a child's parameter comes from; None for destinations that the model does not offer."""
    name = definition.name()
    wire = WIRES[child].get(name)
    if isinstance(wire, tuple):
        return QgsProcessingModelChildParameterSource.fromChildOutput(*wire)
    if wire is not None:
        return QgsProcessingModelChildParameterSource.fromStaticValue(wire)
    if name in given and (child, name) not in OWN:
        return QgsProcessingModelChildParameterSource.fromModelParameter(name)
    if definition.isDestination() or definition.defaultValue() is None:
        return None
    return QgsProcessingModelChildParameterSource.fromStaticValue(definition.defaultValue())


def main() -> None:
    """Write the file."""
    application = QgsApplication([], False)
    application.initQgis()
    sys.path.append(str(Path(QgsApplication.pkgDataPath()) / "python" / "plugins"))
    from processing.core.Processing import Processing

    from patrol_missions.processing_algorithms.provider import PatrolMissionsProvider

    Processing.initialize()
    provider = PatrolMissionsProvider()
    QgsApplication.processingRegistry().addProvider(provider)
    MODEL.parent.mkdir(parents=True, exist_ok=True)
    if not build().toFile(str(MODEL)):
        sys.exit(f"{MODEL} cannot be written.")
    print(MODEL)


if __name__ == "__main__":
    main()
