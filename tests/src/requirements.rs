//! What a test needs of the machine beyond the workspace.

use std::env;
use std::fmt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::data;

/// One thing that a machine may lack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requirement {
    /// The right to make network namespaces and mounts.
    Root,
    /// A program on the search path.
    Tool(&'static str),
}

impl Requirement {
    /// Whether this machine has it.
    pub fn is_met(self) -> bool {
        match self {
            Self::Root => is_root() && can_make_namespaces(),
            Self::Tool(name) => is_on_path(name),
        }
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => write!(formatter, "root with network namespaces and mounts"),
            Self::Tool(name) => write!(formatter, "the program `{name}`"),
        }
    }
}

/// The first requirement that this machine lacks.
pub fn first_missing(requirements: &[Requirement]) -> Option<Requirement> {
    requirements.iter().copied().find(|requirement| !requirement.is_met())
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// Root inside a container may still be refused; a namespace of one's own for `true` tells.
fn can_make_namespaces() -> bool {
    let probe = Command::new("unshare")
        .args(["--net", "--mount", "true"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    probe.is_ok_and(|status| status.success())
}

fn is_on_path(name: &str) -> bool {
    tool(name).is_some()
}

/// The program of this name: on the search path, or built by a set-up script into the cache.
pub fn tool(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let built = data::cache().join("bin");
    // Servers lie where only root's search path looks.
    let servers = PathBuf::from("/usr/sbin");
    let mut folders = env::split_paths(&path).chain([built, servers]);
    folders.find_map(|folder| Some(folder.join(name)).filter(|program| program.is_file()))
}
