#!/bin/sh
# Puts the libraries of Debian 13 for other processors into build/sysroot/<architecture>, as packages.txt lists them: the
# -dev packages that a build for this machine uses (groups build and test), and the group sysroot. Packages of two
# architectures do not install side by side, so these are only unpacked. Needs no root; install.sh --arm calls it.
#
#   tools/deps/sysroot.sh MIRROR ARCHITECTURE...        such as .../debian arm64 armhf
set -eu
folder=$(cd "$(dirname "$0")" && pwd)
sysroots=$folder/../../build/sysroot
mirror=$1
shift

say() { echo "sysroot: $*" >&2; }
packages=$(awk '$1 == "sysroot" || (($1 == "build" || $1 == "test") && $2 ~ /-dev$/) { print $2 }' \
               "$folder/packages.txt" | sort | paste -s -d, -)
mode=auto
if [ "$(id -u)" != 0 ]; then mode=chrootless; fi  # the others want more than a plain user has

# The names under which the mirror has Debian 13. A mirror that is half-way through an update may have one of them whole
# and the other not.
suites() {
  echo trixie
  if [ -x /usr/lib/apt/apt-helper ] &&
     /usr/lib/apt/apt-helper download-file "$mirror/dists/stable/InRelease" "$sysroots/InRelease" > /dev/null 2>&1 &&
     grep -q '^Codename: trixie$' "$sysroots/InRelease"; then
    echo stable
  fi
}

make() {
  new=$sysroots/$1.new
  for suite in $(suites); do
    rm -rf "$new"
    if mmdebstrap --mode=$mode --variant=extract --architectures="$1" --include="$packages" "$suite" "$new" "$mirror" \
         > "$sysroots/$1.log" 2>&1; then
      ln -sfn usr/lib "$new/lib"  # programs name their loader there
      echo "$packages" > "$new/packages"
      rm -rf "${sysroots:?}/$1"
      mv "$new" "$sysroots/$1"
      return 0
    fi
  done
  cat "$sysroots/$1.log" >&2
  say "mmdebstrap could not unpack Debian 13 for $1 from ${mirror:-no mirror}; its words are above"
  return 1
}

mkdir -p "$sysroots"
for architecture in "$@"; do
  if [ "$(cat "$sysroots/$architecture/packages" 2>/dev/null)" = "$packages" ]; then continue; fi
  say "unpacking $packages of Debian 13 for $architecture"
  make "$architecture"
done
