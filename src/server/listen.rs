//! Binds the listening sockets that a configuration asks for.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs},
};

use socket2::{Domain, Protocol, Socket, Type};
#[cfg(windows)]
use windows_sys::Win32::Networking::WinSock;

#[cfg(target_os = "linux")]
use super::first_to_close::first_to_close;
#[cfg(windows)]
use super::socket_option;

/// Connections that the kernel completes before they are accepted. The kernel lowers it to its own limit.
const BACKLOG: i32 = 4096;

/// How many free ports of one loopback are tried until one is free on the other, too.
const PORT_TRIES: usize = 16;

/// The system's error where it knows no addresses of that family, as where IPv6 is switched off.
#[cfg(unix)]
const NO_SUCH_FAMILY: i32 = libc::EAFNOSUPPORT;
#[cfg(windows)]
const NO_SUCH_FAMILY: i32 = WinSock::WSAEAFNOSUPPORT;

/// Binds. With several addresses and port 0, all get the same port.
pub fn bind(host: Option<&str>, port: u16) -> io::Result<Vec<TcpListener>> {
    match host {
        None => bind_all_interfaces(port),
        Some("localhost") => bind_same_port(&[Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()], port),
        Some(name) => bind_same_port(&resolve(name)?, port),
    }
}

/// Whether listening sockets at these addresses are what [`bind`] makes of host and port. Some of a name's addresses
/// may be missing, as there.
pub fn is_at(addresses: &[SocketAddr], host: Option<&str>, port: u16) -> bool {
    let all = |is_of_host: &dyn Fn(IpAddr) -> bool| {
        addresses.iter().all(|address| address.port() == port && is_of_host(address.ip()))
    };
    match host {
        None => all(&|ip| ip.is_unspecified()),
        Some("localhost") => all(&|ip| ip.is_loopback()),
        Some(name) => resolve(name).is_ok_and(|known| all(&|ip| known.contains(&ip))),
    }
}

/// One socket for both families; where there is no IPv6, one for IPv4.
fn bind_all_interfaces(port: u16) -> io::Result<Vec<TcpListener>> {
    let both = bind_one(SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port), false);
    match both {
        Err(error) if is_no_such_address(&error) => {
            Ok(vec![bind_one(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port), true)?])
        }
        other => Ok(vec![other?]),
    }
}

fn resolve(name: &str) -> io::Result<Vec<IpAddr>> {
    let bare = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
    if let Ok(address) = bare.parse() {
        return Ok(vec![address]);
    }
    let mut addresses: Vec<IpAddr> = (name, 0).to_socket_addrs()?.map(|address| address.ip()).collect();
    addresses.sort();
    addresses.dedup();
    Ok(addresses)
}

fn bind_same_port(addresses: &[IpAddr], port: u16) -> io::Result<Vec<TcpListener>> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for _ in 0..if port == 0 { PORT_TRIES } else { 1 } {
        match try_bind_same_port(addresses, port) {
            Err(error) => last = error,
            bound => return bound,
        }
    }
    Err(last)
}

fn try_bind_same_port(addresses: &[IpAddr], mut port: u16) -> io::Result<Vec<TcpListener>> {
    let mut listeners = Vec::new();
    let mut missing = None;
    for address in addresses {
        match bind_one(SocketAddr::new(*address, port), true) {
            Ok(listener) => {
                port = listener.local_addr()?.port();
                listeners.push(listener);
            }
            // A machine without IPv6 still has a localhost.
            Err(error) if addresses.len() > 1 && is_no_such_address(&error) => missing = Some(error),
            Err(error) => return Err(error),
        }
    }
    match missing {
        Some(error) if listeners.is_empty() => Err(error),
        _ => Ok(listeners),
    }
}

fn bind_one(address: SocketAddr, only_v6: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(only_v6)?;
    }
    // On Unix this allows a restart while old connections linger. Windows allows that anyway, and there it would let
    // two servers share a port; without the other option one could do so that asks for it.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    #[cfg(windows)]
    socket_option::set(&socket, WinSock::SOL_SOCKET, WinSock::SO_EXCLUSIVEADDRUSE, 1)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    #[cfg(target_os = "linux")]
    return Ok(first_to_close(socket.into()));
    #[cfg(not(target_os = "linux"))]
    Ok(socket.into())
}

/// The machine has no such address, or none of its family.
fn is_no_such_address(error: &io::Error) -> bool {
    error.raw_os_error() == Some(NO_SUCH_FAMILY) || error.kind() == io::ErrorKind::AddrNotAvailable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn localhost_is_both_loopbacks_on_one_port() {
        let listeners = bind(Some("localhost"), 0).unwrap();
        let ports: Vec<_> = listeners.iter().map(|listener| listener.local_addr().unwrap().port()).collect();
        assert!(ports.iter().all(|port| *port == ports[0] && *port != 0), "{ports:?}");
        assert!(listeners.iter().all(|listener| listener.local_addr().unwrap().ip().is_loopback()));
    }

    #[test]
    fn no_host_is_all_interfaces_and_both_families() {
        let listeners = bind(None, 0).unwrap();
        let port = listeners[0].local_addr().unwrap().port();
        std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    }

    #[test]
    fn a_taken_port_is_refused_however_it_is_asked_for() {
        let first = bind(Some("127.0.0.1"), 0).unwrap();
        let port = first[0].local_addr().unwrap().port();
        for host in [Some("127.0.0.1"), Some("localhost"), None] {
            assert_eq!(bind(host, port).unwrap_err().kind(), io::ErrorKind::AddrInUse, "{host:?}");
        }
    }

    #[test]
    fn a_machine_without_addresses_of_a_family_is_recognised() {
        assert!(is_no_such_address(&io::Error::from_raw_os_error(NO_SUCH_FAMILY)));
        assert!(is_no_such_address(&io::ErrorKind::AddrNotAvailable.into()));
        assert!(!is_no_such_address(&io::ErrorKind::AddrInUse.into()));
    }

    #[test]
    fn what_was_bound_is_recognised() {
        for host in [None, Some("localhost"), Some("127.0.0.1"), Some("[::1]")] {
            let Ok(listeners) = bind(host, 0) else { continue };
            let found: Vec<_> = listeners.iter().map(|listener| listener.local_addr().unwrap()).collect();
            let port = found[0].port();
            assert!(is_at(&found, host, port), "{host:?}: {found:?}");
            assert!(!is_at(&found, host, port ^ 1));
            assert!(!is_at(&found, Some("192.0.2.1"), port));
        }
    }

    #[test]
    fn addresses_may_be_bracketed() {
        assert_eq!(resolve("[::1]").unwrap(), vec![IpAddr::from(Ipv6Addr::LOCALHOST)]);
        assert_eq!(resolve("127.0.0.1").unwrap(), vec![IpAddr::from(Ipv4Addr::LOCALHOST)]);
    }
}
