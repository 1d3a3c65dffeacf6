#!/bin/bash
# open_qgis.sh PROFILES: QGIS with the plugin of QGIS_PLUGINPATH switched on, in the profile “dev” of that folder.
set -euo pipefail
settings=$1/profiles/dev/QGIS/QGIS3.ini
if [ ! -e "$settings" ]; then
    mkdir -p "$(dirname "$settings")"
    printf '[PythonPlugins]\npatrol_missions=true\n' >"$settings"
fi
# QGIS's embedded Python finds its library by the first python3 on the path, which must be the one QGIS was built for.
PATH=$(dirname "$("$(dirname "$0")/qgis_python.sh")"):$PATH
exec qgis --profiles-path "$1" --profile dev
