//! The router without Node.js, for profilers: `router [port] [threads] [bare]`. `bare`: without coordination. Ends with
//! its standard input.

use std::{io::Read, sync::Arc};

use acebase_ipc_server::{
    coordination::CoordinationConfig,
    hub::event::{Event, Observer},
    server::{Server, config::Config},
};

struct Stderr;

impl Observer for Stderr {
    fn event(&self, event: Event) {
        if let Event::Warning { message, .. } | Event::Error { message } | Event::Failed { message } = event {
            eprintln!("{message}");
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let port = arguments.next().map_or(Ok(9163), |port| port.parse())?;
    let threads = arguments.next().map_or(Ok(1), |threads| threads.parse())?;
    let coordination = if arguments.next().is_some_and(|word| word == "bare") { bare() } else { Default::default() };
    let config = Config { host: Some("127.0.0.1".into()), port, threads, coordination, ..Config::default() };
    let server = Server::start(config, Arc::new(Stderr))?;
    println!("ready {}", server.port());
    let mut rest = Vec::new();
    std::io::stdin().read_to_end(&mut rest)?;
    server.stop();
    Ok(())
}

fn bare() -> CoordinationConfig {
    CoordinationConfig {
        introductions: false,
        lock_table: false,
        resume_window: 0,
        master_timeout: 0,
        release_locks_after: 0,
        ..CoordinationConfig::default()
    }
}
