#!/bin/bash
# test.sh LOGS: runs every folder of tests in the environment it is for; fails when one fails or finds no test.
# Goes on after a failure, so that one run shows all that is wrong; the last lines are pytest's own summaries.
set -uo pipefail

logs=$1
mkdir -p "$logs"
status=0
summaries=()
run() {  # run FOLDER COMMAND...
    local folder=$1 code
    shift
    echo "== tests/$folder"
    "$@" -m pytest "tests/$folder" 2>&1 | tee "$logs/$folder.log"
    code=${PIPESTATUS[0]}
    [ "$code" -eq 0 ] || status=1
    summaries+=("$(tail -n 1 "$logs/$folder.log") tests/$folder, exit code $code")
}

engine=$PATROL_ENGINE_PYTHON
qgis=build/venv-qgis/bin/python
run house "$engine"
run engine "$engine"
QT_QPA_PLATFORM=offscreen run qgis "$qgis"
run desktop xvfb-run --auto-servernum --server-args "-screen 0 1600x1000x24" "$qgis"

printf '%s\n' "" "${summaries[@]}"
exit "$status"
