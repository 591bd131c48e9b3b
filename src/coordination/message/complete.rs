//! The complete reading: any JSON, however it is written, as a JSON parser finds it. `rules` says what is looked for,
//! and why.
//!
//! No trees are built: what nobody asks for is passed over as text, so that neither size nor depth of a value matters.

use std::borrow::Cow;

use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;

use super::{
    AnswerKind,
    places::{Address, Ranges},
    rules::{self, MAX_KEYS, MAX_RECORDS},
    said::{Answer, Ask, Due, Fault, Grant, Message, Reading, RefusalForm, Request, Said, Unsound, WantedLock},
    value::{absent_or, exact_text_of, flag_of, is_object, is_text, number_of, object_of, text_of, whole_of},
};

/// What acebase refuses a lock with while its process ends, whatever the version.
const LEAVING: &str = "new transaction lock denied because the IPC peer is exiting";

/// The members of a message that clients or the hub read. A member that stands there twice is an error.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow, default)]
    r#type: Option<&'a RawValue>,
    #[serde(borrow, default)]
    from: Option<&'a RawValue>,
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    ok: Option<&'a RawValue>,
    #[serde(borrow, default)]
    reason: Option<&'a RawValue>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    // Read by clients, and of no consequence: they must not differ from one reader to the next all the same.
    #[serde(borrow, default, rename = "to")]
    _to: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "path")]
    _path: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "event")]
    _event: Option<&'a RawValue>,
}

/// The members of a message's data that clients or the hub read.
#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow, default)]
    r#type: Option<&'a RawValue>,
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    path: Option<&'a RawValue>,
    #[serde(borrow, default)]
    tid: Option<&'a RawValue>,
    #[serde(borrow, default)]
    write: Option<&'a RawValue>,
    #[serde(borrow, default)]
    comment: Option<&'a RawValue>,
    #[serde(borrow, default)]
    expires: Option<&'a RawValue>,
    #[serde(borrow, default)]
    move_to: Option<&'a RawValue>,
    #[serde(borrow, default)]
    event: Option<&'a RawValue>,
    #[serde(borrow, default)]
    context: Option<&'a RawValue>,
    #[serde(borrow, default)]
    records: Option<&'a RawValue>,
    #[serde(borrow, default)]
    ranges: Option<&'a RawValue>,
    #[serde(borrow, default)]
    key: Option<&'a RawValue>,
    #[serde(borrow, default)]
    index: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "fileName")]
    file_name: Option<&'a RawValue>,
    #[serde(borrow, default)]
    address: Option<&'a RawValue>,
    #[serde(borrow, default)]
    info: Option<&'a RawValue>,
    #[serde(borrow, default)]
    reason: Option<&'a RawValue>,
    // Read by clients, and anything may be there; not twice, though.
    #[serde(borrow, default, rename = "val")]
    _val: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "previous")]
    _previous: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "recursive")]
    _recursive: Option<&'a RawValue>,
}

/// What the cache of addresses knows of a node.
#[derive(Deserialize)]
struct Info<'a> {
    #[serde(borrow, default)]
    path: Option<&'a RawValue>,
    #[serde(borrow, default)]
    address: Option<&'a RawValue>,
}

/// Reads a text that begins with a brace.
pub(super) fn read(text: &[u8]) -> Reading<'_> {
    let Ok(head) = serde_json::from_slice::<Head<'_>>(text) else {
        let is_json = serde_json::from_slice::<IgnoredAny>(text).is_ok();
        let fault = if is_json { Fault::Members } else { Fault::NoJson };
        return Reading::Unsound(Unsound { kind: None, fault, due: None });
    };
    let Some(kind) = head.r#type.and_then(text_of).and_then(|kind| known_kind(&kind)) else { return Reading::Foreign };
    match head.read(kind) {
        Ok(said) => Reading::Sound(said),
        Err(fault) => Reading::Unsound(Unsound { kind: Some(kind), fault, due: head.due(kind) }),
    }
}

fn known_kind(kind: &str) -> Option<&'static str> {
    super::words::KINDS.into_iter().find(|known| *known == kind)
}

