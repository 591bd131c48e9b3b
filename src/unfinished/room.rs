//! Room for the one message that a connection may have begun: asked for whenever something is unfinished, given back
//! when nothing is. A connection that waits for room is not read, so that TCP holds its sender back.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, Sleep, sleep_until, timeout},
};

use super::{Full, SMALL, Unfinished, patience};

/// How long a connection may go unread because there is no room. Clients end their process when a `ping`, sent after
/// five seconds of silence, is not answered within five more.
const WAIT: Duration = Duration::from_secs(4);

/// What a connection has claimed for the message that it has begun, or is waiting to claim.
pub struct Room {
    unfinished: Arc<Unfinished>,
    /// While something is unfinished.
    held: Option<Box<Held>>,
}

/// What a connection has begun and not finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Begun {
    /// Which message it is: another number, another message.
    pub number: u32,
    /// How many bytes it has at least: those that have come, and those that were announced.
    pub bytes: usize,
}

/// A wait for more.
type Turn = Pin<Box<dyn Future<Output = Option<OwnedSemaphorePermit>> + Send + Sync>>;

struct Held {
    /// The message that it is for.
    number: u32,
    /// Bytes that there is room for.
    bytes: usize,
    permit: Option<OwnedSemaphorePermit>,
    turn: Option<Turn>,
    /// When nothing more came for the first time, and until when all must have come.
    waited: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl Room {
    /// Room is taken from `unfinished`.
    pub fn new(unfinished: Arc<Unfinished>) -> Self {
        Self { unfinished, held: None }
    }

    /// Is there room for what has begun? It must not be read on until there is.
    ///
    /// # Errors
    /// [`Full`]: there was none in time.
    pub fn poll(&mut self, cx: &mut Context<'_>, begun: Option<Begun>) -> Poll<Result<(), Full>> {
        self.held.take_if(|held| begun.is_none_or(|begun| begun.number != held.number));
        let Some(Begun { number, bytes }) = begun else { return Poll::Ready(Ok(())) };
        let held = self.held.get_or_insert_with(|| Box::new(Held::new(number)));
        if bytes <= held.bytes {
            return Poll::Ready(Ok(()));
        }
        let given = match held.turn.as_mut() {
            Some(turn) => ready!(turn.as_mut().poll(cx)),
            None => match held.ask(&self.unfinished, bytes) {
                Asked::Given(permit) => Some(permit),
                Asked::Refused => None,
                Asked::Wait(mut turn) => {
                    let polled = turn.as_mut().poll(cx);
                    held.turn = Some(turn);
                    ready!(polled)
                }
            },
        };
        Poll::Ready(held.take(given, bytes).inspect_err(|full| (self.unfinished.tell)(*full)))
    }

    /// Ready when something has been unfinished for too long. To be polled when nothing more has come for now.
    pub fn poll_overdue(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(held) = &mut self.held else { return Poll::Pending };
        let bytes = held.bytes;
        let (since, sleep) = held.waited.get_or_insert_with(|| {
            let now = Instant::now();
            (now, Box::pin(sleep_until(now + patience(bytes))))
        });
        let until = *since + patience(bytes);
        if sleep.deadline() != until {
            sleep.as_mut().reset(until);
        }
        sleep.as_mut().poll(cx)
    }
}

/// The answer to a request for room.
enum Asked {
    Given(OwnedSemaphorePermit),
    Wait(Turn),
    /// There is not even room to wait.
    Refused,
}

impl Held {
    fn new(number: u32) -> Self {
        Self { number, bytes: 0, permit: None, turn: None, waited: None }
    }

    fn ask(&self, unfinished: &Unfinished, bytes: usize) -> Asked {
        let part = unfinished.messages.of(bytes);
        let more = part.units(bytes) - part.units(self.bytes_in_part_of(bytes));
        if let Ok(permit) = part.free.clone().try_acquire_many_owned(more) {
            return Asked::Given(permit);
        }
        // What has been read already is kept meanwhile.
        let Some(place) = unfinished.waiting.try_claim(bytes.min(SMALL)) else { return Asked::Refused };
        let free = part.free.clone();
        Asked::Wait(Box::pin(async move {
            let _place = place;
            timeout(WAIT, free.acquire_many_owned(more)).await.ok()?.ok()
        }))
    }

    /// A message that has become large moves to the other part: what it has claimed does not count there.
    fn bytes_in_part_of(&self, bytes: usize) -> usize {
        if self.is_in_part_of(bytes) { self.bytes } else { 0 }
    }

