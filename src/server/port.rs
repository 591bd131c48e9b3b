//! How a server gets its port: bound by itself, or from the keeper that held it while no server ran.

use std::{io, sync::Arc};

use super::{config::Config, error::StartError, listen};
use crate::{
    hub::event::{Event, Observer},
    keeper::{self, Launch, Opened},
};

/// The code of warnings about the port's keeper.
pub const KEEPER_WARNING: &str = "port-keeper";

/// Opens the port that a configuration asks for, and puts it into a keeper's care where it shall be kept. Blocks: a
/// name is resolved, and a keeper is looked for.
///
/// # Errors
/// The port cannot be listened on, or not kept.
pub fn open(config: &Config, observer: Arc<dyn Observer>) -> Result<Opened, StartError> {
    let (host, port) = (config.host.as_deref(), config.port);
    let opened = match &config.keep_port {
        None => listen::bind(host, port).map(Opened::without_keeper),
        Some(_) if port == 0 => return Err(StartError::KeepPort),
        Some(launch) => open_kept(host, port, launch.clone(), observer),
    };
    opened.map_err(|source| StartError::Listen { address: format!("{}:{port}", host.unwrap_or("*")), source })
}

fn open_kept(host: Option<&str>, port: u16, launch: Launch, observer: Arc<dyn Observer>) -> io::Result<Opened> {
    let wanted = keeper::Wanted {
        host,
        port,
        bind: &|| listen::bind(host, port),
        fits: &|addresses| listen::is_at(addresses, host, port),
    };
    let warn = move |message| observer.event(Event::Warning { code: KEEPER_WARNING, message });
    keeper::open(&wanted, launch, Arc::new(warn))
}