impl<'a> Head<'a> {
    fn read(&self, kind: &str) -> Result<Said<'a>, Fault> {
        let from = self.from.and_then(exact_text_of).ok_or(Fault::Sender)?;
        let message = match kind {
            "hello" => Message::Interest,
            "bye" => Message::Bye,
            "subscribe" | "unsubscribe" => self.data()?.subscription()?,
            "event" => self.data()?.event()?,
            "notification" => self.data()?.notification()?,
            "lock-result" => self.answer(AnswerKind::Lock)?,
            "unlock-result" => self.answer(AnswerKind::Unlock)?,
            "result" => self.answer(AnswerKind::Custom)?,
            _ => Message::Request(Request { id: self.id()?, ask: self.ask(kind)? }),
        };
        Ok(Said { from: bytes(from), message })
    }

    fn id(&self) -> Result<String, Fault> {
        let id = self.id.and_then(exact_text_of).filter(|id| !id.is_empty());
        id.map(Cow::into_owned).ok_or(Fault::Id)
    }

    fn data(&self) -> Result<Data<'a>, Fault> {
        self.data.and_then(object_of).ok_or(Fault::Data)
    }

    fn ask(&self, kind: &str) -> Result<Ask, Fault> {
        let data = self.data()?;
        match kind {
            "lock-request" => data.wanted().map(Ask::Lock),
            "unlock-request" => Ok(Ask::Unlock { lock: data.lock()? }),
            "move-lock-request" => {
                let target = data.move_to.and_then(exact_text_of);
                target.filter(|target| target == "parent").ok_or(Fault::Member("move_to"))?;
                Ok(Ask::Move { lock: data.lock()? })
            }
            _ => data.custom(),
        }
    }

    /// The words in which a master that waits for its locks to come back, to end then, refuses others: an error with
    /// its stack (`lock` in acebase's ipc.js).
    fn is_leaving(&self) -> bool {
        self.reason.and_then(text_of).is_some_and(|reason| reason.contains(LEAVING))
    }

    fn answer(&self, kind: AnswerKind) -> Result<Message, Fault> {
        let (id, is_ok) = (self.id()?, self.ok.and_then(flag_of).ok_or(Fault::Ok)?);
        if !is_ok {
            absent_or(self.reason, is_text).ok_or(Fault::Member("reason"))?;
            let (is_leaving, denies_index) = (kind == AnswerKind::Lock && self.is_leaving(), false);
            let refusal = Answer { id, kind, is_ok, grant: None, suits_key: true, denies_index, is_leaving };
            return Ok(Message::Answer(refusal));
        }
        let data = match kind {
            AnswerKind::Unlock => None,
            _ => Some(self.data()?),
        };
        let grant = match (kind, &data) {
            (AnswerKind::Lock, Some(data)) => Some(data.grant()?),
            _ => None,
        };
        let suits_key = data.as_ref().is_none_or(|data| data.names_a_key_at_most());
        let denies_index = data.is_some_and(|data| data.denies_index());
        Ok(Message::Answer(Answer { id, kind, is_ok, grant, suits_key, denies_index, is_leaving: false }))
    }

    /// Who waits because this message is not what it should be.
    fn due(&self, kind: &str) -> Option<Due> {
        let id = self.id().ok()?;
        let form = match kind {
            "lock-request" | "move-lock-request" => RefusalForm::Lock,
            "unlock-request" => RefusalForm::Unlock,
            "request" => self.data().map_or(RefusalForm::Custom, |data| data.refusal_form()),
            "lock-result" | "unlock-result" | "result" => return Some(Due::Answer { id }),
            _ => return None,
        };
        Some(Due::Request { id, form })
    }
}

