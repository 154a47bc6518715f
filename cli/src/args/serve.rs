//! Flags of `lakegate serve`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;

const EXAMPLES: &str = "\
Examples:
  For this machine alone; the first start prints a password for the user `admin`:
      lakegate serve
  With a password of your own and another data folder:
      LAKEGATE_ADMIN_PASSWORD=secret lakegate serve --data-dir /var/lib/lakegate
  With a cluster port, so that executors can join:
      lakegate serve --cluster-listen 0.0.0.0:8816

Other environment variables:
  LAKEGATE_ADMIN_PASSWORD[_FILE]  Password of `admin`, used at the first start
  LAKEGATE_CLUSTER_TOKEN[_FILE]   Join token of executors; otherwise made and kept in the data folder

Flags win over the environment, the environment over the file. The first SIGTERM lets running
queries end, a second one exits at once.";

/// What `lakegate serve` is given.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ServeArgs {
    /// Settings file in TOML; unknown keys are refused
    #[arg(long, value_name = "FILE", env = "LAKEGATE_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Folder of catalog, keys and scratch space; made if it is not there [default: lakegate-data]
    #[arg(long, value_name = "DIR", env = "LAKEGATE_DATA_DIR")]
    data_dir: Option<String>,
    /// Address for clients, Flight SQL and HTTP; port 0 picks a free one [default: 127.0.0.1:8815]
    #[arg(long, value_name = "HOST:PORT", env = "LAKEGATE_LISTEN")]
    listen: Option<String>,
    /// Address for executors; giving it opens the cluster port
    #[arg(long, value_name = "HOST:PORT", env = "LAKEGATE_CLUSTER_LISTEN")]
    cluster_listen: Option<String>,
}

impl ServeArgs {
    /// The flags that were given, under the names that they have in the settings file.
    pub(crate) fn settings(self) -> BTreeMap<String, String> {
        super::given([
            ("data_dir", self.data_dir),
            ("listen", self.listen),
            ("cluster_listen", self.cluster_listen),
        ])
    }
}
