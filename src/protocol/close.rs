//! Why the server closes a connection, and the WebSocket close code and reason that it says so with: one table of all
//! reasons.

macro_rules! close_reasons {
    ($($(#[$doc:meta])+ $reason:ident = $code:literal, $label:literal, $text:literal;)+) => {
        /// Why the server ends a connection.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum CloseReason {
            $($(#[$doc])+ $reason,)+
        }

        impl CloseReason {
            /// All reasons.
            pub const ALL: &[Self] = &[$(Self::$reason),+];

            /// The code of RFC 6455 §7.4; 4000 and up are this protocol's own.
            pub const fn code(self) -> u16 {
                match self {
                    $(Self::$reason => $code,)+
                }
            }

            /// One word for events and metrics.
            pub const fn label(self) -> &'static str {
                match self {
                    $(Self::$reason => $label,)+
                }
            }

            /// What the close frame says: at most 123 bytes of UTF-8.
            pub const fn text(self) -> &'static str {
                match self {
                    $(Self::$reason => $text,)+
                }
            }
        }
    };
}

// Of each reason the close code, the label, and the text of the close frame.
close_reasons! {
    /// The owner of the server closed it (`client.close()`).
    Kicked = 1000, "kicked", "closed by the server's owner";
    /// The peer has said that it leaves, and is owed nothing more.
    Farewell = 1000, "farewell", "goodbye";
    /// The server is stopping.
    Shutdown = 1001, "shutdown", "the server is stopping";
    /// The peer broke the WebSocket protocol.
    ProtocolError = 1002, "protocol-error", "WebSocket protocol error";
    /// A text frame is not UTF-8.
    InvalidUtf8 = 1007, "invalid-utf8", "text is not UTF-8";
    /// The peer has begun a message and not finished it in time.
    Unfinished = 1008, "unfinished", "a message was begun and not finished in time";
    /// A frame or message is longer than the announced `maxPayload`.
    TooLarge = 1009, "too-large", "longer than maxPayload: POST it to /send";
    /// Another hub of the cluster has the database, or may have it.
    Moved = 1012, "moved", "another hub has the database now: connect again";
    /// Another hub of the cluster goes on with the database, and with the peer's session.
    HandedOver = 1012, "handed-over", "another hub goes on with the database: connect again";
    /// There was no room in time for the rest of what the peer had begun: `maxUnfinished` is reached.
    Full = 1013, "full", "no room for more unfinished messages: maxUnfinished is reached";
    /// Another connection with the same client id has taken its place.
    Replaced = 4001, "replaced", "another connection uses this client id";
    /// The peer does not read as fast as messages for it arrive: its outbox passed `maxQueue`.
    Slow = 4002, "slow", "too slow: more than maxQueue bytes are waiting";
    /// Another process is the master of the database.
    MasterTaken = 4003, "master-taken", "another AceBase master is connected and alive";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// A control frame's payload is 125 bytes at most, and the code takes two.
    const MAX_TEXT: usize = 123;

    #[test]
    fn every_text_fits_a_close_frame() {
        for reason in CloseReason::ALL {
            assert!((1..=MAX_TEXT).contains(&reason.text().len()), "{reason:?}");
        }
    }

    #[test]
    fn every_reason_has_a_label_of_its_own() {
        let labels: BTreeSet<_> = CloseReason::ALL.iter().map(|reason| reason.label()).collect();
        assert_eq!(labels.len(), CloseReason::ALL.len(), "{labels:?}");
    }

    #[test]
    fn the_readme_names_every_code_and_no_other() {
        let readme = include_str!("../../README.md");
        let (_, rest) = readme.split_once("closes the connection with ").expect("README.md has its sentences on codes");
        let (sentences, _) = rest.split_once("\n\n").expect("the paragraph ends");
        let words = sentences.split(|c: char| !c.is_ascii_alphanumeric());
        let named: BTreeSet<u16> = words.filter(|word| word.len() == 4).filter_map(|word| word.parse().ok()).collect();
        assert_eq!(named, CloseReason::ALL.iter().map(|reason| reason.code()).collect());
    }
}
