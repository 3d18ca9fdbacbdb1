#!/bin/sh
# Installs what is missing, builds and runs every test; the last line is `N passed, N failed`.
#
#   tests/run.sh [--train] [--fuzz [SECONDS]]
#     --train  also the trainer's tests, which install and need PyTorch
#     --fuzz   also every fuzz target for SECONDS, one minute unless given; installs and needs clang
set -eu
cd "$(dirname "$0")/.."
train=no
fuzz=
usage="usage: tests/run.sh [--train] [--fuzz [SECONDS]]"
for argument in "$@"; do
  case $argument in
    --train) train=yes ;;
    --fuzz) fuzz=60 ;;
    *[!0-9]* | "") echo "run.sh: unknown argument $argument; $usage" >&2; exit 2 ;;
    *) [ -n "$fuzz" ] || { echo "run.sh: $argument seconds of what? $usage" >&2; exit 2; }; fuzz=$argument ;;
  esac
done
if [ $train = yes ]; then tools/deps/install.sh --test --train; else tools/deps/install.sh --test; fi
if [ -n "$fuzz" ]; then tools/deps/install.sh --fuzz; fi

build=build/host-release
mkdir -p $build
echo "run.sh: configuring and building $build" >&2
cmake --preset host-release -DSMX_BUILD_TESTS=ON > $build/configure.log || { cat $build/configure.log >&2; exit 1; }
cmake --build $build > $build/build.log || { cat $build/build.log >&2; exit 1; }

passed=0
failed=0
# A program of tests says how many there were; one that ends without a word has crashed, which is a failure too.
run() {
  name=$1
  shift
  echo "run.sh: $name" >&2
  code=0
  "$@" > $build/$name.log 2>&1 || code=$?
  # "3 1" out of "[doctest] test cases: 4 | 3 passed | 1 failed ..." or "3 passed, 1 failed"
  counts=$(sed -n 's/.*[^0-9]\([0-9][0-9]*\) passed | *\([0-9]*\) failed |.*skipped.*/\1 \2/p
                   s/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' $build/$name.log | tail -n 1)
  counts=${counts:-0 0}
  if [ $code != 0 ] && [ "${counts#* }" = 0 ]; then counts="${counts% *} 1"; fi
  if [ $code = 0 ] && [ "$counts" = "0 0" ]; then counts="0 1"; fi
  passed=$((passed + ${counts% *}))
  failed=$((failed + ${counts#* }))
  if [ "${counts#* }" != 0 ]; then cat $build/$name.log; echo "run.sh: $name ended with exit code $code"; fi
}
for program in $build/bin/smx_*_tests; do run "$(basename "$program")" "$program"; done
if [ $train = yes ]; then run train_tests tests/tools/train/run.sh; fi
if [ -n "$fuzz" ]; then
  run fuzz tests/fuzz/run.sh "$fuzz"
  grep executions $build/fuzz.log >&2 || true
fi

echo "$passed passed, $failed failed"
[ $failed = 0 ]
