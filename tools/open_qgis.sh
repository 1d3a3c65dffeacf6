#!/bin/bash
# open_qgis.sh PROFILES: QGIS with the plugin of QGIS_PLUGINPATH switched on, in the profile “dev” of that folder.
set -euo pipefail
settings=$1/profiles/dev/QGIS/QGIS3.ini
if [ ! -e "$settings" ]; then
    mkdir -p "$(dirname "$settings")"
    printf '[PythonPlugins]\npatrol_missions=true\n' >"$settings"
fi
exec qgis --profiles-path "$1" --profile dev
