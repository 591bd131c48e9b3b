//! The request targets of the protocol: `/:db/connect?v=&id=&t=` and its siblings, and why a connection is refused.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::{MAX_DB_NAME_LEN, MAX_ID_LEN, MIN_ID_LEN, PROTOCOL_MAJOR, printable::printable};

/// The most characters of a stranger's word that are repeated.
const MAX_TOLD_CHARS: usize = 64;

/// The query parameters that the protocol knows. Absent ones are `None`; unknown ones are ignored, as clients may add
/// some.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Query {
    /// `v`: the client's protocol version.
    pub version: Option<String>,
    /// `id`: the client's id.
    pub id: Option<String>,
    /// `t`: the token. Clients without one send the word `undefined`.
    pub token: Option<String>,
    /// `msg`: a message's id (`/receive`) or text (`/send` in development).
    pub message: Option<String>,
    /// `reliable`: the version of the extension (`super::reliable`) that the client offers.
    pub reliable: Option<String>,
    /// `life`: which life of the client offers it.
    pub life: Option<String>,
    /// `session`: the session of the extension that the client was in last.
    pub session: Option<String>,
    /// `had`: how many numbered frames of that session it has had.
    pub had: Option<String>,
}

impl Query {
    /// Reads `a=b&c=d`. The first of equal names counts. Values may be raw or percent-encoded.
    pub fn parse(query: &str) -> Self {
        let mut parsed = Self::default();
        for (name, value) in pairs(query) {
            let slot = match name {
                "v" => &mut parsed.version,
                "id" => &mut parsed.id,
                "t" => &mut parsed.token,
                "msg" => &mut parsed.message,
                "reliable" => &mut parsed.reliable,
                "life" => &mut parsed.life,
                "session" => &mut parsed.session,
                "had" => &mut parsed.had,
                _ => continue,
            };
            slot.get_or_insert_with(|| decode(value));
        }
        parsed
    }

    /// The client's id, if it is one that the protocol allows.
    pub fn valid_id(&self) -> Result<&str, Refusal> {
        match self.id.as_deref() {
            Some(id) if (MIN_ID_LEN..=MAX_ID_LEN).contains(&id.len()) && !id.contains(char::is_control) => Ok(id),
            other => Err(Refusal::InvalidId(repeatable(other.unwrap_or_default()))),
        }
    }

    /// A token was sent. Published clients without one send the word `undefined`.
    pub fn has_token(&self) -> bool {
        self.token.as_deref().is_some_and(|token| !matches!(token, "" | "undefined"))
    }

    /// Checks that the client speaks this major version of the protocol.
    pub fn check_version(&self) -> Result<(), Refusal> {
        let version = self.version.as_deref().unwrap_or_default();
        match version.split('.').next() {
            Some(PROTOCOL_MAJOR) => Ok(()),
            _ => Err(Refusal::UnsupportedVersion(repeatable(version))),
        }
    }
}

/// Why a WebSocket connection is refused. The published clients look for the number in the error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The client's major version is not the server's.
    UnsupportedVersion(String),
    /// The id is missing, too short or too long.
    InvalidId(String),
    /// A token is configured, and the client sends none.
    TokenMissing,
    /// A token is configured, and the client's differs.
    TokenWrong,
    /// The database is none of those that are served. The client is not told: the names are nobody's business.
    Unlisted,
}

impl Refusal {
    /// The reason in one word, for events and metrics.
    pub fn label(&self) -> &'static str {
        match self {
            Self::UnsupportedVersion(_) => "version",
            Self::InvalidId(_) => "id",
            Self::TokenMissing => "token-missing",
            Self::TokenWrong => "token-wrong",
            Self::Unlisted => "unlisted",
        }
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            Self::UnsupportedVersion(_) => 409,
            Self::InvalidId(_) => 500,
            Self::TokenMissing | Self::TokenWrong | Self::Unlisted => 403,
        }
    }

    /// The response's body: the original's words.
    pub fn body(&self) -> String {
        match self {
            Self::UnsupportedVersion(version) => {
                format!("409 Unsupported client IPC version \"{version}\". Update acebase-ipc-server package")
            }
            Self::InvalidId(id) => {
                format!("500 Invalid IPC client id \"{id}\": it must have {MIN_ID_LEN} to {MAX_ID_LEN} characters")
            }
            Self::TokenMissing | Self::TokenWrong | Self::Unlisted => "403 Unauthorized".into(),
        }
    }
}

/// The first parameter of that name, for requests that are not the protocol's own.
pub fn parameter(query: &str, name: &str) -> Option<String> {
    pairs(query).find(|(found, _)| *found == name).map(|(_, value)| decode(value))
}

fn pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// A path of the protocol, split: `/<db>/<action>`. It is resolved as URL parsers do it: published clients connect with
/// a parsed URL and send to the path as it stands, and a name such as `../x` or `./x` must be the same database both
/// times.
pub fn split_path(path: &str) -> Option<(String, &str)> {
    let mut segments = path.strip_prefix('/')?.rsplit(['/', '\\']).map(|segment| (Step::of(segment), segment));
    let (Step::Into, action) = segments.next()? else { return None };
    let (mut name, mut undone) = (None, 0);
    for (step, segment) in segments {
        match step {
            Step::Stay => {}
            Step::Back => undone += 1,
            Step::Into if undone > 0 => undone -= 1,
            Step::Into if name.is_some() => return None,
            Step::Into => name = Some(segment),
        }
    }
    let db = decode(name?);
    let is_name = !db.is_empty() && db.len() <= MAX_DB_NAME_LEN && !db.contains(char::is_control);
    is_name.then_some((db, action))
}

