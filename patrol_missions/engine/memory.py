"""How much memory the process keeps of what it no longer uses."""

from __future__ import annotations

import ctypes
import sys

_LARGE_BYTES = 1 << 21  # below this, asking the system for every array takes longer than it saves
_M_MMAP_THRESHOLD = -3  # of mallopt(3)


def give_back_early() -> None:
    """Let large arrays go back to the system as soon as they are freed (Linux; elsewhere nothing happens).

    The GNU C library keeps freed blocks of up to 32 MB for later. Arrays of ever other sizes, in several threads,
    rarely fit into what it keeps, so training would hold a third more memory than it uses.
    """
    if sys.platform == "linux":
        tune = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none
        if tune is not None:
            tune(_M_MMAP_THRESHOLD, _LARGE_BYTES)
