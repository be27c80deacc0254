#!/bin/sh
# Make .venv and install into it what requirements.lock pins. Quick, and silent, when that is done already.
# PYTHON=/path/to/python chooses the interpreter; otherwise the newest Python >= 3.11 on PATH is taken.
set -eu
cd "$(dirname "$0")/.."

# Scripts in .venv/bin name this folder, so a checkout that was moved is set up again.
wanted="$(pwd) $(cat requirements.lock pyproject.toml | cksum)"
if [ "$(cat .venv/.ready 2>/dev/null)" = "$wanted" ] && .venv/bin/python -c '' 2>/dev/null; then
    exit 0
fi

usable() {
    "$1" -c 'import sys, venv, ensurepip; raise SystemExit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

if [ -n "${PYTHON:-}" ]; then
    usable "$PYTHON" || { echo "PYTHON=$PYTHON is not a Python >= 3.11 with venv and ensurepip." >&2; exit 1; }
    python="$PYTHON"
else
    python=""
    for name in python3.14 python3.13 python3.12 python3.11 python3 python; do
        if usable "$name"; then python="$name"; break; fi
    done
    if [ -z "$python" ]; then
        echo "No Python >= 3.11 with venv and ensurepip was found on PATH." >&2
        echo "Install one (on Debian and Ubuntu: apt-get install python3 python3-venv), or say PYTHON=/path/to/python." >&2
        exit 1
    fi
fi

rm -f .venv/.ready
here="$(pwd)/.venv"
if ! .venv/bin/python -c 'import pip, sys; raise SystemExit(sys.version_info < (3, 11))' 2>/dev/null ||
    ! grep -qF "$here" .venv/bin/activate 2>/dev/null; then
    echo "Making .venv with $("$python" -V) ..."
    "$python" -m venv --clear .venv
fi

echo "Installing $(grep -c '^[a-z].*==' requirements.lock) pinned packages into .venv; a minute or two the first time ..."
export PIP_DISABLE_PIP_VERSION_CHECK=1
.venv/bin/python -m pip install --quiet --no-input --require-hashes --only-binary :all: -r requirements.lock
# The build backend came with the lock, so nothing unpinned is fetched here.
.venv/bin/python -m pip install --quiet --no-input --no-deps --no-build-isolation --no-index --editable .

printf '%s\n' "$wanted" > .venv/.ready
