"""What differs between the QGIS versions that we run on, told apart by what is there and not by numbers."""

from __future__ import annotations

from qgis.core import Qgis, QgsMapLayerProxyModel, QgsTemporalNavigationObject
from qgis.PyQt import QtGui, QtWidgets

_UNDO = QtGui if hasattr(QtGui, "QUndoStack") else QtWidgets  # moved in Qt 6
QUndoCommand, QUndoStack = _UNDO.QUndoCommand, _UNDO.QUndoStack

LAYER_FILTER = Qgis.LayerFilter if hasattr(Qgis, "LayerFilter") else QgsMapLayerProxyModel.Filter  # moved in QGIS 3.34

if hasattr(Qgis, "TemporalNavigationMode"):  # moved and renamed in QGIS 3.36
    TEMPORAL_OFF = Qgis.TemporalNavigationMode.Disabled
    TEMPORAL_FIXED_RANGE = Qgis.TemporalNavigationMode.FixedRange
    TEMPORAL_ANIMATED = Qgis.TemporalNavigationMode.Animated
else:
    TEMPORAL_OFF = QgsTemporalNavigationObject.NavigationMode.NavigationOff
    TEMPORAL_FIXED_RANGE = QgsTemporalNavigationObject.NavigationMode.FixedRange
    TEMPORAL_ANIMATED = QgsTemporalNavigationObject.NavigationMode.Animated
