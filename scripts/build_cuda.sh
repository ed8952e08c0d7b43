#!/usr/bin/env bash
# Builds binaries whose in-process engine computes on NVIDIA GPUs, into target/cuda/. One binary for both kinds of machine: CUDA's libraries
# are looked for when `inference.engine.cuda` asks for them, and not before. Neither a GPU nor a driver is needed to build.
#
#   scripts/build_cuda.sh                       wayfarer and wayfarer-loadtest
#   scripts/build_cuda.sh -p wayfarer           only this one
#   scripts/build_cuda.sh test -p wayfarer-engine --lib gpu    the engine's tests on the GPU that is here
#
# The compiler is the one of CUDA_HOME; without it, NVIDIA's wheels are installed from the package registry (1.2 GB, into .wayfarer/cuda).
set -euo pipefail
cd "$(dirname "$0")/.."
tools="${WAYFARER_TOOLS:-$PWD/.wayfarer}"
out="$PWD/target/cuda"
say() { printf '\033[2m[cuda]\033[0m %s\n' "$*"; }
die() { printf '[cuda] %s\n' "$*" >&2; exit 1; }
mkdir -p "$out"

if [ -z "${CUDA_HOME:-}" ]; then
  export CUDA_HOME="$tools/cuda/nvidia/cu13"
  if ! [ -x "$CUDA_HOME/bin/nvcc" ] || ! [ -e "$tools/cuda/complete" ]; then
    say "installing CUDA's compiler into $tools/cuda"
    python3 -m pip install -q --root-user-action=ignore --no-deps --upgrade --target "$tools/cuda" \
      nvidia-cuda-nvcc==13.0.88 nvidia-cuda-crt==13.0.88 nvidia-nvvm==13.0.88 nvidia-cuda-cccl==13.0.85 nvidia-cuda-runtime==13.0.96 \
      || die "pip could not install CUDA's compiler; install CUDA 13.0 and set CUDA_HOME"
    touch "$tools/cuda/complete"
  fi
  # as build scripts and the linker look for libraries
  ln -sfn lib "$CUDA_HOME/lib64"
fi
[ -x "$CUDA_HOME/bin/nvcc" ] || die "there is no nvcc in CUDA_HOME ($CUDA_HOME/bin)"
export PATH="$CUDA_HOME/bin:$PATH" NVCC="$CUDA_HOME/bin/nvcc" LIBRARY_PATH="$out/lib${LIBRARY_PATH:+:$LIBRARY_PATH}"
# the runtime is put into the binary: it is the one library that candle's kernels link whatever is asked for
mkdir -p "$out/lib"
ln -sf "$CUDA_HOME/lib64/libcudart_static.a" "$out/lib/libcudart.a"
# candle's kernels: for Hopper unless something else is asked for. Ours are kept as PTX, for Ampere and everything after it.
export CUDA_COMPUTE_CAP="${CUDA_COMPUTE_CAP:-90}" CUDARC_CUDA_VERSION="${CUDARC_CUDA_VERSION:-13000}" CUDAFORGE_THREADS="${CUDAFORGE_THREADS:-$(nproc)}"

# candle links CUDA's libraries, so that a binary does not start without them. A copy of its crate asks for them at run time instead: one word
# in its manifest.
manifest="$(cargo metadata --format-version 1 --locked | python3 -c '
import json, sys
print(next(p["manifest_path"] for p in json.load(sys.stdin)["packages"] if p["name"] == "candle-core"))')"
if [ "$(cat "$out/candle-core/.from" 2>/dev/null)" != "$manifest" ]; then
  rm -rf "$out/candle-core"
  cp -r "$(dirname "$manifest")" "$out/candle-core"
  [ "$(grep -c '"dynamic-linking"' "$out/candle-core/Cargo.toml")" = 1 ] || die "candle-core's manifest has changed; see what replaced dynamic-linking"
  sed -i 's/"dynamic-linking"/"dynamic-loading"/' "$out/candle-core/Cargo.toml"
  printf '%s' "$manifest" > "$out/candle-core/.from"
fi

# the copy has no checksum: the lock file is put back afterwards
cp Cargo.lock "$out/Cargo.lock.kept"
trap 'cp "$out/Cargo.lock.kept" Cargo.lock' EXIT
[ $# -gt 0 ] || set -- build -p wayfarer -p wayfarer-loadtest
case "$1" in -*) set -- build "$@" ;; esac
command="$1"
shift
cargo "$command" --release --features cuda --target-dir "$out/build" --config "patch.crates-io.candle-core.path='$out/candle-core'" "$@"
[ "$command" = build ] || exit 0
for binary in wayfarer wayfarer-loadtest; do
  if [ -x "$out/build/release/$binary" ]; then strip -o "$out/$binary" "$out/build/release/$binary"; fi
done
if readelf -d "$out"/wayfarer* 2>/dev/null | grep -qE 'NEEDED.*lib(cuda|cudart|cublas|curand)'; then
  die "the binary is linked to CUDA's libraries: it would not start without them"
fi
say "built: $(ls "$out"/wayfarer* | tr '\n' ' ')"
