//! Servers with real sockets, and keepers in processes of their own.

mod holding;
mod legacies;
mod passing;
mod serving;
#[cfg(target_os = "linux")]
mod users;

use std::{
    env,
    io::{self, ErrorKind, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
#[cfg(target_os = "linux")]
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::{
    Keeper, Launch, Legacy, PATIENCE, Remains, Wanted, claim::open_in, rendezvous::Place, serve::serve_standard_input,
};

/// For what must happen.
const LIMIT: Duration = Duration::from_secs(10);

type Opened = (Vec<TcpListener>, Keeper);

/// A machine with one port.
struct Scene {
    directory: TempDir,
    port: u16,
    warnings: Arc<Mutex<Vec<String>>>,
}

impl Scene {
    fn new() -> Self {
        let port = bind(0).unwrap()[0].local_addr().unwrap().port();
        Self { directory: tempfile::tempdir().unwrap(), port, warnings: Arc::default() }
    }

    fn place(&self) -> Place {
        Place::new(self.directory.path(), None, self.port)
    }

    /// A server starts.
    fn open(&self) -> io::Result<Opened> {
        self.open_as(None, &own_launch(), &|addresses| addresses.iter().all(|address| address.port() == self.port))
    }

    fn open_as(&self, host: Option<&str>, launch: &Launch, fits: &dyn Fn(&[SocketAddr]) -> bool) -> io::Result<Opened> {
        let (server, legacy) = self.open_all(host, launch, fits)?;
        assert!(legacy.is_none(), "nobody has left anything");
        Ok(server)
    }

    fn open_all(
        &self,
        host: Option<&str>,
        launch: &Launch,
        fits: &dyn Fn(&[SocketAddr]) -> bool,
    ) -> io::Result<(Opened, Option<Legacy>)> {
        let (server, legacy, remains) = self.open_whatever_is_left(host, launch, fits)?;
        assert!(remains.is_none(), "nobody was killed who had anything held");
        Ok((server, legacy))
    }

    fn open_whatever_is_left(
        &self,
        host: Option<&str>,
        launch: &Launch,
        fits: &dyn Fn(&[SocketAddr]) -> bool,
    ) -> io::Result<(Opened, Option<Legacy>, Option<Remains>)> {
        let wanted = Wanted { host, port: self.port, bind: &|| bind(self.port), fits };
        let warnings = self.warnings.clone();
        let warn = Arc::new(move |message| warnings.lock().push(message));
        let opened = open_in(self.directory.path(), &wanted, launch.clone(), warn)?;
        Ok(((opened.listeners, opened.keeper.expect("a keeper")), opened.legacy, opened.remains))
    }

    fn connect(&self) -> io::Result<TcpStream> {
        TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))
    }

    fn assert_open(&self) {
        assert!(self.connect().is_ok(), "the port should be open");
    }

    fn assert_free(&self) {
        assert_eq!(self.connect().unwrap_err().kind(), ErrorKind::ConnectionRefused);
        bind(self.port).expect("the port should be free");
    }
}

/// As the server does it, for one address.
fn bind(port: u16) -> io::Result<Vec<TcpListener>> {
    Ok(vec![TcpListener::bind((Ipv4Addr::LOCALHOST, port))?])
}

