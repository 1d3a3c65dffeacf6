"""Gradient-boosted trees for counts, standing on a risk surface and a regression.

The regression says by which factor expected incidents differ from the surface where features act evenly; LightGBM's
Poisson objective learns the rest. It starts from the log of surface and regression and each leaf's step is bounded:
without both, so rare a target makes it diverge without a word while the ranking of places still looks right.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import lightgbm
import numpy as np

from patrol_missions.engine.forecast import regression
from patrol_missions.engine.forecast.regression import Regression
from patrol_missions.engine.forecast.sampling import TrainingSet

MOST_ROUNDS = 100
_PATIENCE = 10
_PARAMETERS: dict[str, Any] = {
    "objective": "poisson",
    "learning_rate": 0.1,
    "num_leaves": 15,
    "min_data_in_leaf": 200,
    "min_sum_hessian_in_leaf": 3.0,
    "lambda_l2": 5.0,
    "max_delta_step": 0.7,
    "poisson_max_delta_step": 0.7,
    "feature_fraction": 0.4,
    "max_bin": 63,
    "bin_construct_sample_cnt": 50_000,
    "num_threads": 1,
    "boost_from_average": False,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}
_RATE = float(_PARAMETERS["learning_rate"])
_STEP_GAIN = _RATE * (2.0 - _RATE)
"""LightGBM tells of each split what the full step to the optimum would gain; of a parabola's depth, a part of the step
gains this much."""

_OF_DATA = ("max_bin", "bin_construct_sample_cnt", "num_threads", "force_row_wise", "verbosity")


@dataclass(frozen=True)
class Trees:
    """A regression and the trees on it, as text, so that they can be stored, hashed and read anywhere.

    :param text: LightGBM's own model format, without the training parameters
    :param rounds: trees in it
    """

    regression: Regression
    text: str
    rounds: int

    @cached_property
    def _booster(self) -> lightgbm.Booster:
        try:
            return lightgbm.Booster(model_str=self.text)
        except lightgbm.basic.LightGBMError as error:
            raise ValueError("The text is not a LightGBM model.") from error

    @property
    def width(self) -> int:
        """Number of features it was trained on; :class:`ValueError` for a text that is no model."""
        return int(self._booster.num_feature())

    def log_factor(self, features: np.ndarray) -> np.ndarray:
        """Log of expected incidents over the surface's, float64, shape (rows,)."""
        grown = np.asarray(self._booster.predict(features, raw_score=True, num_threads=1))
        return grown + self.regression.log_factor(features)

    def contributions(self, features: np.ndarray) -> np.ndarray:
        """What each feature adds to the log factor, float64, shape (rows, features): weights and Shapley values.

        They leave out the constant that is the same for all rows (Lundberg et al. 2020, Nature Mach. Intell. 2:56-67).
        """
        grown = np.asarray(self._booster.predict(features, pred_contrib=True, num_threads=1), dtype=np.float64)
        return grown[:, :-1] + self.regression.contributions(features)

    def gains(self) -> np.ndarray:
        """How much each feature lowered the deviance in training, to second order; shape (features,)."""
        grown = np.asarray(self._booster.feature_importance("gain"), dtype=np.float64)
        return grown * _STEP_GAIN + self.regression.gain


def fit(
    rows: TrainingSet,
    signs: np.ndarray,
    seed: int,
    rounds: int | None = None,
    stopping_from: int | None = None,
) -> Trees:
    """Train on rows; the number of trees is given, or chosen on the rows whose origin is ``stopping_from`` or later.

    :param signs: of each feature: 1 where more of it must not lower what is expected, -1 where it must not raise it
    """
    first = regression.fit(rows, signs)
    rows = replace(rows, log_surface=rows.log_surface + first.log_factor(rows.features))
    parameters = {**_PARAMETERS, "monotone_constraints": signs.tolist(), "seed": seed}
    if rounds is not None or stopping_from is None:
        count = MOST_ROUNDS if rounds is None else max(rounds, 1)
        return Trees(first, *_as_text(lightgbm.train(parameters, _dataset(rows), count), count))
    border = int(np.searchsorted(rows.origin, stopping_from))
    data = _dataset(rows.take(slice(0, border)))
    late = _dataset(rows.take(slice(border, None)), data)
    stop = lightgbm.early_stopping(_PATIENCE, verbose=False)
    booster = lightgbm.train(
        parameters, data, MOST_ROUNDS, valid_sets=[late], callbacks=[stop], keep_training_booster=True
    )
    return Trees(first, *_as_text(booster, booster.best_iteration))


def _dataset(rows: TrainingSet, reference: lightgbm.Dataset | None = None) -> lightgbm.Dataset:
    # LightGBM reads some characters of names as JSON; numbers are safe and the bundle has the real names.
    safe = [f"f{index}" for index in range(rows.features.shape[1])]
    return lightgbm.Dataset(
        rows.features,
        rows.count,
        reference=reference,
        weight=rows.weight,
        init_score=rows.log_surface,
        feature_name=safe,
        params={name: _PARAMETERS[name] for name in _OF_DATA},
        free_raw_data=True,
    )


def _as_text(booster: lightgbm.Booster, rounds: int) -> tuple[str, int]:
    """The first trees, and how many there are: fewer than asked for where nothing was left to learn."""
    text = booster.model_to_string(num_iteration=rounds)
    head, mark, _ = text.partition("\nparameters:")
    return head + "\n" if mark else text, min(rounds, booster.num_trees())
