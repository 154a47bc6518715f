//! Where the password comes from.

use std::env;
use std::fs;
use std::io::{self, IsTerminal};
use std::path::PathBuf;

use super::failure::Failure;

/// The password of `user`: from LAKEGATE_PASSWORD, from the file that LAKEGATE_PASSWORD_FILE names,
/// or asked for where there is a terminal.
pub(crate) fn password(user: &str) -> Result<String, Failure> {
    if let Ok(password) = env::var("LAKEGATE_PASSWORD") {
        return Ok(password);
    }
    if let Some(path) = env::var_os("LAKEGATE_PASSWORD_FILE") {
        let path = PathBuf::from(path);
        let text = fs::read_to_string(&path).map_err(|source| Failure::File {
            action: "reading",
            path,
            source,
        })?;
        return Ok(text.trim_end_matches(['\r', '\n']).to_string());
    }
    if !io::stdin().is_terminal() {
        return Err(Failure::NoPassword);
    }
    rpassword::prompt_password(format!("Password of {user}: ")).map_err(|_| Failure::NoPassword)
}
