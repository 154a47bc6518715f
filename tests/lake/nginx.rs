//! An nginx that gives the files of the SQL tests: below `/raw/` to everybody, below `/private/` to
//! who brings a token.

use std::fs;
use std::process::Command;
use std::time::Duration;

use lakegate_tests::process::Process;
use lakegate_tests::{data, requirements, wait};
use tempfile::TempDir;

use crate::stored::free_address;

/// Opens `/private/`.
pub(crate) const TOKEN: &str = "token-of-the-files-4711";
/// How long the server may take to start.
const START_DEADLINE: Duration = Duration::from_secs(60);

/// A running server; it ends with this value.
pub(crate) struct Nginx {
    address: String,
    _process: Process,
    folder: TempDir,
}

impl Nginx {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = free_address();
        let data = data::small();
        let configuration = format!(
            "daemon off; master_process off; pid nginx.pid; error_log stderr;
             events {{}}
             http {{
               access_log requests.log;
               client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
               uwsgi_temp_path uwsgi; scgi_temp_path scgi;
               server {{
                 listen {address};
                 location /raw/ {{ alias {data}/; }}
                 location /private/ {{
                   alias {data}/;
                   if ($http_authorization != \"Bearer {TOKEN}\") {{ return 401; }}
                 }}
               }}
             }}",
            data = data.display()
        );
        let file = folder.path().join("nginx.conf");
        fs::write(&file, configuration).unwrap();
        let mut command = Command::new(requirements::tool("nginx").unwrap());
        command.arg("-p").arg(folder.path()).arg("-c").arg(&file);
        let process = Process::spawn("nginx", command);
        let at = format!("http://{address}");
        wait::until("nginx to be ready", START_DEADLINE, || {
            let answer = ureq::get(format!("{at}/raw/words.parquet")).call();
            answer.map(drop).map_err(|error| error.to_string())
        });
        Self { address, _process: process, folder }
    }

    /// `http://HOST:PORT`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The methods of all requests so far, each once.
    pub(crate) fn methods(&self) -> Vec<String> {
        let log = fs::read_to_string(self.folder.path().join("requests.log")).unwrap();
        let method = |line: &str| line.split('"').nth(1)?.split(' ').next().map(str::to_owned);
        let mut methods: Vec<String> = log.lines().filter_map(method).collect();
        methods.sort();
        methods.dedup();
        methods
    }
}
