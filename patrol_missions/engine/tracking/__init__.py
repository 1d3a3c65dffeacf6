"""Live tracking: position reports in, stays in cells, timers of missions and a ledger out."""
