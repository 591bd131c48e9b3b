//! What hubs know each other by: a header of a request, with which the asking hub shows that it knows the cluster's
//! secret, without telling it. It holds for that one request, for half a minute, once. Pure, but for a number at random
//! when it is made.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    net::SocketAddr,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use parking_lot::Mutex;
use ring::hmac;

use crate::clock;

/// The header's name. Its value: `hub;unix milliseconds;nonce;client's address or -;HMAC-SHA256 in hexadecimal`.
pub const HEADER: &str = "x-acebase-hub";

/// How far two hubs' clocks may be apart, and how long a request may be under way.
pub const WINDOW: Duration = Duration::from_secs(30);

/// Credentials that are remembered as used: a thousand relayed connections a second. Beyond that, those who have the
/// secret wait.
const MAX_USED: usize = 90_000;

/// Longest value that is looked at, in bytes: a name, an address and numbers are a few hundred.
const MAX_VALUE: usize = 1_024;

/// What there is where there is no client.
const NO_CLIENT: &str = "-";

/// Makes and checks credentials.
pub struct Credentials {
    key: hmac::Key,
    me: String,
    /// No other hub's, and no former process's, nonces begin like this.
    life: u64,
    count: AtomicU64,
    used: Mutex<Used>,
}

/// What a credential vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vouched {
    /// The hub that asks.
    pub hub: String,
    /// The client on whose behalf it asks, where there is one.
    pub client: Option<SocketAddr>,
}

/// Why a credential is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotVouched {
    /// It is not written as one.
    #[error("it cannot be read")]
    Malformed,
    /// Made with another secret, or for another request.
    #[error("it was made with another secret: cluster.secret must be the same on all hubs")]
    WrongSecret,
    /// Too old, or from the future.
    #[error("the clocks of the two hubs are more than half a minute apart")]
    WrongTime,
    /// Used before.
    #[error("it was used before")]
    Used,
    /// Too many have come.
    #[error("there are too many to remember")]
    TooMany,
}

/// Nonces that were used, and when each credential was made.
#[derive(Default)]
struct Used {
    made_at: HashMap<String, u64>,
    tidied_at: u64,
}

impl Credentials {
    /// `me`: this hub's name.
    pub fn new(secret: &str, me: &str) -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()),
            me: me.to_owned(),
            // Made of what the system knows at random.
            life: RandomState::new().hash_one(me),
            count: AtomicU64::new(0),
            used: Mutex::default(),
        }
    }

    /// The header's value for a request. `unix`: the time of day in milliseconds.
    pub fn sign(&self, unix: u64, method: &str, path_and_query: &str, client: Option<SocketAddr>) -> String {
        let nonce = format!("{:016x}{:x}", self.life, self.count.fetch_add(1, Ordering::Relaxed));
        let client = client.map_or_else(|| NO_CLIENT.to_owned(), |client| client.to_string());
        let said = format!("{};{unix};{nonce};{client}", self.me);
        let mark = hmac::sign(&self.key, &signed(&said, method, path_and_query));
        format!("{said};{}", hex(mark.as_ref()))
    }

    /// Whether a request comes from another hub of this cluster.
    ///
    /// # Errors
    /// Why it is not believed.
    pub fn check(&self, unix: u64, value: &str, method: &str, path_and_query: &str) -> Result<Vouched, NotVouched> {
        let (said, mark) = value
            .rsplit_once(';')
            .filter(|_| value.len() <= MAX_VALUE)
            .and_then(|(said, mark)| Some((said, unhex(mark)?)))
            .ok_or(NotVouched::Malformed)?;
        // Takes the same time wherever it differs.
        hmac::verify(&self.key, &signed(said, method, path_and_query), &mark).map_err(|_| NotVouched::WrongSecret)?;
        let mut parts = said.split(';');
        let (Some(hub), Some(made), Some(nonce), Some(client), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(NotVouched::Malformed);
        };
        let client = match client {
            NO_CLIENT => None,
            client => Some(client.parse().map_err(|_| NotVouched::Malformed)?),
        };
        let made: u64 = made.parse().map_err(|_| NotVouched::Malformed)?;
        if made.abs_diff(unix) > clock::millis(WINDOW) {
            return Err(NotVouched::WrongTime);
        }
        self.used.lock().use_up(unix, nonce, made)?;
        Ok(Vouched { hub: hub.to_owned(), client })
    }
}

impl Used {
    /// Forgets now and then those that are too old to be believed.
    fn use_up(&mut self, unix: u64, nonce: &str, made: u64) -> Result<(), NotVouched> {
        let window = clock::millis(WINDOW);
        if self.tidied_at.abs_diff(unix) >= window {
            self.made_at.retain(|_, made| *made + window >= unix);
            self.tidied_at = unix;
        }
        if self.made_at.contains_key(nonce) {
            return Err(NotVouched::Used);
        }
        if self.made_at.len() >= MAX_USED {
            return Err(NotVouched::TooMany);
        }
        self.made_at.insert(nonce.to_owned(), made);
        Ok(())
    }
}

