//! Compiles the protos without `protoc`.

use std::error::Error;

/// Every proto of the project.
const PROTOS: [&str; 1] = ["lakegate/cluster/v1/membership.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let descriptors = protox::compile(PROTOS, ["proto"])?;
    tonic_prost_build::configure().compile_fds(descriptors)?;
    Ok(())
}
