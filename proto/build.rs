//! Generates the types of `wayfarer.v1` without protoc.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=wayfarer");
    let mut compiler = protox::Compiler::new(["."])?;
    compiler.include_source_info(true).include_imports(true);
    for file in ["common", "inference", "browser_farm", "runs", "work"] {
        compiler.open_file(format!("wayfarer/v1/{file}.proto"))?;
    }
    tonic_prost_build::configure().bytes(".").compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}
