//! A server on the port and the thread of whoever runs it.

use std::{io::ErrorKind, net::TcpListener, thread};

use tokio::runtime::Builder;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{protocol::close::CloseReason, server::Service};

#[test]
fn a_service_serves_given_listeners_until_it_is_told_to_stop() {
    let transport = Transport::plain();
    let listeners: Vec<_> = (0..2).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()).collect();
    let ports: Vec<_> = listeners.iter().map(|listener| listener.local_addr().unwrap().port()).collect();
    let shutdown = CancellationToken::new();
    let serving = {
        let service = Service::new(transport.config.clone(), None, Arc::new(Deaf)).unwrap();
        let run = service.run(listeners, shutdown.clone());
        thread::spawn(|| Builder::new_current_thread().enable_all().build().unwrap().block_on(run))
    };
    let mut first = transport.connect(ports[0], "first");
    let mut second = transport.connect(ports[1], "second");
    assert_eq!(first.read().unwrap().into_text().unwrap(), "connect:second");
    first.send(Message::text("hello")).unwrap();
    assert_eq!(second.read().unwrap().into_text().unwrap(), "hello");

    shutdown.cancel();
    let Message::Close(Some(close)) = second.read().unwrap() else { panic!("there is no close frame") };
    assert_eq!(u16::from(close.code), CloseReason::Shutdown.code());
    drop((first, second));
    serving.join().unwrap();
    for port in ports {
        let refused = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).map_err(|error| error.kind());
        assert_eq!(refused.err(), Some(ErrorKind::ConnectionRefused));
    }
}
