//! Where the `lakegate` binary under test lies.

use std::env;
use std::path::{Path, PathBuf};

/// Names the binary to test; without it the one built beside the running test is taken.
const BINARY_VARIABLE: &str = "LAKEGATE_BIN";

/// The path of the `lakegate` binary.
///
/// Test executables lie in `<target>/<profile>/deps`, the binary one folder above.
///
/// # Panics
/// When there is no such file: the message says how to build it.
pub fn lakegate() -> PathBuf {
    let path = match env::var_os(BINARY_VARIABLE) {
        Some(path) => PathBuf::from(path),
        None => beside_the_test(),
    };
    assert!(
        path.is_file(),
        "no lakegate binary at {}: run `make build`, or name one in {BINARY_VARIABLE}",
        path.display()
    );
    path
}

fn beside_the_test() -> PathBuf {
    let test = env::current_exe().expect("the running test has a path");
    let profile = test.parent().and_then(Path::parent).expect("tests lie in <profile>/deps");
    profile.join(format!("lakegate{}", env::consts::EXE_SUFFIX))
}

/// The root folder of the workspace.
pub fn workspace() -> PathBuf {
    // What cargo says now comes first: a test that was built in another checkout may be run here.
    let tests = env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    tests.parent().expect("the package lies in the workspace").to_path_buf()
}