    fn is_in_part_of(&self, bytes: usize) -> bool {
        (self.bytes <= SMALL) == (bytes <= SMALL)
    }

    fn take(&mut self, given: Option<OwnedSemaphorePermit>, bytes: usize) -> Result<(), Full> {
        self.turn = None;
        let given = given.ok_or(Full)?;
        let is_more = self.is_in_part_of(bytes);
        match &mut self.permit {
            Some(permit) if is_more => permit.merge(given),
            permit => *permit = Some(given),
        }
        self.bytes = bytes;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use futures_util::FutureExt;

    use super::*;

    const MIB: usize = 1024 * 1024;

    /// 12 MiB for large messages, 2 for small ones.
    fn unfinished() -> Arc<Unfinished> {
        Arc::new(Unfinished::new(16 * MIB, |_| {}))
    }

    fn now(room: &mut Room, bytes: usize) -> Option<Result<(), Full>> {
        poll_fn(|cx| room.poll(cx, begun(bytes))).now_or_never()
    }

    fn begun(bytes: usize) -> Option<Begun> {
        (bytes > 0).then_some(Begun { number: 1, bytes })
    }

    fn free(unfinished: &Unfinished) -> [usize; 3] {
        let parts = [&unfinished.messages.small, &unfinished.messages.large, &unfinished.waiting];
        parts.map(|part| part.free.available_permits() * super::super::UNIT)
    }

    #[tokio::test]
    async fn a_message_that_grows_has_what_it_needs_and_gives_all_back() {
        let unfinished = unfinished();
        let all = free(&unfinished);
        let mut room = Room::new(unfinished.clone());
        for bytes in [1, SMALL, SMALL + 1, MIB, 3 * MIB] {
            assert_eq!(now(&mut room, bytes), Some(Ok(())));
        }
        assert_eq!(free(&unfinished), [all[0], all[1] - 3 * MIB, all[2]]);
        assert_eq!(now(&mut room, 0), Some(Ok(())));
        assert_eq!(free(&unfinished), all);
    }

    #[tokio::test(start_paused = true)]
    async fn who_finds_no_room_waits_for_it_but_not_for_ever() {
        let unfinished = unfinished();
        let all = free(&unfinished);
        let (mut first, mut second) = (Room::new(unfinished.clone()), Room::new(unfinished.clone()));
        assert_eq!(now(&mut first, 10 * MIB), Some(Ok(())));
        assert_eq!(now(&mut second, 5 * MIB), None);
        drop(first);
        assert_eq!(now(&mut second, 5 * MIB), Some(Ok(())));
        let mut third = Room::new(unfinished.clone());
        let began = Instant::now();
        assert_eq!(poll_fn(|cx| third.poll(cx, begun(10 * MIB))).await, Err(Full));
        assert_eq!(began.elapsed(), WAIT);
        drop((second, third));
        assert_eq!(free(&unfinished), all);
    }

    #[tokio::test]
    async fn those_who_wait_are_bounded_too() {
        let unfinished = unfinished();
        let mut first = Room::new(unfinished.clone());
        assert_eq!(now(&mut first, 12 * MIB), Some(Ok(())));
        let mut waiting: Vec<_> = (0..9).map(|_| Room::new(unfinished.clone())).collect();
        let found: Vec<_> = waiting.iter_mut().map(|room| now(room, MIB)).collect();
        assert_eq!(found, [[None; 8].as_slice(), &[Some(Err(Full))]].concat());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_never_finished_is_overdue_after_a_while() {
        let mut room = Room::new(unfinished());
        assert!(poll_fn(|cx| room.poll_overdue(cx)).now_or_never().is_none());
        assert_eq!(now(&mut room, 2 * MIB), Some(Ok(())));
        let began = Instant::now();
        poll_fn(|cx| room.poll_overdue(cx)).await;
        assert_eq!(began.elapsed(), patience(2 * MIB));
    }

    #[tokio::test(start_paused = true)]
    async fn one_message_after_the_other_is_not_overdue() {
        let mut room = Room::new(unfinished());
        for number in 0..100 {
            let begun = Some(Begun { number, bytes: 100 });
            assert_eq!(poll_fn(|cx| room.poll(cx, begun)).now_or_never(), Some(Ok(())));
            assert!(poll_fn(|cx| room.poll_overdue(cx)).now_or_never().is_none());
            tokio::time::advance(patience(0) / 2).await;
        }
    }
}
