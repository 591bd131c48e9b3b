//! The words of the protocol: whom a text is for.

use acebase_ipc_server::protocol::{Inbound, exceeds_utf16};

use crate::{
    input::{self, Input},
    memory,
};

/// Any text, and any text with any address before it.
///
/// - Address and body are the text itself, cut: put together again they give it back. An id holds no semicolon and is
///   not `all`; what is ignored has an address without an end; everything else is for all others, whole.
/// - What is addressed is read as it was addressed.
/// - Reading allocates nothing.
/// - Length is that of a JavaScript string.
pub fn wire(data: &[u8]) {
    let mut input = Input::new(data);
    let limit = usize::from(input.byte());
    let id = input::text(input.until(b'\n'));
    let text = input::text(input.rest());
    check_parsed(&text);
    check_parsed(&id);
    check_addressed(&id, &text);
    for limit in [limit, text.encode_utf16().count(), text.len()] {
        assert_eq!(exceeds_utf16(&text, limit), text.encode_utf16().count() > limit);
    }
}

fn check_parsed(text: &str) {
    let (inbound, allocated) = memory::peak_of(|| Inbound::parse(text));
    assert_eq!(allocated, 0, "reading {text:?} allocates");
    match inbound {
        Inbound::Ping => assert_eq!(text, "ping"),
        Inbound::ToPeer { id, body } => {
            assert_eq!(format!("to:{id};{}", &text[body..]), text);
            assert!(!id.contains(';') && id != "all", "{id:?} is no id");
        }
        Inbound::ToOthers { body: 0 } => assert!(text != "ping" && !text.starts_with("to:")),
        Inbound::ToOthers { body } => assert_eq!(format!("to:all;{}", &text[body..]), text),
        Inbound::Ignored => assert!(text.starts_with("to:") && !text.contains(';')),
    }
}

fn check_addressed(id: &str, text: &str) {
    let to_all = format!("to:all;{text}");
    assert_eq!(Inbound::parse(&to_all), Inbound::ToOthers { body: to_all.len() - text.len() });
    if id.contains(';') || id == "all" {
        return;
    }
    let addressed = format!("to:{id};{text}");
    assert_eq!(Inbound::parse(&addressed), Inbound::ToPeer { id, body: addressed.len() - text.len() });
}
