//! The keeper of a server's port, as a Node.js process.

use std::{path::PathBuf, time::Duration};

use napi::bindgen_prelude::Result;
use napi_derive::napi;

use crate::keeper::{self, PATIENCE};

/// Makes this process the keeper of a port: its standard input is the connection to the server. Blocks until nobody
/// needs the keeper any more. `patience`: how long it waits for the next server, in milliseconds.
#[napi(catch_unwind)]
pub fn keep_port(socket_file: String, patience: Option<u32>) -> Result<()> {
    let patience = patience.map_or(PATIENCE, |milliseconds| Duration::from_millis(milliseconds.into()));
    Ok(keeper::serve_standard_input(PathBuf::from(socket_file), patience)?)
}
