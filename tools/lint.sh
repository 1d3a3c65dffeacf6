#!/bin/bash
# lint.sh LINT_BIN QGIS_PYTHON STAGED_PLUGIN ZIP: every check that needs no run of the code. All run; any finding fails.
set -uo pipefail

lint=$1 qgis_python=$2 plugin=$3 zip=$4
tools=$(dirname "$0")
failed=()
check() {  # check NAME COMMAND...
    local name=$1
    shift
    echo "== $name"
    "$@" || failed+=("$name")
}

# The rules that plugins.qgis.org has switched on, at every severity; one finding blocks a version there.
# (B111 and B320 are on there, too, but today's bandit has them no more.)
bandit_rules=B101,B102,B103,B104,B105,B106,B107,B108,B110,B112,B113,B201,B202,B301,B302,B303,B304,B305,B306,B307,B308
bandit_rules+=,B310,B311,B312,B313,B314,B315,B316,B317,B318,B319,B321,B323,B324,B401,B402,B403,B405,B406,B407,B408,B409
bandit_rules+=,B412,B413,B501,B502,B503,B504,B505,B506,B507,B508,B509,B601,B602,B603,B604,B605,B606,B607,B608,B609,B610,B611
bandit_rules+=,B612,B613,B614,B615,B701,B702,B703,B704

types() {  # the engine's packages are where the engine is; mypy runs beside them
    "$PATROL_ENGINE_PYTHON" -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
        >"$("$lint/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/engine.pth"
    "$lint/mypy"
}

security() {  # without bandit's warnings that the words of a reason after “nosec” are no rules
    "$lint/bandit" --quiet --recursive "$plugin" -t "$bandit_rules" 2> >(grep -v WARNING >&2)
}

secrets() {  # detect-secrets ends well whatever it finds; what it found is in its JSON
    local report
    report=$(cd "$plugin/.." && "$lint/detect-secrets" scan --all-files --exclude-files 'metadata\.txt' \
        --disable-plugin IPPublicDetector .) &&
        "$lint/python" -c '
import json, sys
found = [(file, item) for file, items in json.load(sys.stdin)["results"].items() for item in items]
for file, item in found:
    print("{}:{}: {}".format(file, item["line_number"], item["type"]))
sys.exit(1 if found else 0)' <<<"$report"
}

lint=$(realpath "$lint")
check "ruff: rules" "$lint/ruff" check --quiet --output-format concise .
check "ruff: format" "$lint/ruff" format --quiet --check --output-format concise .
check "mypy: engine and core" types
check "import rules" "$PATROL_ENGINE_PYTHON" -m pytest tests/house/test_structure.py
check "bandit: rules of plugins.qgis.org" security
check "detect-secrets" secrets
check "metadata and zip rules of plugins.qgis.org" python3 "$tools/site_rules.py" "$zip"
check "what Qt 6 lacks" "$lint/python" "$tools/check_qgis_api.py" "$plugin" --qt6
check "what this QGIS lacks, and Qt 6 will not take" env QT_QPA_PLATFORM=offscreen "$qgis_python" "$tools/check_qgis_api.py" "$plugin"

[ ${#failed[@]} -eq 0 ] || { printf 'Findings in: %s\n' "${failed[@]}" >&2; exit 1; }
echo "No findings."
