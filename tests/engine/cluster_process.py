"""A Dask cluster of two worker processes that import the package from the folders given, if any; ends with its input.

Run as a program of its own, so that nothing of the tests' own path gets into the workers.
"""

from __future__ import annotations

import sys

sys.path[:0] = sys.argv[1:]

if __name__ == "__main__":
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, memory_limit=0) as cluster:
        sys.stdout.write(f"{cluster.scheduler_address}\n")
        sys.stdout.flush()
        sys.stdin.read()
