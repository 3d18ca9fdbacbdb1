#!/bin/sh
# Builds every fuzz target with clang and runs each for a while; the last line is `N passed, N failed`, a target that
# found nothing being a pass. Inputs that were found lie in build/fuzz/found, the corpus goes on growing in
# build/fuzz/corpus.
#
#   tests/fuzz/run.sh [SECONDS]     of each target; 60
set -eu
cd "$(dirname "$0")/../.."
seconds=${1:-60}
case $seconds in
  "" | *[!0-9]*) echo "fuzz/run.sh: $seconds is no number of seconds; usage: tests/fuzz/run.sh [SECONDS]" >&2; exit 2 ;;
esac

build=build/fuzz
mkdir -p $build/found
cmake --preset fuzz > $build/configure.log || { cat $build/configure.log; exit 1; }
cmake --build --preset fuzz > $build/build.log || { cat $build/build.log; exit 1; }
$build/bin/write_seeds $build/corpus

# Takes a target; leaves its log and exit code. As many at a time as there are processors.
# shellcheck disable=SC2016
fuzz_one='
  build=$1 seconds=$2 name=$(basename "$3")
  known=tests/fuzz/found/$name
  [ -d "$known" ] || known=
  code=0
  "$3" -max_total_time="$seconds" -timeout=60 -rss_limit_mb=1024 -malloc_limit_mb=512 -print_final_stats=1 \
    -artifact_prefix="$build/found/$name-" "$build/corpus/$name" $known > "$build/$name.log" 2>&1 || code=$?
  echo $code > "$build/$name.code"
'
rm -f $build/fuzz_*.code
printf '%s\n' $build/bin/fuzz_* | xargs -P "$(getconf _NPROCESSORS_ONLN)" -n 1 sh -c "$fuzz_one" sh $build "$seconds"

passed=0
failed=0
for target in $build/bin/fuzz_*; do
  name=$(basename "$target")
  code=$(cat $build/"$name".code || echo 255)
  executions=$(sed -n 's/^stat::number_of_executed_units: *//p' $build/"$name".log)
  echo "$name: ${executions:-0} executions in $seconds s, exit code $code"
  if [ "$code" = 0 ]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    tail -n 60 $build/"$name".log
  fi
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]
