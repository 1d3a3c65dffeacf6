"""The ground floor both sides of the wall stand on: formats and arithmetic, on the standard library and numpy alone."""
