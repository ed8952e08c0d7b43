#!/usr/bin/env bash
# What CI and a developer's machine run: format, clippy with warnings denied, layers, tests, docs without broken links.
set -euo pipefail
cd "$(dirname "$0")/.."
# nothing is built twice here: what rustc would keep for that takes room and time
export CARGO_INCREMENTAL=0
step() { printf '\n\033[1m== %s\033[0m (at %d s)\n' "$*" "$SECONDS"; }

step "bootstrap"
scripts/bootstrap.sh
step "format"
cargo fmt --all -- --check
step "layers"
python3 scripts/check_layers.py
step "one TLS provider in what we ship"
if cargo tree --workspace -e normal -i ring 2>/dev/null | grep -q '^ring'; then
  echo "ring came in beside aws-lc-rs: two rustls providers panic at run time" >&2
  exit 1
fi
step "clippy"
cargo clippy --workspace --all-targets --locked -- -D warnings
step "docs"
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked -q
step "tests, and beside them verdicts against ground truth (the stand-in on every world; fails if worse than recorded)"
rm -rf target/report
# no page of docs has an example that runs: there are no tests of docs
scripts/run_tests.py --beside "target/debug/wayfarer sandbox report --attempts 100 --fail-rate 0.3 --attack-rate 0.15 --seed 7 --out target/report --baseline docs/report-baseline.json"
