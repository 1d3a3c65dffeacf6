"""From a history of incidents to calibrated expected incidents by cell, shift and category."""

from __future__ import annotations

import os

# OpenMP reads this when LightGBM is first loaded: threads that wait by sleeping lose nothing on an idle machine and are
# several times faster on a busy one than threads that wait by spinning.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
