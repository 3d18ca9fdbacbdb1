#!/bin/sh
# The trainer's tests, in a virtual environment with what Debian has no package of. Called by tests/run.sh --train.
set -eu
cd "$(dirname "$0")/../../.."
venv=build/train-venv
[ -x $venv/bin/python ] || /usr/bin/python3 -m venv --system-site-packages $venv
$venv/bin/python -m pip install --quiet -r tools/train/requirements.txt
exec $venv/bin/python tests/tools/train/test_golden.py