/// Starts this test program as the keeper, with [`keeper_process`] as its only test. The shell is the launcher.
fn own_launch() -> Launch {
    let keeper = env::current_exe().unwrap().to_str().unwrap().to_owned();
    let args =
        ["-c", r#"exec 3<&0; "$0" "$@" <&3 3<&- &"#, &keeper, "--ignored", "--exact", "keeper::tests::keeper_process"];
    let environment = vec![("AS_KEEPER".into(), "1".into())];
    Launch { program: "/bin/sh".into(), args: args.map(String::from).to_vec(), environment }
}

#[test]
#[ignore = "is the keeper of other tests"]
fn keeper_process() {
    if env::var_os("AS_KEEPER").is_some() {
        let path = env::args_os().next_back().map(PathBuf::from).unwrap();
        serve_standard_input(path, PATIENCE).unwrap();
    }
}

/// The keeper's process, found by its arguments.
#[cfg(target_os = "linux")]
fn process_of(place: &Place) -> Option<Pid> {
    use std::{fs, os::unix::ffi::OsStrExt};

    let program = env::current_exe().unwrap();
    let path = place.path().as_os_str().as_bytes();
    fs::read_dir("/proc").unwrap().flatten().find_map(|entry| {
        let id = entry.file_name().to_str()?.parse().ok()?;
        let arguments = fs::read(entry.path().join("cmdline")).ok()?;
        let runs_us = arguments.starts_with(program.as_os_str().as_bytes());
        (runs_us && arguments.split(|byte| *byte == 0).any(|argument| argument == path)).then(|| Pid::from_raw(id))?
    })
}

/// Suspends a process. The signal alone is not enough: a thread of it may run on for a moment.
#[cfg(target_os = "linux")]
fn suspend(process: Pid) {
    use std::fs;

    kill_process(process, Signal::STOP).unwrap();
    eventually("the process stands still", || {
        let threads = fs::read_dir(format!("/proc/{}/task", process.as_raw_nonzero())).unwrap();
        threads.flatten().all(|thread| {
            let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
            // The state comes after the name, which is in brackets.
            stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T'))
        })
    });
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < LIMIT, "{what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// A server crashes: its sockets are closed without a word.
fn crash((listeners, keeper): Opened) {
    drop(listeners);
    drop(keeper);
}

/// A server stops.
fn stop((listeners, keeper): Opened) {
    drop(listeners);
    keeper.dismiss();
    assert!(keeper.wait_until_gone());
}

#[test]
fn a_connection_made_while_no_server_runs_is_accepted_by_the_next() {
    let scene = Scene::new();
    crash(scene.open().unwrap());
    let mut client = scene.connect().unwrap();
    client.write_all(b"hello").unwrap();

    let next = scene.open().unwrap();
    let (mut accepted, _) = loop {
        match next.0[0].accept() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(Duration::from_millis(5)),
            accepted => break accepted.unwrap(),
        }
    };
    accepted.set_nonblocking(false).unwrap();
    let mut heard = [0; 5];
    accepted.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"hello");
    stop(next);
    assert_eq!(*scene.warnings.lock(), [""; 0]);
}

#[test]
fn a_stop_frees_the_port_and_leaves_nothing() {
    let scene = Scene::new();
    for _ in 0..3 {
        let server = scene.open().unwrap();
        scene.assert_open();
        stop(server);
        scene.assert_free();
        assert!(!scene.place().path().exists());
    }
}

#[test]
fn a_stop_that_comes_before_the_keeper_is_up_is_heard() {
    let scene = Scene::new();
    // The keeper's process has not even started here.
    stop(scene.open().unwrap());
    scene.assert_free();
}

#[test]
fn a_claimed_port_outlives_crash_after_crash() {
    let scene = Scene::new();
    for _ in 0..5 {
        crash(scene.open().unwrap());
        scene.assert_open();
    }
    stop(scene.open().unwrap());
    scene.assert_free();
}

#[test]
fn a_second_living_server_is_refused() {
    let scene = Scene::new();
    let first = scene.open().unwrap();
    let error = scene.open().map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    assert!(error.to_string().contains("another server"), "{error}");
    scene.assert_open();
    stop(first);
}

#[test]
fn two_servers_that_start_at_once_do_not_share() {
    for is_kept in [false, true] {
        let scene = Scene::new();
        if is_kept {
            crash(scene.open().unwrap());
        }
        let outcomes: Vec<_> = thread::scope(|scope| {
            let starts: Vec<_> = (0..4).map(|_| scope.spawn(|| scene.open())).collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect()
        });
        let (started, refused): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
        assert_eq!(started.len(), 1);
        assert!(
            refused.iter().all(|outcome| outcome.as_ref().is_err_and(|error| error.kind() == ErrorKind::AddrInUse))
        );
        started.into_iter().flatten().for_each(stop);
        scene.assert_free();
    }
}

#[test]
fn sockets_that_do_not_fit_are_replaced() {
    let scene = Scene::new();
    crash(scene.open().unwrap());
    let server = scene.open_as(None, &own_launch(), &|_| false).unwrap();
    scene.assert_open();
    stop(server);
    scene.assert_free();
}

