//! WebSocket servers that give every message back, for conformance tests. Prints `ready <port of wire> <port of hub>`
//! and ends with its standard input.
//!
//! The hub gives a message to everybody but its sender, greets, and ignores binary messages: as it stands it is no
//! echo. There are two ways around that, and each tests what the other cannot.

mod hub;
mod wire;

use std::io::Read;

use tokio::net::TcpListener;

/// 32 MiB, in bytes: twice the largest message of the tests.
const MAX_MESSAGE_SIZE: usize = 32 * 1024 * 1024;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::spawn(exit_with_input);
    runtime.block_on(async {
        let (wire, hub) = (listen().await?, listen().await?);
        println!("ready {} {}", wire.local_addr()?.port(), hub.local_addr()?.port());
        tokio::try_join!(wire::run(wire), hub::run(hub))?;
        Ok(())
    })
}

fn exit_with_input() {
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    std::process::exit(0);
}

async fn listen() -> std::io::Result<TcpListener> {
    TcpListener::bind(("127.0.0.1", 0)).await
}