/// Can the published clients POST to this database with this token? They write both into a path as they are, which
/// Node.js does not send where it has other characters than visible ones of Latin-1, and HTTP does not take where it
/// has some of those. The URL that they connect with takes all of them.
pub fn can_be_posted(db: &str, token: &str) -> bool {
    let is_sent = |text: &str, refused: &str| {
        text.chars()
            .all(|character| matches!(character, '!'..='ÿ' if character != '\u{7f}' && !refused.contains(character)))
    };
    is_sent(db, "<>`") && is_sent(token, "<>\"")
}

/// A client's word as far as it is worth telling anybody.
pub fn shortened(word: &str) -> Cow<'_, str> {
    match word.char_indices().nth(MAX_TOLD_CHARS) {
        Some((end, _)) => format!("{}…", &word[..end]).into(),
        None => word.into(),
    }
}

/// What a segment of a path does.
enum Step {
    /// `.`
    Stay,
    /// `..`
    Back,
    /// Anything else.
    Into,
}

impl Step {
    fn of(segment: &str) -> Self {
        let is = |forms: &[&str]| forms.iter().any(|form| form.eq_ignore_ascii_case(segment));
        if is(&[".", "%2e"]) {
            Self::Stay
        } else if is(&["..", ".%2e", "%2e.", "%2e%2e"]) {
            Self::Back
        } else {
            Self::Into
        }
    }
}

/// Percent-decodes; what does not decode to UTF-8 is taken as it stands.
fn decode(text: &str) -> String {
    match percent_decode_str(text).decode_utf8() {
        Ok(decoded) => decoded.into_owned(),
        Err(_) => text.to_owned(),
    }
}

/// A client's word as it may be repeated to it.
fn repeatable(word: &str) -> String {
    printable(&shortened(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_arrive_raw_or_encoded() {
        for raw in ["v=1.0.0&id=[master]&t=undefined", "v=1.0.0&id=%5Bmaster%5D&t=undefined"] {
            let query = Query::parse(raw);
            assert_eq!(query.valid_id(), Ok("[master]"));
            assert_eq!(query.token.as_deref(), Some("undefined"));
        }
    }

    #[test]
    fn the_major_version_decides() {
        assert!(Query::parse("v=1.9.3").check_version().is_ok());
        assert!(Query::parse("v=1").check_version().is_ok());
        for wrong in ["v=2.0.0", "v=10.0.0", "v=", ""] {
            let refusal = Query::parse(wrong).check_version().unwrap_err();
            assert_eq!(refusal.status(), 409);
        }
    }

    #[test]
    fn short_missing_and_endless_ids_are_refused() {
        let endless = format!("id={}", "x".repeat(MAX_ID_LEN + 1));
        for wrong in ["", "id=", "id=abcd", "id=ab%0Acdef", endless.as_str()] {
            let refusal = Query::parse(wrong).valid_id().unwrap_err();
            assert_eq!(refusal.status(), 500);
            assert!(refusal.body().starts_with("500 Invalid IPC client id"), "{}", refusal.body());
        }
    }

    #[test]
    fn a_broken_escape_is_taken_as_it_stands() {
        assert_eq!(Query::parse("id=100%-sure").id.as_deref(), Some("100%-sure"));
        assert_eq!(Query::parse("id=%ff%fe-abc").id.as_deref(), Some("%ff%fe-abc"));
    }

    #[test]
    fn what_a_path_does_not_take_cannot_be_posted() {
        assert!(can_be_posted("mydb_data", "undefined") && can_be_posted("é\"", "`"));
        for name in ["my db", "数据库", "<x", "x>", "`", "a\u{7f}"] {
            assert!(!can_be_posted(name, "token"), "{name}");
        }
        for token in ["my token", "\"", "<", ">", "€"] {
            assert!(!can_be_posted("name", token), "{token}");
        }
    }

    #[test]
    fn of_a_long_word_the_beginning_is_told() {
        assert_eq!(shortened("mydb_data"), "mydb_data");
        assert_eq!(shortened(&"é".repeat(MAX_TOLD_CHARS)), "é".repeat(MAX_TOLD_CHARS));
        assert_eq!(shortened(&"é".repeat(MAX_DB_NAME_LEN)), format!("{}…", "é".repeat(MAX_TOLD_CHARS)));
    }

    #[test]
    fn a_path_is_resolved_as_clients_resolve_the_url_that_they_connect_with() {
        for path in
            ["/./x/send", "/../x/send", "/../../x/send", "/a/../x/send", "/.\\x/send", "/%2e%2E/x/send", "/x/./send"]
        {
            assert_eq!(split_path(path), Some(("x".into(), "send")), "{path}");
        }
        for path in ["/..", "/../send", "/x/../send", "/x/send/..", "/x/send/.", "/x/y/..", "/a/../b/x/send"] {
            assert_eq!(split_path(path), None, "{path}");
        }
        assert_eq!(split_path("/..x/send"), Some(("..x".into(), "send")));
    }

    #[test]
    fn a_path_is_a_database_and_an_action() {
        assert_eq!(split_path("/mydb_data/connect"), Some(("mydb_data".into(), "connect")));
        assert_eq!(split_path("/__proto__/send"), Some(("__proto__".into(), "send")));
        assert_eq!(split_path("/%2e%2e%2fx/clients"), Some(("../x".into(), "clients")));
        assert_eq!(split_path("//connect"), None);
        assert_eq!(split_path("/a/b/connect"), None);
        assert_eq!(split_path("/connect"), None);
        assert_eq!(split_path(&format!("/{}/connect", "x".repeat(MAX_DB_NAME_LEN + 1))), None);
    }
}
