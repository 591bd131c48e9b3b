//! An echo for text messages, made of a whole server without its thread and its port. A coordinator of its own gives
//! each message back to its sender, and a relay in front takes the greeting off. Binary messages are ignored, as the
//! hub does.

use std::{io, sync::Arc};

use acebase_ipc_server::{
    acebase::{Lock, Status},
    clock::Millis,
    hub::{
        coordinator::{Address, Coordinator, Fate, Life, Loss, Moment, Recognition, Return, Verdict},
        event::Deaf,
    },
    protocol::{self, frame},
    server::{Service, config::Config},
};
use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};
use tokio_util::sync::CancellationToken;

use crate::{MAX_MESSAGE_SIZE, listen};

/// Serves a port.
pub async fn run(front: TcpListener) -> io::Result<()> {
    let listener = listen().await?;
    let address = listener.local_addr()?;
    let service = service()?;
    tokio::spawn(service.run(vec![listener.into_std()?], CancellationToken::new()));
    loop {
        let (client, _) = front.accept().await?;
        client.set_nodelay(true)?;
        tokio::spawn(relay(client, TcpStream::connect(address).await?));
    }
}

/// A server as it is in use, but for who reads the messages, and how long they may be.
fn service() -> io::Result<Service> {
    let config =
        Config { max_payload: Some(MAX_MESSAGE_SIZE), max_message_size: MAX_MESSAGE_SIZE, ..Config::default() };
    Service::new(config, Some(Box::new(|| Box::new(Echo))), Arc::new(Deaf)).map_err(io::Error::other)
}

/// Gives each message back to its sender.
struct Echo;

impl Coordinator for Echo {
    fn received(&mut self, from: &str, _: Address<'_>, body: &Bytes, moment: &mut Moment<'_>) -> Verdict {
        moment.post(from, body.clone());
        Verdict::Taken
    }

    fn lost(&mut self, _: &str, _: Loss, _: &mut Moment<'_>) -> Fate {
        Fate::End
    }

    fn returned(&mut self, _: &str, _: Recognition, _: &mut Moment<'_>) -> Return {
        Return::Renew
    }

    fn joined(&mut self, _: &str, _: Option<Life<'_>>, _: &mut Moment<'_>) {}

    fn ended(&mut self, _: &str, _: Vec<Bytes>, _: &mut Moment<'_>) {}

    fn tick(&mut self, _: &mut Moment<'_>) {}

    fn deadline(&self) -> Option<Millis> {
        None
    }

    fn locks(&self) -> Vec<Lock> {
        Vec::new()
    }

    fn status(&self) -> Status {
        Status::default()
    }

    fn is_idle(&self) -> bool {
        true
    }
}

/// Passes all bytes on, but for the hub's greeting.
async fn relay(client: TcpStream, hub: TcpStream) -> io::Result<()> {
    hub.set_nodelay(true)?;
    let (from_client, to_client) = client.into_split();
    let (from_hub, to_hub) = hub.into_split();
    tokio::try_join!(pass_on(from_client, to_hub), pass_on_without_greeting(from_hub, to_client))?;
    Ok(())
}

async fn pass_on(mut from: impl AsyncReadExt + Unpin, mut to: OwnedWriteHalf) -> io::Result<()> {
    tokio::io::copy(&mut from, &mut to).await?;
    to.shutdown().await
}

async fn pass_on_without_greeting(from: OwnedReadHalf, mut to: OwnedWriteHalf) -> io::Result<()> {
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    while line != b"\r\n" {
        line.clear();
        from.read_until(b'\n', &mut line).await?;
        to.write_all(&line).await?;
    }
    let expected = greeting();
    let mut found = vec![0; expected.len()];
    from.read_exact(&mut found).await?;
    assert_eq!(found, expected, "the first frame is the greeting");
    pass_on(from, to).await
}

fn greeting() -> BytesMut {
    let mut greeting = BytesMut::new();
    frame::put_text(&mut greeting, protocol::welcome(MAX_MESSAGE_SIZE).as_bytes());
    greeting
}
