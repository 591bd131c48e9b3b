//! What the hub requests of a master in its own name: each such request has an id that tells, when it is answered, what
//! it was for.

use std::{
    borrow::Cow,
    fmt::{self, Display, Formatter},
};

use serde::Deserialize;

use super::HUB;

/// A request that the hub makes under [`super::HUB`]. Its number is used once in a run of the hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnRequest {
    /// A challenge: is it the master that was there?
    Who(u64),
    /// A challenge: is it alive, while somebody wants its place?
    Alive(u64),
    /// A challenge: has it lived through the request that is on trial?
    Trial(u64),
    /// A challenge: does it have an index that somebody has said to be gone?
    Index(u64),
    /// That a lock be released which its worker does not need, or never heard of.
    Release(u64),
    /// The same for the worker's own request of this number in the table, whose answer may be lost.
    Confirm(u64),
    /// The lock that keeps a newcomer from writing.
    Hold,
    /// A lock that stands for one of a former master.
    Fence(u64),
    /// The release of one of these two.
    Free(u64),
}

impl OwnRequest {
    /// The request that has this id.
    pub fn of(id: &str) -> Option<Self> {
        let (kind, number) = match id.split_once('-') {
            Some((kind, number)) => (kind, number.parse().ok()?),
            None => return (id == HOLD).then_some(Self::Hold),
        };
        match kind {
            WHO => Some(Self::Who(number)),
            ALIVE => Some(Self::Alive(number)),
            TRIAL => Some(Self::Trial(number)),
            INDEX => Some(Self::Index(number)),
            RELEASE => Some(Self::Release(number)),
            CONFIRM => Some(Self::Confirm(number)),
            FENCE => Some(Self::Fence(number)),
            FREE => Some(Self::Free(number)),
            _ => None,
        }
    }
}

const WHO: &str = "who";
const ALIVE: &str = "alive";
const TRIAL: &str = "trial";
const INDEX: &str = "index";
const RELEASE: &str = "release";
const CONFIRM: &str = "confirm";
const HOLD: &str = "hold";
const FENCE: &str = "fence";
const FREE: &str = "free";

/// Its id.
impl Display for OwnRequest {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let (kind, number) = match self {
            Self::Hold => return formatter.write_str(HOLD),
            Self::Who(number) => (WHO, number),
            Self::Alive(number) => (ALIVE, number),
            Self::Trial(number) => (TRIAL, number),
            Self::Index(number) => (INDEX, number),
            Self::Release(number) => (RELEASE, number),
            Self::Confirm(number) => (CONFIRM, number),
            Self::Fence(number) => (FENCE, number),
            Self::Free(number) => (FREE, number),
        };
        write!(formatter, "{kind}-{number}")
    }
}

/// The lock that the hub requests a master to release in this text, if it does.
pub fn own_release(text: &[u8]) -> Option<u64> {
    #[derive(Deserialize)]
    struct Release<'a> {
        #[serde(borrow)]
        from: Cow<'a, str>,
        data: Lock,
    }
    #[derive(Deserialize)]
    struct Lock {
        id: u64,
    }
    let is_release = text.starts_with(br#"{"type":"unlock-request","#);
    let release: Release<'_> = is_release.then(|| serde_json::from_slice(text).ok())??;
    (release.from == HUB).then_some(release.data.id)
}

#[cfg(test)]
mod tests {
    use super::{OwnRequest::*, *};

    #[test]
    fn each_is_known_by_its_id() {
        for request in [Who(1), Alive(2), Trial(3), Index(4), Release(5), Confirm(6), Hold, Fence(7), Free(u64::MAX)] {
            assert_eq!(OwnRequest::of(&request.to_string()), Some(request));
        }
        assert_eq!(Who(7).to_string(), "who-7");
    }

    #[test]
    fn a_release_that_the_hub_requests_tells_which_lock() {
        assert_eq!(own_release(&super::super::unlock_request(Release(5), 7)), Some(7));
        assert_eq!(own_release(&super::super::unlock_request(Who(5), super::super::NO_SUCH_LOCK)), None);
        for other in [
            r#"{"type":"unlock-request","id":"r","from":"worker","to":"[master]","data":{"id":7}}"#,
            r#"{"type":"unlock-request","#,
            r#"{"type":"hello","from":"acebase-ipc-server"}"#,
        ] {
            assert_eq!(own_release(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn other_ids_are_none_of_them() {
        for id in ["", "-", "who", "who-", "who-x", "who-1-2", "hold-1", "mib3xk2w0000p7q1rz000000"] {
            assert_eq!(OwnRequest::of(id), None, "{id}");
        }
    }
}
