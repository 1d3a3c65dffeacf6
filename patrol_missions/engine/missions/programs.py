"""Linear programs, solved by HiGHS."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import linprog

from patrol_missions.core.law_groups import Floats


def best(
    value: Floats,
    within: Any,
    most: Floats,
    equal: Any,
    exactly: Floats,
    bounds: Floats,
    whole: Floats | None = None,
) -> Floats | None:
    """The variables of most value; ``None`` where there are none that keep all conditions.

    :param value: of each variable, shape (variables,)
    :param within: matrix whose product with the variables is at most ``most``; may be sparse
    :param equal: matrix whose product with the variables is ``exactly``
    :param bounds: least and largest value of each variable, shape (variables, 2)
    :param whole: 1 for variables that must be whole numbers; without it, the answer is a vertex
    """
    solve: Any = linprog  # whose types know no sparse matrices
    answer = solve(
        -value,
        A_ub=within,
        b_ub=most,
        A_eq=equal,
        b_eq=exactly,
        bounds=bounds,
        integrality=whole,
        method="highs-ds" if whole is None else "highs",
    )
    return np.asarray(answer.x, dtype=np.float64) if answer.success else None
