//! Generates the types of `wayfarer.v1`, and of the KServe protocol, without protoc.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=wayfarer");
    println!("cargo:rerun-if-changed=kserve");
    let mut compiler = protox::Compiler::new(["."])?;
    compiler.include_source_info(true).include_imports(true);
    for file in ["common", "inference", "browser_farm", "runs", "work"] {
        compiler.open_file(format!("wayfarer/v1/{file}.proto"))?;
    }
    compiler.open_file("kserve/v2.proto")?;
    tonic_prost_build::configure().bytes(".").compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}
