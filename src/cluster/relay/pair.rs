//! The two ends of a relayed connection: what either says is moved to the other, until one has ended. Knows streams of
//! bytes, and how they end.

use std::{future::poll_fn, io, task::Poll};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::flow::{Broken, Flow, Until};
use crate::hub::coordinator::Loss;

/// Bytes that are read at a time, to be dropped.
const SINK: usize = 4 * 1024;

/// A client, and the hub that has its database.
pub struct Pair<C, O> {
    client: C,
    owner: O,
    up: Flow,
    down: Flow,
    /// What the client says cannot be written any more: the owner is about to be found gone.
    is_owner_deaf: bool,
    /// What the owner says cannot be written any more: the client is about to be found gone, in this way if that is
    /// known.
    deaf_client: Option<Loss>,
}

/// Which end has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The client has: how.
    Client(Loss),
    /// The owner has. All that it has said is written.
    Owner,
}

impl<C, O> Pair<C, O>
where
    C: AsyncRead + AsyncWrite + Unpin,
    O: AsyncRead + AsyncWrite + Unpin,
{
    /// `from_client`, `from_owner`: what either has said already.
    pub fn new(client: C, owner: O, from_client: Bytes, from_owner: Bytes) -> Self {
        Self {
            client,
            owner,
            up: Flow::new(from_client),
            down: Flow::new(from_owner),
            is_owner_deaf: false,
            deaf_client: None,
        }
    }

    /// Moves bytes both ways until one end has ended. May be dropped, and called again.
    pub async fn carry(&mut self) -> Ended {
        poll_fn(|cx| {
            if !self.is_owner_deaf
                && let Poll::Ready(moved) = self.up.poll(&mut self.client, &mut self.owner, Until::End, cx)
            {
                match moved {
                    Ok(()) if self.up.frames().has_closed() => return Poll::Ready(Ended::Client(Loss::Closed)),
                    Ok(()) => return Poll::Ready(Ended::Client(self.deaf_client.unwrap_or(Loss::Fin))),
                    Err(Broken::Source(error)) => return Poll::Ready(Ended::Client(self.loss_of(&error))),
                    Err(Broken::Sink(_)) => self.is_owner_deaf = true,
                }
            }
            if self.deaf_client.is_none()
                && let Poll::Ready(moved) = self.down.poll(&mut self.owner, &mut self.client, Until::End, cx)
            {
                match moved {
                    Ok(()) | Err(Broken::Source(_)) => return Poll::Ready(Ended::Owner),
                    Err(Broken::Sink(error)) => self.deaf_client = Some(loss_of(&error)),
                }
            }
            match self.deaf_client {
                // Nothing is left that could show more.
                Some(loss) if self.is_owner_deaf => Poll::Ready(Ended::Client(loss)),
                _ => Poll::Pending,
            }
        })
        .await
    }

    /// Lets the owner finish the frame that it has begun. `true`: something may be said to the client.
    pub async fn finish_frame(&mut self) -> bool {
        let Self { client, owner, down, .. } = self;
        let is_written = poll_fn(|cx| down.poll(owner, client, Until::FrameEnd, cx)).await.is_ok();
        is_written && down.frames().is_between() && !down.frames().has_closed()
    }

    /// The client may be told something, as far as is known without waiting.
    pub fn is_between_frames(&self) -> bool {
        self.down.frames().is_between() && !self.down.frames().has_closed()
    }

    /// The owner has said goodbye to the client itself.
    pub fn has_owner_closed(&self) -> bool {
        self.down.frames().has_closed()
    }

    /// Takes to the owner what the client still says, up to its goodbye, which is not for the owner.
    pub async fn hear_client_out(&mut self) {
        let Self { client, owner, up, .. } = self;
        let _ = poll_fn(|cx| up.poll(client, owner, Until::Goodbye, cx)).await;
    }

    /// Says to the owner that nothing more comes, and waits until it has closed, too.
    pub async fn leave_owner(&mut self) {
        if self.owner.shutdown().await.is_ok() {
            drop_all(&mut self.owner).await;
        }
    }

    /// The client's end.
    pub fn client(&mut self) -> &mut C {
        &mut self.client
    }

    /// What the client's connection is about to end as: a broken one says it once, to whoever asks first.
    fn loss_of(&self, error: &io::Error) -> Loss {
        match self.deaf_client {
            Some(Loss::Unreachable) => Loss::Unreachable,
            _ => loss_of(error),
        }
    }
}

/// Reads to the end, and drops it.
pub async fn drop_all(source: &mut (impl AsyncRead + Unpin)) {
    let mut sink = [0; SINK];
    while matches!(source.read(&mut sink).await, Ok(1..)) {}
}

