//! One connection to Redis: found, made, and asked. Knows no records.

use std::{sync::Arc, time::Duration};

use redis::{AsyncConnectionConfig, Cmd, FromRedisValue, RedisConnectionInfo, aio::MultiplexedConnection, cmd};
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    task::JoinHandle,
    time::timeout,
};
use tokio_rustls::TlsConnector;

use super::super::{
    EngineError,
    address::{EngineAddress, HostPort, Servers},
};
use crate::tls;

/// How long it may take to connect, with TLS and a question to each Sentinel.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// How long one Sentinel may take to say who is the master.
const SENTINEL_LIMIT: Duration = Duration::from_millis(500);

/// A connection.
pub struct Link {
    connection: MultiplexedConnection,
    driver: JoinHandle<()>,
    /// What it is connected to.
    pub server: HostPort,
    /// How it and the Sentinels are trusted.
    pub trust: Trust,
}

/// Whom to trust over TLS. `None`: TLS is not spoken.
pub type Trust = Option<Arc<ClientConfig>>;

impl Drop for Link {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Link {
    /// Finds the server and connects.
    pub async fn connect(address: Arc<EngineAddress>) -> Result<Self, EngineError> {
        let connecting = async {
            // It reads files: whoever asks the Sentinels again does so with the same.
            let trust = if address.is_tls { Some(tls::client::config().map_err(|error| said(&error))?) } else { None };
            match &address.servers {
                Servers::One(server) => Self::to(server, &address, &trust).await,
                Servers::Sentinels { hosts, master } => {
                    let server = ask_sentinels(hosts, master, &trust).await?;
                    let link = Self::to(&server, &address, &trust).await?;
                    link.is_master().await.map(|()| link)
                }
            }
        };
        timeout(CONNECT_LIMIT, connecting).await.unwrap_or_else(|_| Err(said(&"it cannot be connected to in time")))
    }

    async fn to(server: &HostPort, address: &EngineAddress, trust: &Trust) -> Result<Self, EngineError> {
        let mut info = RedisConnectionInfo::default().set_skip_set_lib_name().set_db(address.database.into());
        if let Some(user) = &address.user {
            info = info.set_username(user);
        }
        if let Some(password) = &address.password {
            info = info.set_password(&password.0);
        }
        Self::with(info, server, trust).await
    }

    /// Connects, and says who this is.
    async fn with(info: RedisConnectionInfo, server: &HostPort, trust: &Trust) -> Result<Self, EngineError> {
        let socket = tcp(server).await?;
        // Whoever asks has a limit of his own.
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let (connection, driver) = match trust {
            None => over(socket, &info, config).await?,
            Some(trust) => {
                let name = ServerName::try_from(server.host.clone()).map_err(|error| said(&error))?;
                let connecting = TlsConnector::from(trust.clone()).connect(name, socket);
                over(connecting.await.map_err(|error| said(&error))?, &info, config).await?
            }
        };
        Ok(Self { connection, driver, server: server.clone(), trust: trust.clone() })
    }

    /// Asks one question.
    pub async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, String> {
        command.query_async(&mut self.connection.clone()).await.map_err(|error| error.to_string())
    }

    /// Sentinels may tell of a server that is one no longer.
    async fn is_master(&self) -> Result<(), EngineError> {
        let role: Vec<redis::Value> = self.ask(&cmd("ROLE")).await.map_err(EngineError)?;
        match role.first() {
            Some(redis::Value::BulkString(role)) if role == b"master" => Ok(()),
            _ => Err(said(&format!("{} is no master (any more)", self.server))),
        }
    }
}

/// Which server is the master of that name: the first Sentinel that knows is believed.
pub async fn ask_sentinels(hosts: &[HostPort], master: &str, trust: &Trust) -> Result<HostPort, EngineError> {
    let mut faults = Vec::new();
    for host in hosts {
        match timeout(SENTINEL_LIMIT, ask_sentinel(host, master, trust)).await {
            Ok(Ok(server)) => return Ok(server),
            Ok(Err(EngineError(error))) => faults.push(format!("{host}: {error}")),
            Err(_) => faults.push(format!("{host}: no answer")),
        }
    }
    Err(said(&format!("no Sentinel says where it is ({})", faults.join("; "))))
}

async fn ask_sentinel(host: &HostPort, master: &str, trust: &Trust) -> Result<HostPort, EngineError> {
    let link = Link::with(RedisConnectionInfo::default().set_skip_set_lib_name(), host, trust).await?;
    let mut question = cmd("SENTINEL");
    question.arg("get-master-addr-by-name").arg(master);
    let answer: Option<(String, u16)> = link.ask(&question).await.map_err(EngineError)?;
    answer.map(|(host, port)| HostPort { host, port }).ok_or_else(|| said(&format!("it knows no master {master:?}")))
}

async fn over(
    socket: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    info: &RedisConnectionInfo,
    config: AsyncConnectionConfig,
) -> Result<(MultiplexedConnection, JoinHandle<()>), EngineError> {
    let made = MultiplexedConnection::new_with_config(info, socket, config).await;
    made.map(|(connection, driver)| (connection, tokio::spawn(driver))).map_err(|error| said(&error))
}

async fn tcp(server: &HostPort) -> Result<TcpStream, EngineError> {
    let socket = TcpStream::connect((server.host.as_str(), server.port)).await.map_err(|error| said(&error))?;
    socket.set_nodelay(true).map_err(|error| said(&error))?;
    Ok(socket)
}

fn said(error: &impl std::fmt::Display) -> EngineError {
    EngineError(error.to_string())
}
