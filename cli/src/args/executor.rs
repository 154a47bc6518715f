//! Flags of `lakegate executor`.

use std::collections::BTreeMap;
use std::num::NonZeroU16;
use std::path::PathBuf;

use clap::Args;
use lakegate_common::ByteSize;

const EXAMPLES: &str = "\
Examples:
  Two executors on one machine, beside a server with --cluster-listen 127.0.0.1:8816:
      export LAKEGATE_CLUSTER_TOKEN_FILE=lakegate-data/cluster-token
      lakegate executor --scheduler 127.0.0.1:8816 --data-dir executor-1 --cores 2
      lakegate executor --scheduler 127.0.0.1:8816 --data-dir executor-2 --cores 2

Other environment variables:
  LAKEGATE_CLUSTER_TOKEN[_FILE]   Join token, the same as the server's

Flags win over the environment, the environment over the file. The first SIGTERM lets running tasks
end and keeps what queries still read, a second one exits at once.";

/// What `lakegate executor` is given.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ExecutorArgs {
    /// Cluster address of the server to work for
    #[arg(long, value_name = "HOST:PORT", env = "LAKEGATE_SCHEDULER")]
    scheduler: Option<String>,
    /// Settings file in TOML; unknown keys are refused
    #[arg(long, value_name = "FILE", env = "LAKEGATE_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Folder of scratch space, one for each executor [default: lakegate-executor-data]
    #[arg(long, value_name = "DIR", env = "LAKEGATE_DATA_DIR")]
    data_dir: Option<String>,
    /// Address for other members of the cluster; a free port where none is given
    #[arg(long, value_name = "HOST:PORT", env = "LAKEGATE_LISTEN")]
    listen: Option<String>,
    /// Host name or address that other members reach this executor by
    #[arg(long, value_name = "HOST", env = "LAKEGATE_ADVERTISE")]
    advertise: Option<String>,
    /// Tasks that run at a time [default: the machine's cores]
    #[arg(long, value_name = "N", env = "LAKEGATE_CORES")]
    cores: Option<NonZeroU16>,
    /// Memory for tasks, such as 4GiB; what does not fit is spilled to disk
    #[arg(long, value_name = "SIZE", env = "LAKEGATE_MEMORY")]
    memory: Option<ByteSize>,
}

impl ExecutorArgs {
    /// The flags that were given, under the names that they have in the settings file.
    pub(crate) fn settings(self) -> BTreeMap<String, String> {
        super::given([
            ("scheduler", self.scheduler),
            ("data_dir", self.data_dir),
            ("listen", self.listen),
            ("advertise", self.advertise),
            ("cores", self.cores.map(|cores| cores.to_string())),
            ("memory", self.memory.map(|memory| memory.to_string())),
        ])
    }
}