/// What the mark is over. A line feed is in none of the parts.
fn signed(said: &str, method: &str, path_and_query: &str) -> Vec<u8> {
    [said, method, path_and_query].join("\n").into_bytes()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if digits.len() != 2 * hmac::HMAC_SHA256.digest_algorithm().output_len() {
        return None;
    }
    let pair = |pair: &[u8]| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok());
    digits.chunks(2).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000_000;
    const PATH: &str = "/mydb_data/connect?v=1&id=worker";

    fn hub(name: &str) -> Credentials {
        Credentials::new("the secret", name)
    }

    fn client() -> SocketAddr {
        ([10, 0, 0, 7], 4711).into()
    }

    #[test]
    fn a_hub_is_believed_once_and_for_whom_it_asks() {
        let (a, b) = (hub("a"), hub("b"));
        let value = a.sign(NOW, "GET", PATH, Some(client()));
        let vouched = Vouched { hub: "a".into(), client: Some(client()) };
        assert_eq!(b.check(NOW + 10, &value, "GET", PATH), Ok(vouched));
        assert_eq!(b.check(NOW + 20, &value, "GET", PATH), Err(NotVouched::Used));
        let value = a.sign(NOW, "GET", PATH, None);
        assert_eq!(b.check(NOW, &value, "GET", PATH), Ok(Vouched { hub: "a".into(), client: None }));
        let six = "[::1]:80".parse().ok();
        let value = a.sign(NOW, "GET", PATH, six);
        assert_eq!(b.check(NOW, &value, "GET", PATH).unwrap().client, six);
    }

    #[test]
    fn it_is_good_for_that_request_alone() {
        let (a, b) = (hub("a"), hub("b"));
        let value = a.sign(NOW, "GET", PATH, Some(client()));
        for (method, path) in [("POST", PATH), ("GET", "/other_data/connect?v=1&id=worker"), ("GET", "/")] {
            assert_eq!(b.check(NOW, &value, method, path), Err(NotVouched::WrongSecret));
        }
        let stranger = Credentials::new("another", "a").sign(NOW, "GET", PATH, None);
        assert_eq!(b.check(NOW, &stranger, "GET", PATH), Err(NotVouched::WrongSecret));
        for (from, to) in [("a;", "c;"), ("10.0.0.7", "10.0.0.8"), ("180", "181")] {
            let value = value.replacen(from, to, 1);
            assert_eq!(b.check(NOW, &value, "GET", PATH), Err(NotVouched::WrongSecret), "{value}");
        }
    }

    #[test]
    fn it_is_good_for_half_a_minute() {
        let (a, b) = (hub("a"), hub("b"));
        let value = a.sign(NOW, "GET", PATH, None);
        let window = clock::millis(WINDOW);
        for unix in [NOW + window + 1, NOW - window - 1] {
            assert_eq!(b.check(unix, &value, "GET", PATH), Err(NotVouched::WrongTime));
        }
        assert!(b.check(NOW + window, &value, "GET", PATH).is_ok());
        // Whenever it is used a second time, it is remembered or too old.
        for later in (0..=2 * window).step_by(1_000) {
            assert!(b.check(NOW - window + later, &value, "GET", PATH).is_err(), "{later}");
        }
    }

    #[test]
    fn what_is_none_is_refused() {
        let b = hub("b");
        let marks = ["00".repeat(32), "0".repeat(63), "zz".repeat(32), "é".repeat(32)];
        let texts = ["", ";", "a", "a;b;c;d;e"].into_iter().map(str::to_owned);
        for value in texts.chain(marks.map(|mark| format!("a;{NOW};1;-;{mark}"))).chain(["x;".repeat(600)]) {
            assert!(b.check(NOW, &value, "GET", PATH).is_err(), "{value}");
        }
    }

    #[test]
    fn what_is_remembered_has_a_bound_and_is_forgotten() {
        let (a, b) = (hub("a"), hub("b"));
        for _ in 0..MAX_USED {
            assert!(b.check(NOW, &a.sign(NOW, "GET", "/", None), "GET", "/").is_ok());
        }
        assert_eq!(b.check(NOW, &a.sign(NOW, "GET", "/", None), "GET", "/"), Err(NotVouched::TooMany));
        let later = NOW + clock::millis(WINDOW) + 1;
        assert!(b.check(later, &a.sign(later, "GET", "/", None), "GET", "/").is_ok());
    }
}
