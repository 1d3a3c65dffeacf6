"""The science: forecasting, missions and reports in plain Python; it never imports QGIS or Qt."""
