//! With the feature `cuda`: the kernels for GPUs as the compiler's intermediate code, for Ampere and everything after it.

use std::path::PathBuf;
use std::process::Command;

const SOURCE: &str = "src/kernels/cuda/kernels.cu";

fn main() -> Result<(), String> {
    println!("cargo::rerun-if-changed={SOURCE}");
    println!("cargo::rerun-if-env-changed=NVCC");
    if std::env::var_os("CARGO_FEATURE_CUDA").is_none() {
        return Ok(());
    }
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("cargo has not set OUT_DIR")?);
    let compiler = std::env::var("NVCC").unwrap_or_else(|_| "nvcc".into());
    let compiled = Command::new(&compiler)
        .args(["-ptx", "-arch=compute_80", "-O3", "-std=c++17", "-o"])
        .arg(out.join("kernels.ptx"))
        .arg(SOURCE)
        .status()
        .map_err(|error| format!("{compiler} cannot be run ({error}); scripts/build_cuda.sh brings a compiler"))?;
    if compiled.success() { Ok(()) } else { Err(format!("{compiler} could not compile {SOURCE}")) }
}
