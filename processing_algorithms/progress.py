"""Several steps on one progress bar."""

from __future__ import annotations

from qgis.core import QgsProcessingFeedback


class PartialFeedback:
    """Passes everything on to QGIS's feedback, with 0 to 100 % of a step fitted into its part of the bar.

    :param feedback: the run's own feedback
    :param start: where the step begins on the bar (0 to 1)
    :param end: where it ends
    """

    def __init__(self, feedback: QgsProcessingFeedback, start: float, end: float) -> None:
        self._start = start
        self._end = end
        self._feedback = feedback
        self.isCanceled = feedback.isCanceled
        self.setProgressText = feedback.setProgressText
        self.pushInfo = feedback.pushInfo
        self.pushWarning = feedback.pushWarning
        self.pushDebugInfo = feedback.pushDebugInfo
        self.pushConsoleInfo = feedback.pushConsoleInfo

    def setProgress(self, progress: float) -> None:  # noqa: N802 - QGIS's name
        """How far the step is, in percent."""
        self._feedback.setProgress(100.0 * self._start + progress * (self._end - self._start))
