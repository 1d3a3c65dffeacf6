#!/bin/bash
# environment.sh FOLDER PYTHON [--system-site-packages] LOCK...: a virtual environment with exactly what the lock files pin.
# Quick when nothing changed: the environment remembers the locks and the Python that it was made from.
set -euo pipefail

folder=$1 python=$2
shift 2
options=()
if [ "$1" = --system-site-packages ]; then
    options+=("$1")
    shift
fi
recipe=$({ "$python" --version; echo "$python" "${options[@]}"; cat "$@"; } | sha256sum)
[ "$(cat "$folder/.recipe" 2>/dev/null)" != "$recipe" ] || exit 0

echo "Making $folder ..."
"$python" -m venv --clear "${options[@]}" "$folder"
requirements=()
for lock in "$@"; do requirements+=(-r "$lock"); done
# Wheels only, each with a hash from the lock: nothing is built here, and nothing is installed that was not pinned.
"$folder/bin/python" -m pip install --quiet --quiet --disable-pip-version-check --no-input \
    --require-hashes --only-binary :all: "${requirements[@]}"
echo "$recipe" >"$folder/.recipe"
