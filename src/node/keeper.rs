//! The keeper of a server's port, as a Node.js process: how JavaScript says to start it, and what it does then.

use std::{collections::HashMap, path::PathBuf, time::Duration};

use napi::bindgen_prelude::Result;
use napi_derive::napi;

use crate::keeper::{self, Launch, PATIENCE};

/// How a keeper is started.
#[napi(object)]
pub struct NativeLaunch {
    /// The absolute path of Node.js.
    pub program: String,
    /// The keeper's script and its arguments.
    pub args: Vec<String>,
    /// The whole environment.
    pub environment: HashMap<String, String>,
}

impl From<NativeLaunch> for Launch {
    fn from(launch: NativeLaunch) -> Self {
        Self {
            program: PathBuf::from(launch.program),
            args: launch.args,
            environment: launch.environment.into_iter().collect(),
        }
    }
}

/// Makes this process the keeper of a port: its standard input is the connection to the server. Blocks until nobody
/// needs the keeper any more. `patience`: how long it waits for the next server, in milliseconds.
#[napi(catch_unwind)]
pub fn keep_port(socket_file: String, patience: Option<u32>) -> Result<()> {
    let patience = patience.map_or(PATIENCE, |milliseconds| Duration::from_millis(milliseconds.into()));
    Ok(keeper::serve_standard_input(PathBuf::from(socket_file), patience)?)
}
