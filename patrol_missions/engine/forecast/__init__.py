"""From a history of incidents to calibrated expected incidents by cell, shift and category."""
