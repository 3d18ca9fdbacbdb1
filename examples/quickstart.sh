#!/bin/sh
# Installs what is missing, builds, quantizes the shipped model and labels real texts.
#
#   examples/quickstart.sh [TEXT ...]
set -eu
cd "$(dirname "$0")/.."
tools/deps/install.sh
build=build/host-release
if [ ! -f $build/build.ninja ]; then
  echo "quickstart: configuring $build" >&2
  cmake --preset host-release -DSMX_BUILD_TESTS=OFF > /dev/null
fi
echo "quickstart: building $build" >&2
cmake --build $build --target smx smx-quantize > $build/build.log || { cat $build/build.log >&2; exit 1; }

source=examples/models/banking77
model=$build/models/banking77.smx
mkdir -p $build/models
echo
echo "\$ smx-quantize $source/model.safetensors -o $model"
$build/bin/smx-quantize $source/model.safetensors -o $model
echo
echo "\$ smx classify $model ..."
if [ $# -gt 0 ]; then
  $build/bin/smx classify $model -- "$@"
else
  $build/bin/smx classify $model -- \
    "How do I locate my card?" \
    "The exchange rate you used for my payment abroad is wrong." \
    "I forgot my PIN and now the card is blocked, what can I do?" \
    "Why was I charged a fee when I took out cash?" \
    "Can my daughter open an account? She is 15."
fi
echo
echo "\$ smx bench $model --length 16"
$build/bin/smx bench $model --length 16
echo
echo "\$ smx evaluate $model $source/test.tsv"
$build/bin/smx evaluate $model $source/test.tsv
echo
echo "Next: smx classify $model --input FILE; smx inspect $model --html report.html (programs: $build/bin)"
