#!/bin/bash
# test.sh LOGS: runs every folder of tests in the environment it is for; fails when one fails or finds no test.
# Goes on after a failure, so that one run shows all that is wrong; the last lines are pytest's own summaries. The engine's
# tests, which take longest, run beside the others: on two cores that halves the wait.
set -uo pipefail

logs=$1
mkdir -p "$logs"
declare -A codes
run() {  # run FOLDER COMMAND...
    local folder=$1
    shift
    echo "== tests/$folder"
    "$@" -m pytest "tests/$folder" 2>&1 | tee "$logs/$folder.log"
    codes[$folder]=${PIPESTATUS[0]}
}

engine=$PATROL_ENGINE_PYTHON
qgis=build/venv-qgis/bin/python
"$engine" -m pytest tests/engine >"$logs/engine.log" 2>&1 &
beside=$!
trap 'kill "$beside" 2>/dev/null' EXIT
run house "$engine"
QT_QPA_PLATFORM=offscreen run qgis "$qgis"
run desktop xvfb-run --auto-servernum --server-args "-screen 0 1600x1000x24" "$qgis"
wait "$beside"
codes[engine]=$?
echo "== tests/engine"
cat "$logs/engine.log"

echo
status=0
for folder in house engine qgis desktop; do
    [ "${codes[$folder]}" -eq 0 ] || status=1
    echo "$(tail -n 1 "$logs/$folder.log") tests/$folder, exit code ${codes[$folder]}"
done
exit "$status"
