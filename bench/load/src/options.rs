//! The command line, and nothing else.

use std::ffi::OsString;
use std::time::Duration;

use lexopt::prelude::*;

use crate::frame::MaskKey;
use crate::message::Style;
use crate::workload::fanout::Bursts;

pub const HELP: &str = "\
Usage: acebase-ipc-bench <workload> --port N [options]

Workloads:
  qa        pairs, one question at a time, each answered     (messages/s)
  direct    pairs, one way, a window of messages on its way  (messages/s)
  locks     pairs of worker and master: lock and unlock      (messages/s)
  fanout    one sender, many receivers, in bursts            (deliveries/s)
  latency   one pair, one question at a time                 (round trip, microseconds)
  idle      many peers that say nothing                      (connect time, memory)

Options:
  --port N[,N...]       the server's port on 127.0.0.1; of several servers, pairs are at one after the other
  --tls                 connect through TLS; any certificate is taken
  --seconds S           measured time [2]
  --size BYTES          length of a message, 80 to 16000 [150]
  --pairs N             pairs of qa, direct and locks [16]
  --apart               each pair in a database of its own; those of locks always are
  --window N            messages on their way per pair, for direct [64]
  --receivers N         receivers of fanout [64]
  --burst N             messages in one burst of fanout [32]
  --bursts-in-flight N  bursts on their way at once [2]
  --peers N             peers of idle [10000]
  --ids plain|acebase   which sort of client to imitate [plain; locks: acebase]
  --path-prefix NAME    beginning of the databases' names [bench]
  --mask-key HEX        masking key of the frames, 8 digits [00000000]
  --server-pid PID      the server's process: its processor time and memory are reported too
  --core N              core to run on, or 'any' [1]

Prints one line of JSON. Exit status: 0 all is well, 1 a message was lost, doubled, reordered or damaged, 2 no run.";

/// Sizes of a message, in bytes: all forms of message have room, and with its address it stays below 16384.
const SIZES: std::ops::RangeInclusive<usize> = 80..=16_000;
/// The core to run on: the server has core 0.
const DEFAULT_CORE: usize = 1;

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    QuestionAnswer,
    Direct,
    Locks,
    Fanout,
    Latency,
    Idle,
}

impl Kind {
    const ALL: [Kind; 6] = [Kind::QuestionAnswer, Kind::Direct, Kind::Locks, Kind::Fanout, Kind::Latency, Kind::Idle];

    pub fn name(self) -> &'static str {
        match self {
            Kind::QuestionAnswer => "qa",
            Kind::Direct => "direct",
            Kind::Locks => "locks",
            Kind::Fanout => "fanout",
            Kind::Latency => "latency",
            Kind::Idle => "idle",
        }
    }

    fn named(name: &str) -> Option<Kind> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

#[derive(Debug)]
pub struct Options {
    pub kind: Kind,
    pub ports: Vec<u16>,
    pub tls: bool,
    pub duration: Duration,
    pub size: usize,
    pub pairs: usize,
    pub apart: bool,
    pub window: usize,
    pub receivers: usize,
    pub bursts: Bursts,
    pub peers: usize,
    pub style: Style,
    pub database: String,
    pub mask: MaskKey,
    pub server: Option<u32>,
    pub core: Option<usize>,
}

/// What the command line asks for.
pub enum Request {
    Help,
    Run(Box<Options>),
}

/// Reads the arguments after the program's name.
///
/// # Errors
/// An unknown option, a value out of its range, or no workload or port.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Request, lexopt::Error> {
    let mut parser = lexopt::Parser::from_args(arguments);
    let mut kind = None;
    let mut style = None;
    let mut options = defaults();
    while let Some(argument) = parser.next()? {
        match argument {
            Short('h') | Long("help") => return Ok(Request::Help),
            Value(name) if kind.is_none() => {
                let name = name.string()?;
                kind = Some(Kind::named(&name).ok_or_else(|| format!("unknown workload '{name}'"))?);
            }
            Long("port") => options.ports = parser.value()?.parse_with(ports)?,
            Long("tls") => options.tls = true,
            Long("seconds") => options.duration = parser.value()?.parse_with(seconds)?,
            Long("size") => options.size = parser.value()?.parse_with(size)?,
            Long("pairs") => options.pairs = at_least_one(&mut parser)?,
            Long("apart") => options.apart = true,
            Long("window") => options.window = at_least_one(&mut parser)?,
            Long("receivers") => options.receivers = at_least_one(&mut parser)?,
            Long("burst") => options.bursts.size = at_least_one(&mut parser)? as u64,
            Long("bursts-in-flight") => options.bursts.in_flight = at_least_one(&mut parser)?,
            Long("peers") => options.peers = at_least_one(&mut parser)?,
            Long("ids") => style = Some(parser.value()?.parse_with(ids)?),
            Long("path-prefix") => options.database = parser.value()?.string()?,
            Long("mask-key") => options.mask = parser.value()?.parse_with(mask_key)?,
            Long("server-pid") => options.server = Some(parser.value()?.parse()?),
            Long("core") => options.core = parser.value()?.parse_with(core)?,
            other => return Err(other.unexpected()),
        }
    }
    options.kind = kind.ok_or("a workload is missing; see --help")?;
    if options.ports.is_empty() {
        return Err("--port is missing".into());
    }
    options.style = style.unwrap_or(if options.kind == Kind::Locks { Style::AceBase } else { Style::Plain });
    Ok(Request::Run(Box::new(options)))
}

fn defaults() -> Options {
    Options {
        kind: Kind::QuestionAnswer,
        ports: Vec::new(),
        tls: false,
        duration: Duration::from_secs(2),
        size: 150,
        pairs: 16,
        apart: false,
        window: 64,
        receivers: 64,
        bursts: Bursts { size: 32, in_flight: 2 },
        peers: 10_000,
        style: Style::Plain,
        database: "bench".to_owned(),
        mask: [0; 4],
        server: None,
        core: Some(DEFAULT_CORE),
    }
}

fn at_least_one(parser: &mut lexopt::Parser) -> Result<usize, lexopt::Error> {
    parser.value()?.parse_with(|text| match text.parse::<usize>() {
        Ok(0) => Err("must be at least 1".to_owned()),
        Ok(number) => Ok(number),
        Err(error) => Err(error.to_string()),
    })
}

fn ports(text: &str) -> Result<Vec<u16>, std::num::ParseIntError> {
    text.split(',').map(str::parse).collect()
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds")?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

fn size(text: &str) -> Result<usize, String> {
    let size = text.parse().map_err(|_| "not a number of bytes")?;
    if SIZES.contains(&size) { Ok(size) } else { Err(format!("must be {} to {}", SIZES.start(), SIZES.end())) }
}

fn ids(text: &str) -> Result<Style, &'static str> {
    match text {
        "plain" => Ok(Style::Plain),
        "acebase" => Ok(Style::AceBase),
        _ => Err("must be 'plain' or 'acebase'"),
    }
}

fn mask_key(text: &str) -> Result<MaskKey, String> {
    u32::from_str_radix(text, 16).map(u32::to_be_bytes).map_err(|error| error.to_string())
}

fn core(text: &str) -> Result<Option<usize>, String> {
    match text {
        "any" => Ok(None),
        number => number.parse().map(Some).map_err(|_| "must be a core's number, or 'any'".to_owned()),
    }
}
