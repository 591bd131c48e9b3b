//! The router without Node.js, for profilers: `router [port] [threads]`. Ends with its standard input.

use std::{io::Read, sync::Arc};

use acebase_ipc_server::{
    hub::event::{Event, Observer},
    server::{Server, config::Config},
};

struct Stderr;

impl Observer for Stderr {
    fn event(&self, event: Event) {
        if let Event::Warning { message, .. } | Event::Error { message } = event {
            eprintln!("{message}");
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let port = arguments.next().map_or(Ok(9163), |port| port.parse())?;
    let threads = arguments.next().map_or(Ok(1), |threads| threads.parse())?;
    let config = Config { host: Some("127.0.0.1".into()), port, threads, ..Config::default() };
    let server = Server::start(config, Arc::new(Stderr))?;
    println!("ready {}", server.port());
    let mut rest = Vec::new();
    std::io::stdin().read_to_end(&mut rest)?;
    server.stop();
    Ok(())
}
