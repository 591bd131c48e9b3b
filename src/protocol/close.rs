//! Why the server closes a connection, and the WebSocket close code and reason that it says so with.

/// Why the server ends a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// The server is stopping.
    Shutdown,
    /// Another connection with the same client id has taken its place.
    Replaced,
    /// The peer does not read as fast as messages for it arrive: its outbox passed `maxQueue`.
    Slow,
    /// The owner of the server closed it (`client.close()`).
    Kicked,
    /// The peer has said that it leaves, and is owed nothing more.
    Farewell,
    /// Another process is the master of the database.
    MasterTaken,
    /// A frame or message is longer than the announced `maxPayload`.
    TooLarge,
    /// A text frame is not UTF-8.
    InvalidUtf8,
    /// The peer broke the WebSocket protocol.
    ProtocolError,
    /// There was no room in time for the rest of what the peer had begun: `maxUnfinished` is reached.
    Full,
    /// The peer has begun a message and not finished it in time.
    Unfinished,
}

impl CloseReason {
    /// The code of RFC 6455 §7.4; 4000 and up are this protocol's own.
    pub fn code(self) -> u16 {
        match self {
            Self::Kicked | Self::Farewell => 1000,
            Self::Shutdown => 1001,
            Self::ProtocolError => 1002,
            Self::InvalidUtf8 => 1007,
            Self::Unfinished => 1008,
            Self::TooLarge => 1009,
            Self::Full => 1013,
            Self::Replaced => 4001,
            Self::Slow => 4002,
            Self::MasterTaken => 4003,
        }
    }

    /// What the close frame says: at most 123 bytes of UTF-8.
    pub fn text(self) -> &'static str {
        match self {
            Self::Kicked => "closed by the server's owner",
            Self::Farewell => "goodbye",
            Self::MasterTaken => "another AceBase master is connected and alive",
            Self::Shutdown => "the server is stopping",
            Self::ProtocolError => "WebSocket protocol error",
            Self::InvalidUtf8 => "text is not UTF-8",
            Self::TooLarge => "longer than maxPayload: POST it to /send",
            Self::Unfinished => "a message was begun and not finished in time",
            Self::Full => "no room for more unfinished messages: maxUnfinished is reached",
            Self::Replaced => "another connection uses this client id",
            Self::Slow => "too slow: more than maxQueue bytes are waiting",
        }
    }

    /// One word for events and metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Kicked => "kicked",
            Self::Farewell => "farewell",
            Self::MasterTaken => "master-taken",
            Self::Shutdown => "shutdown",
            Self::ProtocolError => "protocol-error",
            Self::InvalidUtf8 => "invalid-utf8",
            Self::TooLarge => "too-large",
            Self::Unfinished => "unfinished",
            Self::Full => "full",
            Self::Replaced => "replaced",
            Self::Slow => "slow",
        }
    }
}
