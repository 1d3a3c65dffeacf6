#!/bin/bash
# Prints the Python that QGIS uses. The `python3` found first on PATH is often another one that cannot import qgis.
for python in "${QGIS_PYTHON:-}" /usr/bin/python3 python3; do
    if [ -n "$python" ] && QT_QPA_PLATFORM=offscreen "$python" -c "import qgis.core" 2>/dev/null; then
        command -v "$python"
        exit 0
    fi
done
echo "No Python here can import qgis.core; set QGIS_PYTHON to the one that can." >&2
exit 1
