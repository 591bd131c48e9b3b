//! A client's bytes over real TLS and a real socket, and what others hear of them.

mod script;
mod stage;

use acebase_ipc_server::{
    protocol::{Inbound, Text},
    session::{
        Limits,
        decoder::{Decoded, Decoder},
    },
};

use crate::input::Input;
use script::{Script, Stream};
use stage::{LISTENER, Stage};

/// What the listener is told of the speaker.
const HERE: &str = "connect:speaker";
const GONE: &str = "disconnect:speaker";

/// Any texts and any bytes in TLS, new keys, the end of TLS, and any bytes between, in and behind its records. Some of
/// it comes with the upgrade, and is read by HTTP or not; the rest in any pieces. Between any two bytes, though not
/// within new keys, the server hands over to another one, which goes on with the connection where that is TLS 1.3.
///
/// - The session comes to rest, whatever it is sent.
/// - Others hear what was said before TLS ended or broke, in order, each text once, and nothing of what follows. The
///   pieces and the server do not matter, and nothing waits for more to come.
/// - The session ends when TLS ends, when what is said ends it, and when the socket does.
pub fn tls_session(data: &[u8]) {
    let mut input = Input::new(data);
    let limits = Stage::limits(input.pick(&[16_384, 125]));
    let version = input.pick(&[&rustls::version::TLS13, &rustls::version::TLS12]);
    let (with_upgrade, read_by_http) = (256 * input.below(256), 64 * input.below(256));
    let plan_len = input.below(8);
    let plan = input.take(plan_len);
    let (client, server) = stage::shake_hands(version);
    let script = Script::write(client, &mut input);
    let first_part = script.hand_overs.first().copied().unwrap_or(script.cipher.len());
    let (ahead, mut rest) = script.cipher.split_at(with_upgrade.min(first_part));

    let mut stage = Stage::begin(server, ahead, read_by_http, limits.clone());
    for hand_over in &script.hand_overs {
        let (part, next) = rest.split_at(hand_over - (script.cipher.len() - rest.len()));
        stage.send(part, plan);
        stage.hand_over();
        rest = next;
    }
    stage.send(rest, plan);
    let (said, decoded) = decode(&script.plain, limits);
    let mut expected = heard_by_listener(&said);
    let must_end = script.stream == Stream::Ended || decoded != Decoded::More;
    let heard = stage.heard(expected.len() + usize::from(must_end));
    // Of what is no TLS, the session may wait for the rest, or end.
    let has_ended = script.stream == Stream::Derailed && heard.len() > expected.len();
    if must_end || has_ended {
        expected.push(GONE.into());
    }
    let good = heard.iter().zip(&expected).take_while(|(heard, expected)| heard == expected).count();
    assert!(heard == expected, "{good} of {} are heard as they were said, {} in all", expected.len(), heard.len());
    stage.hang_up();
    assert_eq!(stage.heard(1).last().map(String::as_str), Some(GONE));
}

/// What a plain stream says, and how it ends.
fn decode(plain: &[u8], limits: Limits) -> (Vec<Text>, Decoded) {
    let mut texts = Vec::new();
    let mut decoder = Decoder::new(limits.max_payload, limits.max_message_size);
    let ending = decoder.decode(plain, &mut texts);
    (texts, ending)
}

/// What of it is for the listener, after the news of the speaker.
fn heard_by_listener(said: &[Text]) -> Vec<String> {
    let texts = said.iter().filter_map(|text| match Inbound::parse(text) {
        Inbound::ToPeer { id: LISTENER, body } | Inbound::ToOthers { body } => Some(text[body..].to_owned()),
        Inbound::ToPeer { .. } | Inbound::Ping | Inbound::Ignored => None,
    });
    [HERE.to_owned()].into_iter().chain(texts).collect()
}
