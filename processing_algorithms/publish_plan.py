"""Publish plan: a person's approval of a plan, as a record of the audit log that nobody can change unseen."""

from __future__ import annotations

from typing import Any

from qgis.core import (
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingOutputNumber,
    QgsProcessingOutputString,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterFile,
    QgsProcessingParameterString,
)

from patrol_missions.core.jobs import Job
from patrol_missions.processing_algorithms import audit_inputs
from patrol_missions.processing_algorithms.base import PatrolAlgorithm


class PublishPlanAlgorithm(PatrolAlgorithm):
    """A plan file to a record of the audit log."""

    GROUP = "missions"

    PLAN = audit_inputs.PLAN
    AUTHOR = "AUTHOR"
    APPROVAL = "APPROVAL"
    LOG = audit_inputs.LOG
    NEW_LOG = "NEW_LOG"
    MODEL = "MODEL"
    REPLAY = "REPLAY"
    NUMBER = "NUMBER"
    HASH = "HASH"
    MOMENT = "MOMENT"
    MISSIONS = "MISSIONS"

    def name(self) -> str:
        """The algorithm's id."""
        return "publishplan"

    def displayName(self) -> str:  # noqa: N802 - QGIS's name
        """The algorithm's name for people."""
        return self.tr("Publish plan")

    def shortDescription(self) -> str:  # noqa: N802 - QGIS's name
        """One line on what it does."""
        return self.tr("Adds a plan that somebody approves of to the audit log, for good.")

    def keywords(self) -> str:
        """Words that find it."""
        return self.tr("publish,approve,audit,log,record,hash chain,accountability,plan,missions,transparency")

    def help_text(self) -> str:
        """What it does and gives."""
        return self.tr(
            "<p>Adds a record to the audit log: who approves of the plan and why, hashes of all that it was made from, "
            "the weights, the law's settings, the seed, overrides with their reasons, and what came of it. The plan "
            "file goes with it, so that the plan can be made again from the log alone. Records are chained by their "
            "hashes and are never changed or taken away.</p>"
            "<p>The plan is made again first, and refused if something else comes of it; so is a plan that was "
            "published before. Keep the record's number and hash where nobody who can write to the log can change "
            "them: they are what Verify audit log holds the log against.</p>"
        )

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:  # noqa: N802 - QGIS's name
        """Declare inputs and outputs."""
        audit_inputs.add_plan(self, self.tr("The plan file (.zip) that was kept when the missions were allocated."))
        self.add(
            QgsProcessingParameterString(self.AUTHOR, self.tr("Approved by")),
            self.tr(
                "Name of the person who approves of the plan. It is never filled in: publishing is a person's act."
            ),
        )
        self.add(
            QgsProcessingParameterString(self.APPROVAL, self.tr("Approval"), None, True),
            self.tr("Why the plan is approved of, in a sentence or two."),
        )
        audit_inputs.add_log(self)
        self.add(
            QgsProcessingParameterBoolean(self.NEW_LOG, self.tr("Begin a new log"), False),
            self.tr("Begin a log where there is none yet. Otherwise a mistyped place is refused."),
        )
        self.add(
            QgsProcessingParameterFile(
                self.MODEL, self.tr("Model bundle"), QgsProcessingParameterFile.Behavior.File, "zip", None, True
            ),
            self.tr("The model that the forecast was made with; its hash goes into the record."),
            advanced=True,
        )
        self.add(
            QgsProcessingParameterBoolean(self.REPLAY, self.tr("Make the plan again first"), True),
            self.tr("Refuse a plan that does not follow from its own inputs to the byte."),
            advanced=True,
        )
        self.add_outputs(
            QgsProcessingOutputNumber(self.NUMBER, self.tr("Number of the record")),
            QgsProcessingOutputString(self.HASH, self.tr("Hash of the record")),
            QgsProcessingOutputString(self.MOMENT, self.tr("Moment of the record (UTC)")),
            QgsProcessingOutputNumber(self.MISSIONS, self.tr("Number of missions")),
        )

    def process(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        """Have it published."""
        files = {
            key: audit_inputs.place(self.parameterAsFile(parameters, name, context))
            for key, name in (("plan", self.PLAN), ("model", self.MODEL), ("log", self.LOG))
        }
        job = Job(
            "publish_plan",
            {
                **files,
                "author": self.parameterAsString(parameters, self.AUTHOR, context),
                "approval": self.parameterAsString(parameters, self.APPROVAL, context),
                "new": self.parameterAsBoolean(parameters, self.NEW_LOG, context),
                "replay": self.parameterAsBoolean(parameters, self.REPLAY, context),
            },
        )
        values = self.run_job(job, feedback).values
        said = self.tr("Record {number} was added to the audit log. Keep its number and hash elsewhere: {hash}")
        feedback.pushInfo(said.format(number=values["number"], hash=values["hash"]))
        return {
            self.NUMBER: values["number"],
            self.HASH: values["hash"],
            self.MOMENT: values["at"],
            self.MISSIONS: values["missions"],
        }
