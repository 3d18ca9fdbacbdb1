#!/bin/sh
# clang-tidy over every source of ours that the given build compiles, by .clang-tidy; `1 passed, 0 failed` at the end.
#
#   tests/lint/tidy.sh BUILD [PATTERN]     BUILD holds compile_commands.json; PATTERN chooses sources, all by default
set -eu
build=$1
pattern=${2:-.}
cd "$(dirname "$0")/../.."
tidy=${CLANG_TIDY:-clang-tidy}
jobs=$(getconf _NPROCESSORS_ONLN)
findings=$(mktemp)
trap 'rm -f "$findings"' EXIT

sources=$(sed -n 's/^ *"file": "\(.*\)",\{0,1\}$/\1/p' "$build/compile_commands.json" | sort -u |
          grep -E '/(engine|tools|tests|examples)/.*\.cc$' | grep -E -- "$pattern")
# Warnings of GCC that clang does not know are no findings, nor what only clang's kind of -Wsign-conversion sees.
echo "$sources" | xargs -P "$jobs" -n 2 "$tidy" -p "$build" --quiet \
  --extra-arg=-Wno-unknown-warning-option --extra-arg=-Wno-sign-conversion > "$findings" 2> /dev/null && code=0 || code=$?
grep -E '(warning|error): ' "$findings" | sort -u || true
if [ $code = 0 ]; then echo "1 passed, 0 failed"; else echo "0 passed, 1 failed"; fi
[ $code = 0 ]