#[test]
fn a_server_with_another_host_sends_the_waiting_keeper_away() {
    let scene = Scene::new();
    crash(scene.open().unwrap());
    let server = scene.open_as(Some("127.0.0.1"), &own_launch(), &|_| true).unwrap();
    assert!(!scene.place().path().exists());
    stop(server);
    scene.assert_free();
}

#[test]
fn a_server_with_another_host_leaves_a_keeper_that_is_needed_alone() {
    let scene = Scene::new();
    let first = scene.open().unwrap();
    let second = scene.open_as(Some("127.0.0.1"), &own_launch(), &|_| true);
    assert_eq!(second.map(drop).unwrap_err().kind(), ErrorKind::AddrInUse);
    crash(first);
    scene.assert_open();
    stop(scene.open().unwrap());
}

#[test]
fn a_keeper_that_cannot_be_started_is_a_warning() {
    let scene = Scene::new();
    let launch = Launch { program: "/nonexistent/program".into(), args: vec![], environment: vec![] };
    let server = scene.open_as(None, &launch, &|_| true).unwrap();
    eventually("a warning comes", || !scene.warnings.lock().is_empty());
    let warning = scene.warnings.lock()[0].clone();
    assert!(warning.contains("/nonexistent/program") && warning.contains("cannot be started"), "{warning}");
    scene.assert_open();
    stop(server);
    scene.assert_free();
}

#[test]
fn a_launcher_that_fails_is_a_warning() {
    let scene = Scene::new();
    let launch = Launch { program: "/bin/sh".into(), args: vec!["-c".into(), "exit 3".into()], environment: vec![] };
    let server = scene.open_as(None, &launch, &|_| true).unwrap();
    eventually("a warning comes", || !scene.warnings.lock().is_empty());
    let warning = scene.warnings.lock()[0].clone();
    assert!(warning.contains("launcher has failed") && warning.contains('3'), "{warning}");
    stop(server);
    scene.assert_free();
}

#[test]
fn what_a_failing_launcher_or_keeper_says_is_a_part_of_the_warning() {
    const SCRIPTS: [(&str, &str); 2] = [
        ("echo 'Error: no such script' >&2; exit 3", "launcher has failed (exit status: 3): Error: no such script"),
        ("exec 3<&0; (sleep 0.2; echo 'Error: no such addon' >&2) <&3 3<&- &", "has ended: Error: no such addon"),
    ];
    for (script, complaint) in SCRIPTS {
        let scene = Scene::new();
        let launch = Launch { program: "/bin/sh".into(), args: vec!["-c".into(), script.into()], environment: vec![] };
        let server = scene.open_as(None, &launch, &|_| true).unwrap();
        eventually("a warning comes", || !scene.warnings.lock().is_empty());
        let warning = scene.warnings.lock()[0].clone();
        assert!(warning.contains(complaint), "{warning}");
        stop(server);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_keeper_that_dies_is_replaced() {
    let scene = Scene::new();
    let server = scene.open().unwrap();
    let mut keeper = None;
    eventually("there is a keeper", || {
        keeper = process_of(&scene.place());
        keeper.is_some()
    });
    kill_process(keeper.unwrap(), Signal::KILL).unwrap();
    eventually("there is another", || process_of(&scene.place()).is_some_and(|next| Some(next) != keeper));
    assert_eq!(scene.warnings.lock().len(), 1);
    crash(server);
    scene.assert_open();
    stop(scene.open().unwrap());
    scene.assert_free();
}

#[test]
#[cfg(target_os = "linux")]
fn a_keeper_that_does_not_move_holds_up_nobody_for_long() {
    let scene = Scene::new();
    let (listeners, keeper) = scene.open().unwrap();
    let mut process = None;
    eventually("there is a keeper", || {
        process = process_of(&scene.place());
        process.is_some()
    });
    suspend(process.unwrap());
    drop(listeners);
    keeper.dismiss();
    assert!(!keeper.wait_until_gone());
    kill_process(process.unwrap(), Signal::CONT).unwrap();
    assert!(keeper.wait_until_gone());
    scene.assert_free();
}

#[test]
fn a_directory_path_that_is_too_long_is_an_error_and_no_panic() {
    let place = Place::new(Path::new(&"d".repeat(200)), None, 9163);
    assert!(place.bind().is_err() && place.connect().is_err());
}
