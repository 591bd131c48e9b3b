//! Other users of the machine. Only root can become one of them: for others, these tests prove nothing.

use std::{
    fs,
    io::ErrorKind,
    os::unix::{fs::PermissionsExt, net::UnixStream},
    path::Path,
    thread,
};

use rustix::{
    process::{Uid, geteuid},
    thread::set_thread_res_uid,
};

use super::{LIMIT, Scene, stop};
use crate::keeper::{
    PATIENCE,
    words::{VERSION, Word, receive, send},
};

#[test]
fn another_user_gets_nothing() {
    if !geteuid().is_root() {
        return;
    }
    let scene = Scene::new();
    let (connection, keeper) = scene.keeper_in_thread(PATIENCE);
    drop(connection);
    let place = scene.place();
    open_to_all(scene.directory.path());
    open_to_all(place.path());
    let heard = as_another_user(move || {
        let stream = UnixStream::connect(place.path()).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        send(&stream, Word::Claim, &[]).and_then(|()| receive(&stream))
    });
    // The keeper hangs up, perhaps before it was asked.
    let is_end = |kind| matches!(kind, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe);
    assert!(matches!(&heard, Ok(None)) || heard.is_err_and(|error| is_end(error.kind())));
    let claimed = scene.say(VERSION, Word::Claim);
    assert_eq!(receive(&claimed).unwrap().unwrap().word, Word::Given);
    send(&claimed, Word::Go, &[]).unwrap();
    keeper.join().unwrap().unwrap();
}

#[test]
fn nothing_is_taken_from_another_user() {
    if !geteuid().is_root() {
        return;
    }
    let scene = Scene::new();
    let place = scene.place();
    open_to_all(scene.directory.path());
    let _listener = as_another_user(move || place.bind().unwrap());
    assert_eq!(scene.place().connect().unwrap_err().kind(), ErrorKind::PermissionDenied);
    stop(scene.open().unwrap());
    assert!(scene.warnings.lock()[0].contains("another user"), "{:?}", scene.warnings.lock());
}

fn open_to_all(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
}

/// On Linux each thread has a user of its own, though nobody says so.
fn as_another_user<T: Send + 'static>(act: impl FnOnce() -> T + Send + 'static) -> T {
    let nobody = Uid::from_raw(65_534);
    thread::spawn(move || {
        set_thread_res_uid(nobody, nobody, nobody).unwrap();
        act()
    })
    .join()
    .unwrap()
}
