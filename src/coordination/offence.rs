//! Why a message is kept back, in words for whoever looks for its sender.

use super::message::{Due, RefusalForm, Request, Unsound};

/// Why a message is kept back.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(super) enum Offence {
    #[error("a text that only the server itself says")]
    HubsWord,
    #[error("{}", describe(.0))]
    Unsound(Unsound),
    #[error("it speaks in the name of another")]
    AnothersName(Option<Request>),
    #[error("a request that does not go from a worker to the master")]
    Misdirected(Request),
    #[error("only a master may say it, to a worker that waits for it")]
    NotMasters,
    #[error("an answer that nobody waits for")]
    Unrequested,
    #[error("an answer that does not suit its request")]
    Unsuitable,
    #[error("it tells that an index is gone which the master does not know")]
    UnknownIndex,
    #[error("it tells that an index is gone while there is no master to ask for it")]
    NoMasterKnows,
}

fn describe(Unsound { kind, fault, .. }: &Unsound) -> String {
    match kind {
        Some(kind) => format!("a \"{kind}\" that {fault}"),
        None => format!("a text that {fault}"),
    }
}

impl Offence {
    /// The answer that somebody waits for because of it.
    pub(super) fn due(&self) -> Option<Due> {
        match self {
            Self::Unsound(Unsound { due, .. }) => due.clone(),
            Self::AnothersName(Some(request)) | Self::Misdirected(request) => {
                Some(Due::Request { id: request.id.clone(), form: RefusalForm::from(&request.ask) })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::message::Fault, *};

    #[test]
    fn what_is_kept_back_is_told_in_a_sentence() {
        let unsound = Unsound { kind: Some("event"), fault: Fault::Data, due: None };
        assert_eq!(Offence::Unsound(unsound).to_string(), "a \"event\" that has no data that is an object");
        let unsound = Unsound { kind: None, fault: Fault::NoJson, due: None };
        assert_eq!(Offence::Unsound(unsound).to_string(), "a text that is no JSON");
    }
}
