#!/bin/bash
# Sees to what the machine itself must have: QGIS with its Python, virtual environments, and a screen that needs no monitor.
# Does nothing when all is there. Otherwise installs it with apt where that is allowed, or names the one command to run.
set -euo pipefail

missing=()
need() {  # need PACKAGE COMMAND...: the package is wanted when the command fails
    local package=$1
    shift
    "$@" >/dev/null 2>&1 || missing+=("$package")
}
has() { command -v "$1"; }

need qgis has qgis
need qgis has qgis_process
need python3-qgis "$(dirname "$0")/qgis_python.sh"
need python3-venv /usr/bin/python3 -c "import ensurepip, venv"
need xvfb has xvfb-run
need xauth has xauth
need postgresql compgen -G "/usr/lib/postgresql/*/bin/initdb"
need gpsd test -x /usr/sbin/gpsd
need gpsd-clients has gpspipe
need gpsd-tools has gpsfake

[ ${#missing[@]} -gt 0 ] || exit 0
mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)
command="apt-get install -y --no-install-recommends ${missing[*]}"

if ! has apt-get >/dev/null; then
    echo "This machine lacks: ${missing[*]} (Debian's names). Install them with its own package manager, then run make again." >&2
    exit 1
fi
if [ "$(id -u)" -eq 0 ]; then
    as_root=()
elif sudo -n true 2>/dev/null; then
    as_root=(sudo -n)
else
    echo "This machine lacks: ${missing[*]}. Run this once, then make again:" >&2
    echo "  sudo sh -c 'apt-get update && $command'" >&2
    exit 1
fi
echo "Installing ${missing[*]} ..."
"${as_root[@]}" apt-get update -qq
# shellcheck disable=SC2086 - the command is words on purpose, so that what is printed is what runs
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive $command >/dev/null