/// What an error of the socket says about the other side.
fn loss_of(error: &io::Error) -> Loss {
    use io::ErrorKind::{HostUnreachable, NetworkUnreachable, TimedOut, UnexpectedEof};
    match error.kind() {
        TimedOut | HostUnreachable | NetworkUnreachable => Loss::Unreachable,
        // Of TLS: the stream has ended without a word.
        UnexpectedEof => Loss::Fin,
        _ => Loss::Reset,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::{
        io::{DuplexStream, duplex},
        time::timeout,
    };

    use super::*;

    /// Bytes that one of the pipes takes.
    const PIPE: usize = 1_000;

    fn pair(from_client: &[u8], from_owner: &[u8]) -> (Pair<DuplexStream, DuplexStream>, DuplexStream, DuplexStream) {
        let (client, ours) = duplex(PIPE);
        let (theirs, owner) = duplex(PIPE);
        let ahead = |bytes: &[u8]| Bytes::copy_from_slice(bytes);
        (Pair::new(ours, theirs, ahead(from_client), ahead(from_owner)), client, owner)
    }

    async fn soon<T>(work: impl Future<Output = T>) -> Option<T> {
        timeout(Duration::from_millis(50), work).await.ok()
    }

    #[tokio::test]
    async fn both_ways_bytes_arrive_as_they_were() {
        let (mut pair, client, owner) = pair(b"ahead up;", b"ahead down;");
        let text: Vec<u8> = (0..300_000u32).map(|n| n as u8).collect();
        let (sent, expected) = (text.clone(), text.clone());
        let talk = |stream: DuplexStream, greeting: &'static [u8]| {
            let (sent, expected) = (sent.clone(), expected.clone());
            tokio::spawn(async move {
                let (mut reader, mut writer) = tokio::io::split(stream);
                let writing = tokio::spawn(async move {
                    writer.write_all(&sent).await.unwrap();
                    writer
                });
                let mut read = vec![0; greeting.len() + expected.len()];
                reader.read_exact(&mut read).await.unwrap();
                assert!(read == [greeting, &expected[..]].concat());
                (reader, writing.await.unwrap())
            })
        };
        let (client, owner) = (talk(client, b"ahead down;"), talk(owner, b"ahead up;"));
        let have_all = async { tokio::join!(client, owner) };
        tokio::select! {
            ended = pair.carry() => panic!("{ended:?}"),
            (client, owner) = have_all => assert!(client.is_ok() && owner.is_ok()),
        }
    }

    #[tokio::test]
    async fn who_does_not_read_makes_the_other_wait() {
        let (mut pair, _client, mut owner) = pair(b"", b"");
        let writing = tokio::spawn(async move {
            let mut written = 0;
            while let Ok(Ok(count)) = timeout(Duration::from_millis(100), owner.write(&[0; 500])).await {
                written += count;
            }
            written
        });
        assert_eq!(timeout(Duration::from_millis(500), pair.carry()).await.ok(), None);
        let written = writing.await.unwrap();
        assert!((2 * PIPE..=3 * PIPE).contains(&written), "{written} bytes");
    }

    #[tokio::test]
    async fn it_is_told_who_has_ended_and_how() {
        let (mut one, client, _owner) = pair(b"", b"");
        drop(client);
        assert_eq!(one.carry().await, Ended::Client(Loss::Fin));
        let (mut one, mut client, _owner) = pair(b"", b"");
        client.write_all(&[0x88, 0x80, 0, 0, 0, 0]).await.unwrap();
        drop(client);
        assert_eq!(one.carry().await, Ended::Client(Loss::Closed));
        let (mut one, _client, owner) = pair(b"", b"");
        drop(owner);
        assert_eq!(one.carry().await, Ended::Owner);
    }

    #[tokio::test]
    async fn what_the_owner_has_said_arrives_before_its_end_is_found() {
        let (mut pair, mut client, mut owner) = pair(b"", b"");
        owner.write_all(b"\x81\x03abc").await.unwrap();
        drop(owner);
        assert_eq!(pair.carry().await, Ended::Owner);
        assert!(pair.is_between_frames());
        let mut read = [0; 5];
        client.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"\x81\x03abc");
    }

    #[tokio::test]
    async fn a_frame_is_finished_and_no_other_begun() {
        let (mut pair, mut client, mut owner) = pair(b"", b"");
        owner.write_all(b"\x81\x06abc").await.unwrap();
        assert_eq!(soon(pair.carry()).await, None);
        assert!(!pair.is_between_frames());
        assert_eq!(soon(pair.finish_frame()).await, None);
        owner.write_all(b"def\x81\x01x").await.unwrap();
        assert_eq!(soon(pair.finish_frame()).await, Some(true));
        drop(pair);
        let mut read = Vec::new();
        client.read_to_end(&mut read).await.unwrap();
        assert_eq!(read, b"\x81\x06abcdef");
    }

    #[tokio::test]
    async fn what_the_client_says_before_its_goodbye_is_taken_along_and_the_goodbye_is_not() {
        let (mut pair, mut client, mut owner) = pair(b"", b"");
        client.write_all(b"\x81\x81\0\0\0\0x\x88\x80\0\0\0\0").await.unwrap();
        assert_eq!(soon(pair.hear_client_out()).await, Some(()));
        drop(pair);
        let mut read = Vec::new();
        owner.read_to_end(&mut read).await.unwrap();
        assert_eq!(read, b"\x81\x81\0\0\0\0x");
    }
}
