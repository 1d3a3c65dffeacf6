#!/bin/bash
# lock.sh UV: pins every requirements file for all systems and Python versions that it is for.
set -euo pipefail
compile() {  # compile OLDEST_PYTHON FILE...
    local oldest=$1 file
    shift
    for file in "$@"; do
        "$uv" pip compile --quiet --universal --python-version "$oldest" --generate-hashes --no-header --no-annotate \
            --upgrade "$file.txt" -o "$file.lock"
    done
}
uv=$1
compile 3.9 requirements tools/requirements/test requirements-cluster
compile 3.11 tools/requirements/lint
