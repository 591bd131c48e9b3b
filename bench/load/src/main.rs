//! Load generator for AceBase IPC servers. One thread puts one sort of load on a server and checks every message on its
//! way: sequence, content and order. It prints what the server did as one line of JSON.

mod drive;
mod failure;
mod frame;
mod machine;
mod message;
mod options;
mod swarm;
mod transport;
mod workload;

use std::process::ExitCode;

use serde_json::{Value, json};

use drive::{Measurement, Plan, Workload, drive};
use failure::Failure;
use options::{HELP, Kind, Options, Request};
use swarm::{Identity, Swarm};
use transport::Dialer;
use workload::fanout::Fanout;
use workload::idle;
use workload::latency::Latency;
use workload::pairs::{Dialogue, Pairs};

/// Share of its core from which the generator counts as busy all the time.
const BUSY: f64 = 0.95;
/// Share of its core below which the server has time left, so that a busy generator was what held the run back.
const IDLE_ENOUGH: f64 = 0.90;

fn main() -> ExitCode {
    match options::parse(std::env::args_os().skip(1)) {
        Ok(Request::Help) => {
            println!("{HELP}");
            ExitCode::SUCCESS
        }
        Ok(Request::Run(options)) => report(&options, run(&options)),
        Err(error) => unable(&error.to_string()),
    }
}

fn report(options: &Options, outcome: Result<Value, Failure>) -> ExitCode {
    match outcome {
        Ok(result) => {
            println!("{result}");
            ExitCode::SUCCESS
        }
        Err(failure) if failure.is_violation() => {
            println!("{}", json!({ "workload": options.kind.name(), "violation": failure.to_string() }));
            ExitCode::from(1)
        }
        Err(failure) => unable(&failure.to_string()),
    }
}

fn unable(reason: &str) -> ExitCode {
    eprintln!("acebase-ipc-bench: {reason}");
    ExitCode::from(2)
}

fn run(options: &Options) -> Result<Value, Failure> {
    if let Some(core) = options.core {
        machine::pin_to(core)?;
    }
    machine::allow_many_sockets()?;
    let dialer = if options.tls { Dialer::tls(&options.ports)? } else { Dialer::plain(&options.ports) };
    match options.kind {
        Kind::QuestionAnswer => pairs(options, &dialer, Dialogue::QuestionAnswer),
        Kind::Direct => pairs(options, &dialer, Dialogue::Pipelined { window: options.window }),
        Kind::Locks => pairs(options, &dialer, Dialogue::Locks),
        Kind::Fanout => fanout(options, &dialer),
        Kind::Latency => latency(options, &dialer),
        Kind::Idle => idle(options, &dialer),
    }
}

fn pairs(options: &Options, dialer: &Dialer, dialogue: Dialogue) -> Result<Value, Failure> {
    let mut pairs = Pairs::new(dialogue, options.pairs, options.style, options.size, options.mask)?;
    let identities = Pairs::identities(dialogue, options.pairs, options.style, &options.database, options.apart);
    let measured = load(options, dialer, &identities, &mut pairs)?;
    Ok(rate(options, &measured, "messages/s"))
}

fn fanout(options: &Options, dialer: &Dialer) -> Result<Value, Failure> {
    let mut fanout = Fanout::new(options.bursts, options.receivers, options.style, options.size, options.mask)?;
    let identities = Fanout::identities(options.receivers, options.style, &options.database);
    let measured = load(options, dialer, &identities, &mut fanout)?;
    Ok(rate(options, &measured, "deliveries/s"))
}

fn latency(options: &Options, dialer: &Dialer) -> Result<Value, Failure> {
    let dialogue = Dialogue::QuestionAnswer;
    let mut latency = Latency::new(Pairs::new(dialogue, 1, options.style, options.size, options.mask)?);
    let identities = Pairs::identities(dialogue, 1, options.style, &options.database, false);
    let measured = load(options, dialer, &identities, &mut latency)?;
    let mut result = rate(options, &measured, "messages/s");
    if let Some(percentiles) = latency.percentiles() {
        result["p50_us"] = json!(percentiles.p50);
        result["p99_us"] = json!(percentiles.p99);
        result["p999_us"] = json!(percentiles.p999);
    }
    Ok(result)
}

fn idle(options: &Options, dialer: &Dialer) -> Result<Value, Failure> {
    let Options { peers, style, mask, server, .. } = *options;
    let cost = idle::run(dialer, peers, style, &options.database, mask, server)?;
    Ok(json!({
        "workload": options.kind.name(),
        "tls": options.tls,
        "peers": peers,
        "connect_seconds": cost.connect_seconds,
        "handshakes_per_second": peers as f64 / cost.connect_seconds,
        "bytes_per_peer": cost.bytes_per_peer,
    }))
}

fn load(
    options: &Options,
    dialer: &Dialer,
    identities: &[Identity],
    workload: &mut impl Workload,
) -> Result<Measurement, Failure> {
    let mut swarm = Swarm::connect(dialer, identities, options.mask)?;
    let plan = Plan { duration: options.duration, server: options.server };
    let measured = drive(workload, &mut swarm, &plan)?;
    swarm.close();
    Ok(measured)
}

fn rate(options: &Options, measured: &Measurement, unit: &str) -> Value {
    let server_has_time = measured.server_cpu.is_some_and(|share| share < IDLE_ENOUGH);
    json!({
        "workload": options.kind.name(),
        "tls": options.tls,
        "size": options.size,
        "seconds": measured.seconds,
        "messages": measured.delivered,
        "rate": measured.delivered as f64 / measured.seconds,
        "unit": unit,
        "generator_cpu": measured.generator_cpu,
        "server_cpu": measured.server_cpu,
        "other_cpu": measured.other_cpu,
        "generator_bound": measured.generator_cpu > BUSY && server_has_time,
    })
}
