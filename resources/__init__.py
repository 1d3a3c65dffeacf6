"""Icons, styles, models and help, read as files."""
