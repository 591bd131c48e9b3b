//! Stops that connections do not outlive: nothing is cut in two, and nothing is left without an answer.

use std::{
    thread::{self, JoinHandle},
    time::Instant,
};

use super::{bequest::Line, *};

const MASTER: &str = "%5Bmaster%5D";

/// A master and a worker, which has requested a lock that the master has not granted yet.
struct Cluster {
    server: Arc<Server>,
    master: WebSocket<Stream>,
    worker: WebSocket<Stream>,
}

impl Cluster {
    fn begin(transport: &Transport) -> Self {
        let server = Arc::new(transport.start());
        let master = transport.connect(server.port(), MASTER);
        let worker = transport.connect(server.port(), RESUMABLE);
        let mut cluster = Self { server, master, worker };
        cluster.ask("lock-request", "wanted", r#"{"path":"a","tid":"t","write":true,"comment":""}"#);
        hear(&mut cluster.master, "wanted");
        cluster
    }

    fn ask(&mut self, kind: &str, id: &str, data: &str) {
        say(
            &mut self.worker,
            "[master]",
            &format!(r#""type":"{kind}","id":"{id}","from":"{RESUMABLE}","data":{data}"#),
        );
    }

    fn answer(&mut self, kind: &str, id: &str, data: &str) {
        let text = format!(r#""type":"{kind}","id":"{id}","from":"[master]","ok":true,"data":{data}"#);
        say(&mut self.master, RESUMABLE, &text);
    }

    fn grant(&mut self) {
        let lock = r#"{"id":1,"path":"a","tid":"t","write":true,"comment":"","expires":99999999999999}"#;
        self.answer("lock-result", "wanted", lock);
        hear(&mut self.worker, "wanted");
    }

    /// Tells how long it has taken.
    fn stop(&self) -> JoinHandle<Duration> {
        let server = self.server.clone();
        thread::spawn(move || {
            let since = Instant::now();
            server.stop();
            since.elapsed()
        })
    }
}

fn say(client: &mut WebSocket<Stream>, to: &str, fields: &str) {
    client.send(Message::text(format!(r#"to:{to};{{{fields},"to":"{to}"}}"#))).unwrap();
}

/// Reads until a message with that id comes.
fn hear(client: &mut WebSocket<Stream>, id: &str) -> String {
    hear_part(client, &format!(r#""id":"{id}""#))
}

/// Reads until a message with this in it comes.
fn hear_part(client: &mut WebSocket<Stream>, part: &str) -> String {
    loop {
        let text = client.read().unwrap().into_text().unwrap().to_string();
        if text.contains(part) {
            return text;
        }
    }
}

/// Reads until the server closes, and gives the close code.
fn hear_the_end(client: &mut WebSocket<Stream>) -> u16 {
    loop {
        if let Message::Close(Some(frame)) = client.read().unwrap() {
            return frame.code.into();
        }
    }
}

#[test]
fn a_stop_waits_until_a_lock_is_returned() {
    for transport in [Transport::plain(), Transport::tls()] {
        let mut cluster = Cluster::begin(&transport);
        cluster.grant();
        let stopping = cluster.stop();
        sleep(Duration::from_millis(300));
        assert!(!stopping.is_finished());
        cluster.ask("unlock-request", "returned", r#"{"id":1}"#);
        hear(&mut cluster.worker, "returned");
        hear_part(&mut cluster.master, r#""data":{"id":1}"#);
        assert_eq!((hear_the_end(&mut cluster.worker), hear_the_end(&mut cluster.master)), (1001, 1001));
        drop((cluster.worker, cluster.master));
        let elapsed = stopping.join().unwrap();
        assert!(elapsed < Duration::from_secs(1), "{elapsed:?}");
    }
}

#[test]
fn what_is_not_answered_in_time_is_answered_before_the_close() {
    for mut transport in [Transport::plain(), Transport::tls()] {
        transport.config.drain_timeout = Duration::from_millis(100);
        let mut cluster = Cluster::begin(&transport);
        let stopping = cluster.stop();
        let answer = hear(&mut cluster.worker, "wanted");
        assert!(answer.contains(r#""ok":false"#) && answer.contains("The IPC server stops"), "{answer}");
        assert_eq!((hear_the_end(&mut cluster.worker), hear_the_end(&mut cluster.master)), (1001, 1001));
        drop((cluster.worker, cluster.master));
        assert!(stopping.join().unwrap() >= Duration::from_millis(100));
    }
}

/// Another id of the form that AceBase's have.
const OTHER: &str = "bcdefghijklmnopqrstuvwxy";

#[test]
fn a_request_that_waits_while_connections_are_closed_goes_to_the_master_that_comes_to_the_next_server() {
    let transport = Transport::tls();
    let mut line = Line::that_closes(transport.config.clone());
    let mut worker = transport.connect(line.port(), RESUMABLE);
    let fields = format!(
        r#""type":"lock-request","id":"wanted","from":"{RESUMABLE}","data":{{"path":"a","tid":"t","write":true,"comment":""}}"#
    );
    say(&mut worker, "[master]", &fields);
    sleep(Duration::from_millis(50));
    line.succeed();
    assert_eq!(hear_the_end(&mut worker), 1001);
    let mut worker = transport.connect(line.port(), RESUMABLE);
    let mut master = transport.connect(line.port(), MASTER);
    hear(&mut master, "wanted");
    let lock = r#"{"id":1,"path":"a","tid":"t","write":true,"comment":"","expires":99999999999999}"#;
    let granted = format!(r#""type":"lock-result","id":"wanted","from":"[master]","ok":true,"data":{lock}"#);
    say(&mut master, RESUMABLE, &granted);
    assert!(hear(&mut worker, "wanted").contains("lock-result"));
}

#[test]
fn what_is_said_behind_a_close_frame_reaches_the_next_connection_and_no_other() {
    let transport = Transport::tls();
    let mut line = Line::that_closes(transport.config.clone());
    let mut hearer = transport.connect(line.port(), RESUMABLE);
    let mut speaker = transport.connect(line.port(), OTHER);
    thread::scope(|scope| {
        let succeeding = scope.spawn(|| line.succeed());
        // Both close frames are on their way, and nobody has read them.
        sleep(Duration::from_millis(150));
        speaker.send(Message::text(format!(r#"to:{RESUMABLE};{{"type":"late","id":"late"}}"#))).unwrap();
        sleep(Duration::from_millis(50));
        assert_eq!(hear_the_end(&mut hearer), 1001);
        assert!(hearer.read().is_err());
        succeeding.join().unwrap();
    });
    let mut hearer = transport.connect(line.port(), RESUMABLE);
    hear(&mut hearer, "late");
}

#[test]
fn clients_that_answer_a_close_at_once_are_not_waited_for() {
    let transport = Transport::tls();
    let mut line = Line::that_closes(transport.config.clone());
    let mut client = transport.connect(line.port(), RESUMABLE);
    let ending = thread::spawn(move || {
        let code = hear_the_end(&mut client);
        while client.read().is_ok() {}
        code
    });
    let since = Instant::now();
    line.succeed();
    assert!(since.elapsed() < Duration::from_millis(300), "{:?}", since.elapsed());
    assert_eq!(ending.join().unwrap(), 1001);
}
