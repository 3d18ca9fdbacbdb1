#!/bin/sh
# Installs what smx is built from on Debian 12 and 13, from the list in packages.txt. Asks nothing; does nothing when all
# of it is there. Where the release's own package is older than the list's minimum, the same package of Debian 13 is
# taken, by a source with a priority so low that nothing else ever comes from it.
#
#   tools/deps/install.sh [--test] [--train] [--minilm] [--arm] [--fuzz] [--tidy] [--list]
#
# --arm: compilers for ARM, an emulator, and the libraries of Debian 13 for arm64 and armhf under build/sysroot.
set -eu
folder=$(cd "$(dirname "$0")" && pwd)
groups=" build "
say() { echo "install: $*" >&2; }
for argument in "$@"; do
  case $argument in
    --test) groups="$groups test " ;;
    --train) groups="$groups train " ;;
    --minilm) groups="$groups minilm " ;;
    --arm) groups="$groups arm " ;;
    --fuzz) groups="$groups fuzz " ;;
    --tidy) groups="$groups tidy " ;;
    --list) sed -n 's/^# \(group.*\)/\1/p; /^[a-z]/p' "$folder/packages.txt"; exit 0 ;;
    *) say "unknown argument $argument; usage: install.sh [--test] [--train] [--minilm] [--arm] [--fuzz] [--tidy] [--list]"; exit 2 ;;
  esac
done

# Prints "package minimum" for the chosen groups.
wanted() {
  while read -r group package minimum _; do
    case $groups in *" $group "*) echo "$package $minimum" ;; esac
  done < "$folder/packages.txt"
}

# Prints the wanted packages that are not installed in a sufficient version.
missing() {
  installed=$(dpkg-query -W -f '${db:Status-Status} ${Package} ${Version}\n' $(wanted | cut -d' ' -f1) 2>/dev/null |
              sed -n 's/^installed //p' || true)
  wanted | while read -r package minimum; do
    version=$(echo "$installed" | sed -n "s/^$package //p" | head -n 1)
    if [ -z "$version" ] || dpkg --compare-versions "$version" lt "$minimum"; then echo "$package $minimum"; fi
  done
}

if ! command -v apt-get > /dev/null; then
  say "no apt-get here: install these by other means, or configure with -DSMX_FETCH_DEPENDENCIES=ON:"
  wanted | sed 's/ / >= /' >&2
  exit 0
fi

# The address of this machine's own Debian mirror, whichever form its apt sources have.
mirror() {
  { cat /etc/apt/sources.list.d/*.sources 2>/dev/null | sed -n 's/^URIs: *\([^ ]*\).*/\1/p'
    cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
      sed -n 's/^deb *\(\[[^]]*\] *\)\{0,1\}\([^ ]*\) .*/\2/p'
  } | grep -v security | grep debian | head -n 1
}
# What --arm installs beside packages.
sysroots() { case $groups in *" arm "*) "$folder/sysroot.sh" "$(mirror)" arm64 armhf ;; esac; }

todo=$(missing)
if [ -z "$todo" ]; then sysroots; exit; fi

root=
if [ "$(id -u)" != 0 ]; then
  if ! command -v sudo > /dev/null; then
    say "these packages are missing, and I am neither root nor have sudo; install them and come again:"
    echo "$todo" | sed 's/ / >= /' >&2
    exit 1
  fi
  root=sudo
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# Quiet unless it fails.
apt() {
  if ! run_apt "$@" > "$log" 2>&1; then
    cat "$log" >&2
    say "apt-get $1 failed; its words are above"
    exit 1
  fi
}
run_apt() { $root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@"; }

# Prints the packages of `todo` whose newest version here is older than their minimum.
too_old() {
  echo "$todo" | while read -r package minimum; do
    candidate=$(apt-cache policy "$package" | sed -n 's/^ *Candidate: //p')
    case $candidate in
      "" | "(none)") echo "$package" ;;
      *) if dpkg --compare-versions "$candidate" lt "$minimum"; then echo "$package"; fi ;;
    esac
  done
}

say "installing $(echo "$todo" | cut -d' ' -f1 | tr '\n' ' ')"
apt update
newer=$(too_old)
if [ -n "$newer" ]; then
  address=$(mirror)
  [ -n "$address" ] || { say "no Debian mirror among the apt sources; add Debian 13's main by hand"; exit 1; }
  say "too old in this release, so from Debian 13, at priority 100: $(echo "$newer" | tr '\n' ' ')"
  $root tee /etc/apt/preferences.d/smx-trixie > /dev/null <<EOF
Package: *
Pin: release n=trixie
Pin-Priority: 100
EOF
  $root tee /etc/apt/sources.list.d/smx-trixie.sources > /dev/null <<EOF
Types: deb
URIs: $address
Suites: trixie
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
EOF
  apt update
fi
# Two steps: this release's compiler brings its libc6-dev first, which the second step then replaces with its libc6.
own=$(echo "$todo" | cut -d' ' -f1 | grep -vxF "${newer:-none}" || true)
# shellcheck disable=SC2086
if [ -n "$own" ]; then apt install -y --no-install-recommends $own; fi
# shellcheck disable=SC2086
if [ -n "$newer" ]; then apt install -y --no-install-recommends -t trixie $newer; fi
left=$(missing)
if [ -n "$left" ]; then say "still missing: $left"; exit 1; fi
sysroots
