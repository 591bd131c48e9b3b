//! One traced message, as its server's owner gets to see it. Plain data; what is traced is known to `interest`.

use std::sync::Arc;

use bytes::Bytes;

use super::coordinator::Address;

/// How much of a message's text a trace shows, in bytes. AceBase messages say what they are in their first fifty, and a
/// path or an id in the next hundred; the values that follow are the user's data, which a log should not be full of.
pub const TRACED_TEXT_LEN: usize = 200;

/// What became of a traced message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageFate {
    /// It was delivered as addressed.
    Forwarded,
    /// The coordinator kept it, answered it or swallowed it.
    Taken,
    /// The coordinator itself sent it.
    Posted,
}

impl MessageFate {
    /// The fate in one word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Forwarded => "forwarded",
            Self::Taken => "taken",
            Self::Posted => "posted",
        }
    }
}

/// A traced message: who sent it, to whom, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// The database.
    pub db: Arc<str>,
    /// The sender; `None`: the coordinator.
    pub from: Option<Arc<str>>,
    /// The addressee; `None`: all others.
    pub to: Option<Arc<str>>,
    /// Length of the text.
    pub bytes: usize,
    /// What became of it.
    pub fate: MessageFate,
    /// The text's beginning: [`TRACED_TEXT_LEN`] bytes at most.
    pub text: String,
}

impl Trace {
    pub(super) fn new(db: &Arc<str>, from: Option<&str>, to: Address<'_>, body: &Bytes, fate: MessageFate) -> Self {
        let to = match to {
            Address::Peer(id) => Some(id.into()),
            Address::Others => None,
        };
        Self { db: db.clone(), from: from.map(Arc::from), to, bytes: body.len(), fate, text: beginning(body) }
    }
}

impl Trace {
    /// It is of this peer, or for it; what goes to all concerns each peer. `None`: any peer.
    pub fn concerns(&self, peer: Option<&str>) -> bool {
        peer.is_none_or(|peer| self.from.as_deref() == Some(peer) || self.to.as_deref().is_none_or(|to| to == peer))
    }
}

/// The first bytes of a UTF-8 text, up to the end of a character.
fn beginning(text: &Bytes) -> String {
    let cut = &text[..text.len().min(TRACED_TEXT_LEN)];
    match std::str::from_utf8(cut) {
        Ok(whole) => whole.to_owned(),
        Err(error) => String::from_utf8_lossy(&cut[..error.valid_up_to()]).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let long = Bytes::from(format!("{}é and more", "x".repeat(TRACED_TEXT_LEN - 1)));
        assert_eq!(beginning(&long), "x".repeat(TRACED_TEXT_LEN - 1));
        assert_eq!(beginning(&Bytes::from("é")), "é");
    }
}
