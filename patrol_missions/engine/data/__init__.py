"""Incidents, shifts, indicators, the quality report and the sample city."""
