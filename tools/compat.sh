#!/bin/bash
# compat.sh FOLDER SUITE...: runs the QGIS tests on the QGIS of other Debian releases.
# Each release is a system of its own in FOLDER/SUITE, made once. /proc and /dev are mounted in a name space that ends with
# the command, so nothing stays mounted however it ends, and removing FOLDER can never reach through a mount.
set -euo pipefail

folder=$1
shift
if [ "$(id -u)" -ne 0 ] || ! command -v debootstrap >/dev/null; then
    echo "make compat needs root and debootstrap. Run: sudo apt-get install -y debootstrap && sudo make compat" >&2
    exit 1
fi

mirror() {  # this machine's own mirror of Debian, if it has one
    local found
    found=$(grep -rhoE '(https?|file)://[^ ]*/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null | head -n 1 | tr -d ' ')
    echo "${found:-http://deb.debian.org/debian}"
}

take_over_network() {  # take_over_network ROOT: name servers, certificates, proxies and package indexes of this machine
    local root=$1 file
    for file in /etc/resolv.conf /etc/hosts /etc/ssl/certs/ca-certificates.crt /etc/pip.conf "$HOME/.config/pip/pip.conf"; do
        [ ! -e "$file" ] || install -D -m 644 "$file" "$root${file/#$HOME//root}"
    done
    apt-config dump | grep -E '^Acquire::(https?|Retries|Check)' >"$root/etc/apt/apt.conf.d/99-as-on-the-host" || true
    # Several hundred packages are unpacked into a system that can be made again at any time: no fsync after each.
    echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/no-sync"
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"  # no service is started in there
    chmod 755 "$root/usr/sbin/policy-rc.d"
}

copy_project() {  # copy_project ROOT: the tracked working files and the stage; environments made there before stay
    local to=$1/patrol
    mkdir -p "$to/build"
    find "$to" -mindepth 1 -maxdepth 1 ! -name build -exec rm -rf {} +
    git ls-files -z | while IFS= read -r -d '' file; do [ ! -e "$file" ] || printf '%s\0' "$file"; done |
        tar -c --null -T - | tar -x -C "$to"
    rm -rf "$to/build/stage"
    cp -r "$PATROL_STAGE" "$to/build/stage"
}

inside() {  # inside ROOT COMMAND: a shell command at the project's root in that system
    unshare --mount --pid --fork bash -c '
        mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev" && mount -t tmpfs tmpfs "$1/dev/shm" &&
        exec chroot "$1" /usr/bin/env HOME=/root TMPDIR=/tmp PATH=/usr/sbin:/usr/bin:/sbin:/bin QT_QPA_PLATFORM=offscreen \
            PATROL_STAGE=/patrol/build/stage QGIS_PLUGINPATH=/patrol/build/stage \
            PATROL_ENGINE_PYTHON=/patrol/build/venv-engine/bin/python bash -euo pipefail -c "cd /patrol; $2"
    ' - "$1" "$2"
}

mkdir -p "$folder"
folder=$(realpath "$folder")
status=0
summaries=()
for suite in "$@"; do
    root=$folder/$suite
    log=$folder/$suite.log
    if [ ! -e "$root.made" ]; then
        echo "Making Debian $suite in $root ..."
        rm -rf "$root"
        debootstrap --variant=minbase --include=ca-certificates "$suite" "$root" "$(mirror)" >"$log"
        touch "$root.made"
    fi
    take_over_network "$root"
    copy_project "$root"
    inside "$root" '
        tools/system.sh
        tools/environment.sh build/venv-engine /usr/bin/python3 requirements.lock tools/requirements/test.lock
        tools/environment.sh build/venv-qgis /usr/bin/python3 --system-site-packages tools/requirements/test.lock'
    version=$(inside "$root" '/usr/bin/python3 -c "from qgis.core import Qgis; print(Qgis.QGIS_VERSION)"')
    echo "== tests/qgis on Debian $suite, QGIS $version"
    code=0
    inside "$root" 'build/venv-qgis/bin/python -m pytest tests/qgis' 2>&1 | tee "$log" || code=$?
    [ "$code" -eq 0 ] || status=1
    summaries+=("$(tail -n 1 "$log") Debian $suite, QGIS $version, exit code $code")
done
printf '%s\n' "" "${summaries[@]}"
exit "$status"
