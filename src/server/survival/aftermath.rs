//! After a server was killed: what remains of it becomes what it would have left in order.

use std::{collections::HashMap, io, net::TcpStream, sync::Arc};

use super::{
    lasting::{Content, Left},
    likeness,
};
use crate::{
    hub::{
        CoordinatorFactory, Settings,
        journal::{
            Replayed, Standing, Witness,
            replay::{Going, ReplayError, Scene},
        },
    },
    keeper::Remains,
    server::{
        config::Config,
        heritage::{Heritage, Inheritance},
        service,
    },
    session::{parked::FrozenConnection, survival::Again, tcp_info},
};

/// What remains of a server cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AftermathError {
    /// The memory of a journal cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// Another format.
    #[error("it is of another format than this version's")]
    Foreign,
    /// Another server.
    #[error("that server was of another version, or otherwise configured")]
    Unlike,
    /// What was written down cannot be played back.
    #[error(transparent)]
    Replay(#[from] ReplayError),
}

/// What was found.
pub struct Found {
    /// What the server would have left; of the databases that can be gone on with.
    pub inheritance: Inheritance,
    /// Connections that could not be gone on with.
    pub lost: usize,
    /// Why a database could not be gone on with.
    pub errors: Vec<AftermathError>,
}

/// Looks through what remains. `coordinators`: as the server that was killed had them.
pub fn look_through(remains: Remains, config: &Config, coordinators: impl Fn() -> Option<CoordinatorFactory>) -> Found {
    let mut sockets: HashMap<u64, (TcpStream, Standing)> =
        remains.connections.into_iter().filter_map(numbered).collect();
    let count = sockets.len();
    let (mut replayed, mut errors) = (Replayed::new(), Vec::new());
    for file in &remains.files {
        let settings = service::hub_settings(config, coordinators());
        if let Err(error) = play_back(file, config, settings, &sockets, &mut replayed) {
            errors.push(error);
        }
    }
    let broken = replayed.broken;
    let (hub, going) = replayed.into_hub();
    let (connections, sockets): (Vec<_>, Vec<_>) =
        going.into_iter().filter_map(|going| with_socket(going, &mut sockets)).unzip();
    // What was closing already is not missed.
    let lost = if errors.is_empty() { broken } else { count - sockets.len() };
    let heritage = Heritage { hub, connections, idle: Vec::new(), cluster: None };
    Found { inheritance: (heritage, sockets), lost, errors }
}

fn numbered(socket: TcpStream) -> Option<(u64, (TcpStream, Standing))> {
    let number = tcp_info::number(&socket)?;
    let standing = tcp_info::standing(&socket)?;
    Some((number, (socket, standing)))
}

fn play_back(
    file: &std::fs::File,
    config: &Config,
    settings: Settings,
    sockets: &HashMap<u64, (TcpStream, Standing)>,
    replayed: &mut Replayed,
) -> Result<(), AftermathError> {
    let left = Left::open(file)?;
    let journal = match left.content(&likeness(config)) {
        Content::Foreign => return Err(AftermathError::Foreign),
        Content::Unlike => return Err(AftermathError::Unlike),
        Content::Nothing => return Ok(()),
        Content::Journal(journal) => journal,
    };
    let witness: Witness = Arc::new(|_, _, _| {});
    let scene = Scene {
        standing: &|number| sockets.get(&number).map(|(_, standing)| *standing),
        reader: &|origin, max_payload| Box::new(Again::new(max_payload, origin.max_message_size)),
        witness: &witness,
    };
    Ok(replayed.add(journal, settings, &scene)?)
}

fn with_socket(
    going: Going,
    sockets: &mut HashMap<u64, (TcpStream, Standing)>,
) -> Option<(FrozenConnection, TcpStream)> {
    let (socket, standing) = sockets.remove(&going.origin.socket)?;
    let connection = FrozenConnection {
        db: going.db,
        id: going.id,
        link: going.link,
        unread: going.unread,
        written_before: going.origin.written,
        max_payload: going.announced_payload,
        tls: None,
        written: standing.written,
        passed: None,
    };
    Some((connection, socket))
}
