//! The words of the wire protocol: what a client may say, what the server says. Pure functions over text and bytes.
//! This module knows nothing of sockets, of who is connected, or of what AceBase writes inside its messages.

pub mod close;
pub mod frame;
pub mod printable;
pub mod query;
pub mod reliable;

/// The major protocol version that the server speaks. Published clients send `v=1.0.0`.
pub const PROTOCOL_MAJOR: &str = "1";

/// The shortest client id, in bytes. The original refused shorter ones.
pub const MIN_ID_LEN: usize = 5;

/// The longest client id, in bytes. Real ids have 8 or 24; the bound keeps notices and maps small.
pub const MAX_ID_LEN: usize = 256;

/// The longest database name, in bytes. Far above any file name that AceBase can create.
pub const MAX_DB_NAME_LEN: usize = 512;

/// The answer to a client's `ping`.
pub const PONG: &str = "pong";

/// A text message: UTF-8, shared, cheap to clone and to slice.
pub type Text = tokio_tungstenite::tungstenite::Utf8Bytes;

/// What a client's text asks of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inbound<'a> {
    /// `ping`: answer `pong` to the same client.
    Ping,
    /// `to:<id>;<text>`: the rest of the message, from byte `body`, to one peer.
    ToPeer {
        /// The addressee.
        id: &'a str,
        /// Where the text begins.
        body: usize,
    },
    /// To all others: the text from byte `body` on. Without a `to:all;` prefix that is the whole message.
    ToOthers {
        /// Where the text begins.
        body: usize,
    },
    /// `to:` without `;`: ignored, as the original did.
    Ignored,
}

impl<'a> Inbound<'a> {
    /// Reads the few bytes that decide where a text goes.
    pub fn parse(text: &'a str) -> Self {
        if text == "ping" {
            return Self::Ping;
        }
        let Some(addressed) = text.strip_prefix("to:") else {
            return Self::ToOthers { body: 0 };
        };
        match addressed.split_once(';') {
            None => Self::Ignored,
            Some(("all", _)) => Self::ToOthers { body: "to:all;".len() },
            Some((id, _)) => Self::ToPeer { id, body: "to:".len() + id.len() + 1 },
        }
    }
}

/// `welcome:{"maxPayload":…}`, the first frame that every client gets.
pub fn welcome(max_payload: usize) -> String {
    format!("welcome:{{\"maxPayload\":{max_payload}}}")
}

/// Tells the others of a database that a peer has joined.
pub fn connect_notice(id: &str) -> String {
    format!("connect:{id}")
}

/// Tells the others of a database that a peer has left.
pub fn disconnect_notice(id: &str) -> String {
    format!("disconnect:{id}")
}

/// Tells a client that a large message waits for it at `/receive`.
pub fn get_notice(message_id: &str) -> String {
    format!("get:{message_id}")
}

/// Is the text longer than `limit`, measured as clients measure it: in UTF-16 code units (`string.length`)?
pub fn exceeds_utf16(text: &str, limit: usize) -> bool {
    // A text has at most as many UTF-16 units as UTF-8 bytes: the common case is decided without looking at it.
    text.len() > limit && text.encode_utf16().count() > limit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ping_is_a_ping_only_when_nothing_follows() {
        assert_eq!(Inbound::parse("ping"), Inbound::Ping);
        assert_eq!(Inbound::parse("pings"), Inbound::ToOthers { body: 0 });
    }

    #[test]
    fn an_address_ends_at_the_first_semicolon() {
        assert_eq!(Inbound::parse("to:[master];a;b"), Inbound::ToPeer { id: "[master]", body: 12 });
        assert_eq!(Inbound::parse("to:all;hello"), Inbound::ToOthers { body: 7 });
        assert_eq!(Inbound::parse("to:;x"), Inbound::ToPeer { id: "", body: 4 });
    }

    #[test]
    fn an_address_without_a_semicolon_is_ignored() {
        assert_eq!(Inbound::parse("to:"), Inbound::Ignored);
        assert_eq!(Inbound::parse("to:someone"), Inbound::Ignored);
    }

    #[test]
    fn anything_else_is_for_the_others() {
        assert_eq!(Inbound::parse(""), Inbound::ToOthers { body: 0 });
        assert_eq!(Inbound::parse("{\"type\":\"hello\"}"), Inbound::ToOthers { body: 0 });
    }

    #[test]
    fn length_is_counted_in_utf16_units() {
        assert!(!exceeds_utf16("😀😀", 4));
        assert!(exceeds_utf16("😀😀a", 4));
        assert!(!exceeds_utf16("éééé", 4));
    }
}
