//! The address that the gateway listens on.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

/// So many connections wait to be accepted, as where tokio listens.
const BACKLOG: i32 = 1024;

/// Listens on an address. `[::]` is every address of both families, whatever the system takes it for
/// (`net.ipv6.bindv6only`); where there is no IPv6, every one of IPv4.
///
/// # Errors
/// Why it cannot be listened on.
pub(crate) async fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    if address.ip() != Ipv6Addr::UNSPECIFIED {
        return TcpListener::bind(address).await;
    }
    match both_families(address) {
        Err(error) if has_no_ipv6(&error) => {
            TcpListener::bind((Ipv4Addr::UNSPECIFIED, address.port())).await
        }
        listener => listener,
    }
}

fn both_families(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV6, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_only_v6(false)?;
    // As tokio has it: a restart need not wait for what the last one left in the kernel. On Windows it
    // would let two programs share the port.
    #[cfg(not(windows))]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// The family is not compiled in, or is switched off.
fn has_no_ipv6(error: &io::Error) -> bool {
    // What the standard library has no kind for: EAFNOSUPPORT of Linux, of macOS, of Windows.
    const NO_SUCH_FAMILY: [i32; 3] = [97, 47, 10047];
    error.kind() == ErrorKind::AddrNotAvailable
        || (error.raw_os_error()).is_some_and(|code| NO_SUCH_FAMILY.contains(&code))
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn every_address_is_one_of_either_family() {
        let listener = listen("[::]:0".parse().unwrap()).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        if listener.local_addr().unwrap().is_ipv6() {
            TcpStream::connect(("::1", port)).await.unwrap();
        }
    }

    #[tokio::test]
    async fn another_address_is_that_alone() {
        let listener = listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
        assert_eq!(listener.local_addr().unwrap().ip(), Ipv4Addr::LOCALHOST);
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_told_and_nothing_else_is_tried() {
        let first = listen("[::]:0".parse().unwrap()).await.unwrap();
        let error = listen(SocketAddr::new(
            Ipv6Addr::UNSPECIFIED.into(),
            first.local_addr().unwrap().port(),
        ))
        .await
        .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
    }

    #[test]
    fn what_a_system_without_ipv6_says_is_known() {
        assert!(has_no_ipv6(&io::Error::from_raw_os_error(97)));
        assert!(has_no_ipv6(&ErrorKind::AddrNotAvailable.into()));
        assert!(!has_no_ipv6(&ErrorKind::AddrInUse.into()));
    }
}
