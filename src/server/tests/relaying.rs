//! Several hubs of one cluster, in this process, each on a thread of its own, over an engine in memory: so that they
//! can be killed and made to stand still.

mod inside;
mod lost;
mod passed;
mod relayed;

use std::{
    net::TcpListener,
    sync::mpsc,
    thread::{self, JoinHandle},
    time::Instant,
};

use parking_lot::Mutex;
use tokio::runtime::{Builder, Handle};
use tokio_tungstenite::tungstenite::Error;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{
    cluster::{
        Cluster, ClusterConfig, Credentials, Whereabouts,
        engine::{address::EngineAddress, memory::MemoryEngine},
    },
    hub::{
        Hub as PostOffice,
        event::{Event, Observer, Refusal},
    },
    server::{Service, company::Company, config::Secret, coordinators},
};

/// What all hubs of these tests know.
const SECRET: &str = "the cluster's secret";

/// A lease, short so that tests are.
const LEASE: Duration = Duration::from_millis(900);

/// Longer than it takes to replace a hub.
const SOON: Duration = Duration::from_secs(10);

/// The hubs of a cluster.
struct Hubs {
    engine: MemoryEngine,
    transport: Transport,
    lease: Duration,
}

/// One hub.
struct Hub {
    port: u16,
    name: &'static str,
    office: Arc<PostOffice>,
    cluster: Arc<Cluster>,
    log: Arc<Log>,
    runtime: Handle,
    stop: CancellationToken,
    kill: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

/// What a hub has told.
#[derive(Default)]
struct Log {
    left: Mutex<Vec<(String, &'static str)>>,
    refused: Mutex<Vec<Refusal>>,
    warned: Mutex<Vec<&'static str>>,
}

impl Observer for Log {
    fn event(&self, event: Event) {
        match event {
            Event::Disconnect { id, reason, .. } => self.left.lock().push((id.to_string(), reason)),
            Event::Refused(refusal) => self.refused.lock().push(refusal),
            Event::Warning { code, .. } => self.warned.lock().push(code),
            _ => {}
        }
    }
}

impl Hubs {
    fn plain() -> Self {
        Self::over(Transport::plain())
    }

    fn over(transport: Transport) -> Self {
        Self::with(transport, LEASE)
    }

    fn with(transport: Transport, lease: Duration) -> Self {
        Self { engine: MemoryEngine::new(lease), transport, lease }
    }

    fn start(&self, name: &'static str) -> Hub {
        self.start_with(name, self.transport.config.clone(), SECRET)
    }

    fn start_with(&self, name: &'static str, config: Config, secret: &str) -> Hub {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let settings = ClusterConfig {
            engine: EngineAddress::parse("redis://127.0.0.1:1").unwrap(),
            advertise: format!("localhost:{port}"),
            secret: Secret(secret.into()),
            name: Some(name.into()),
            lease_time: self.lease,
            renew_every: self.lease / 3,
        };
        let log = Arc::new(Log::default());
        let coordination = coordinators(&config.coordination);
        let mut service = Service::new(config, coordination, log.clone()).unwrap();
        let engine = Arc::new(self.engine.clone());
        let company = Company::with(engine, settings, service.dialer(), &service.hub, &service.watch);
        let (office, cluster) = (service.hub.clone(), company.cluster());
        service.join(company);
        let (stop, kill) = (CancellationToken::new(), CancellationToken::new());
        let (tell, told) = mpsc::channel();
        let thread = {
            let (stop, kill) = (stop.clone(), kill.clone());
            thread::spawn(move || {
                let runtime = Builder::new_current_thread().enable_all().build().unwrap();
                tell.send(runtime.handle().clone()).unwrap();
                runtime.block_on(async {
                    tokio::select! {
                        () = service.run(vec![listener], stop) => {}
                        () = kill.cancelled() => {}
                    }
                });
                runtime.shutdown_background();
            })
        };
        let runtime = told.recv().unwrap();
        Hub { port, name, office, cluster, log, runtime, stop, kill, thread: Some(thread) }
    }

    fn connect(&self, hub: &Hub, id: &str) -> WebSocket<Stream> {
        self.transport.connect(hub.port, id)
    }

    /// A hub that has the database, and one that has not.
    fn two(&self) -> (Hub, Hub) {
        let (owner, other) = (self.start("owner"), self.start("other"));
        drop(self.connect(&owner, "first-comer"));
        owner.has_it();
        (owner, other)
    }
}

impl Hub {
    /// It has the database.
    fn has_it(&self) {
        until(|| matches!(self.cluster.registry.look("db"), Whereabouts::Here { .. }));
    }

    /// As a process that is killed: its sockets are closed, and nothing else is done.
    fn kill(mut self) {
        self.kill.cancel();
        self.thread.take().unwrap().join().unwrap();
    }

    fn stop(mut self) {
        self.stop.cancel();
        self.thread.take().unwrap().join().unwrap();
    }

    /// Stands still for so long.
    fn pause(&self, time: Duration) {
        self.runtime.spawn(async move { sleep(time) });
    }

    /// Who is there, by which hub.
    fn clients(&self) -> Vec<(String, Option<String>)> {
        let clients = self.office.clients("db").into_iter().filter(|client| !client.is_away);
        let mut clients: Vec<_> =
            clients.map(|client| (client.id.to_string(), client.via.map(|via| via.to_string()))).collect();
        clients.sort();
        clients
    }

    /// Sends a request, and gives its answer's status and body.
    fn ask(&self, request: &str, headers: &[(&str, &str)], body: &str) -> (u16, String) {
        let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).unwrap();
        socket.set_read_timeout(Some(SOON)).unwrap();
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let length = body.len();
        write!(
            socket,
            "{request} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n"
        )
        .unwrap();
        // It may be answered before all is sent.
        let _ = socket.write_all(body.as_bytes());
        let mut text = String::new();
        socket.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    fn credentials(&self) -> Credentials {
        Credentials::new(SECRET, "a hub of the tests")
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.kill.cancel();
    }
}

/// Waits until it is so.
fn until(is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < SOON, "it does not come to that");
        sleep(Duration::from_millis(5));
    }
}

fn read(client: &mut WebSocket<Stream>) -> String {
    client.read().unwrap().into_text().unwrap().to_string()
}

/// Reads until this comes.
fn hear(client: &mut WebSocket<Stream>, text: &str) {
    while read(client) != text {}
}

fn say(client: &mut WebSocket<Stream>, text: impl Into<String>) {
    client.send(Message::text(text.into())).unwrap();
}

/// Reads until the connection ends, and gives the code of the close frame, if there is one.
fn hear_the_end(client: &mut WebSocket<Stream>) -> Option<u16> {
    loop {
        match client.read() {
            Ok(Message::Close(frame)) => return frame.map(|frame| u16::from(frame.code)),
            Ok(_) => {}
            Err(Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => panic!("it does not end"),
            Err(_) => return None,
        }
    }
}
