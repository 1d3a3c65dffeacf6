"""What the user sees in QGIS: the dock, its pages, dialogs and settings."""