impl Data<'_> {
    fn kind(&self) -> Result<Cow<'_, str>, Fault> {
        self.r#type.and_then(exact_text_of).ok_or(Fault::Member("type"))
    }

    fn subscription(&self) -> Result<Message, Fault> {
        let event = self.event.and_then(exact_text_of).filter(|event| rules::is_event(event));
        let path = self.path.and_then(text_of).filter(|path| rules::is_subscribable(path));
        event.ok_or(Fault::Member("event"))?;
        path.ok_or(Fault::Member("path"))?;
        Ok(Message::Interest)
    }

    fn event(&self) -> Result<Message, Fault> {
        self.path.filter(|path| is_text(path)).ok_or(Fault::Member("path"))?;
        absent_or(self.context, is_object).ok_or(Fault::Member("context"))?;
        Ok(Message::News)
    }

    fn notification(&self) -> Result<Message, Fault> {
        match &*self.kind()? {
            "root.update" => {
                let address: Address<'_> = self.address.and_then(object_of).ok_or(Fault::Member("address"))?;
                let is_root = address.path().and_then(exact_text_of).is_some_and(|path| path.is_empty());
                let place = address.place().filter(|_| is_root).ok_or(Fault::Member("address"))?;
                Ok(Message::RootMoved(place))
            }
            "cache.update" => {
                let info: Info<'_> = self.info.and_then(object_of).ok_or(Fault::Member("info"))?;
                let address: Option<Address<'_>> = info.address.and_then(object_of);
                let has_address =
                    address.is_some_and(|address| address.path().is_some_and(is_text) && address.place().is_some());
                (info.path.is_some_and(is_text) && has_address).then_some(Message::News).ok_or(Fault::Member("info"))
            }
            "cache.invalidate" => {
                self.path.filter(|path| is_text(path)).map(|_| Message::News).ok_or(Fault::Member("path"))
            }
            "kit.new_key" => {
                let index = self.index.and_then(whole_of).filter(|index| *index < MAX_KEYS);
                let index = index.ok_or(Fault::Member("index"))?;
                self.key()?;
                Ok(Message::NewKey { index })
            }
            "index.created" => Ok(Message::IndexCreated { file_name: self.file_name()? }),
            "index.deleted" => Ok(Message::IndexDeleted { file_name: self.file_name()? }),
            _ => Ok(Message::News),
        }
    }

    fn key(&self) -> Result<(), Fault> {
        let key = self.key.and_then(text_of).filter(|key| !key.is_empty());
        key.map(drop).ok_or(Fault::Member("key"))
    }

    fn file_name(&self) -> Result<String, Fault> {
        self.file_name.and_then(text_of).map(Cow::into_owned).ok_or(Fault::Member("fileName"))
    }

    fn lock(&self) -> Result<u64, Fault> {
        self.id.and_then(whole_of).ok_or(Fault::Member("id"))
    }

    fn wanted(&self) -> Result<WantedLock, Fault> {
        let path = self.path.and_then(text_of).ok_or(Fault::Member("path"))?;
        let comment = self.comment()?.unwrap_or_default();
        Ok(WantedLock { path: path.into_owned(), tid: self.tid()?, write: self.write()?, comment })
    }

    /// The transaction id; a debugging build of AceBase numbers its transactions.
    fn tid(&self) -> Result<String, Fault> {
        let tid = self.tid.and_then(|tid| text_of(tid).or_else(|| number_of(tid).map(Cow::Borrowed)));
        tid.map(Cow::into_owned).ok_or(Fault::Member("tid"))
    }

    fn write(&self) -> Result<bool, Fault> {
        self.write.and_then(flag_of).ok_or(Fault::Member("write"))
    }

    fn comment(&self) -> Result<Option<String>, Fault> {
        let Some(comment) = self.comment else { return Ok(None) };
        text_of(comment).map(|comment| Some(comment.into_owned())).ok_or(Fault::Member("comment"))
    }

    fn grant(&self) -> Result<Grant, Fault> {
        absent_or(self.path, is_text).ok_or(Fault::Member("path"))?;
        absent_or(self.expires, |expires| number_of(expires).is_some()).ok_or(Fault::Member("expires"))?;
        let expires: Option<f64> = self.expires.and_then(|expires| expires.get().parse().ok());
        Ok(Grant {
            id: self.lock()?,
            path: self.path.and_then(text_of).map(Cow::into_owned),
            tid: Some(self.tid()?),
            write: self.write()?,
            comment: self.comment()?,
            // A lock timeout of a fraction of a second gives a fraction of a millisecond; the cast saturates.
            expires: expires.map(|expires| expires as u64),
        })
    }

    fn custom(&self) -> Result<Ask, Fault> {
        match &*self.kind()? {
            "fst.allocate" => {
                let is_amount = |records: &RawValue| whole_of(records).is_some_and(|records| records <= MAX_RECORDS);
                absent_or(self.records, is_amount).ok_or(Fault::Member("records"))?;
                Ok(Ask::Allocate)
            }
            "fst.release" => {
                let ranges: Option<Ranges> = self.ranges.and_then(|ranges| serde_json::from_str(ranges.get()).ok());
                ranges.map(|Ranges| Ask::Free).ok_or(Fault::Member("ranges"))
            }
            "kit.add" => match self.key {
                Some(_) => self.key().map(|()| Ask::AddKey),
                None => Ok(Ask::AddKey),
            },
            "index.create" => {
                self.path.filter(|path| is_text(path)).ok_or(Fault::Member("path"))?;
                self.key.filter(|key| is_text(key)).ok_or(Fault::Member("key"))?;
                Ok(Ask::CreateIndex)
            }
            "index.update" => {
                absent_or(self.file_name, is_text).ok_or(Fault::Member("fileName"))?;
                let file_name = self.file_name.and_then(text_of).unwrap_or_default();
                let path = self.path.and_then(text_of).ok_or(Fault::Member("path"))?;
                rules::is_for_index(&file_name, &path).then_some(Ask::Custom).ok_or(Fault::Member("path"))
            }
            _ => Ok(Ask::Custom),
        }
    }

    fn refusal_form(&self) -> RefusalForm {
        match self.kind().as_deref() {
            Ok("kit.add" | "fst.release" | "index.update") => RefusalForm::ByMaster,
            _ => RefusalForm::Custom,
        }
    }

    /// The words in which masters say that they have no such index.
    fn denies_index(&self) -> bool {
        let reason = self.reason.and_then(text_of).unwrap_or_default();
        reason.starts_with("Index ") && reason.ends_with(" not found")
    }

    fn names_a_key_at_most(&self) -> bool {
        let is_index = |index: &RawValue| index.get() == "-1" || whole_of(index).is_some_and(|index| index < MAX_KEYS);
        absent_or(self.index, is_index).is_some()
    }
}

fn bytes(text: Cow<'_, str>) -> Cow<'_, [u8]> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    }
}
