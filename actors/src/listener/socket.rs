//! Opening a listening socket, and the options of what it accepts.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener as StdListener};
use std::time::Duration;

use portcullis_config::{Bind, Keepalive, ListenerConfig, SocketConfig};
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::TcpStream;

/// Binds and listens.
///
/// `SO_REUSEPORT` hides that a port is in use by another process of the same user, so the address
/// is first bound without it, and not listened on.
///
/// # Errors
/// What the kernel says; the socket is closed then.
pub fn open(bind: &Bind, options: &SocketConfig) -> io::Result<StdListener> {
    if options.reuse_port {
        bound(bind, options, false)?;
    }
    let socket = bound(bind, options, options.reuse_port)?;
    socket.listen(i32::try_from(options.backlog).unwrap_or(i32::MAX))?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

fn bound(bind: &Bind, options: &SocketConfig, reuse_port: bool) -> io::Result<Socket> {
    let Bind::Tcp { address, v6_only } = *bind else {
        return Err(io::ErrorKind::Unsupported.into());
    };
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(v6_only)?;
    }
    socket.set_reuse_address(options.reuse_address)?;
    if reuse_port {
        socket.set_reuse_port(true)?;
    }
    // The window scale is agreed on before accept, so the buffers belong to the listening socket.
    if let Some(bytes) = options.send_buffer {
        socket.set_send_buffer_size(bytes)?;
    }
    if let Some(bytes) = options.receive_buffer {
        socket.set_recv_buffer_size(bytes)?;
    }
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Sets the options of an accepted connection.
///
/// # Errors
/// The first option that the kernel refuses.
pub(super) fn adjust(
    stream: &TcpStream,
    config: &ListenerConfig,
    local: SocketAddr,
) -> io::Result<()> {
    let (socket, options) = (SockRef::from(stream), &config.socket);
    socket.set_tcp_nodelay(options.no_delay)?;
    match options.keepalive {
        Keepalive::Off => socket.set_keepalive(false)?,
        Keepalive::On => socket.set_keepalive(true)?,
        Keepalive::After(idle) => {
            socket.set_tcp_keepalive(
                &TcpKeepalive::new().with_time(idle.max(Duration::from_secs(1))),
            )?;
        }
    }
    // Bytes that the kernel took and the peer never acknowledges are no progress either.
    socket.set_tcp_user_timeout(Some(config.timeouts.send))?;
    // An IPv4 client of a socket for both families needs the options of IPv4.
    match local.ip().to_canonical() {
        IpAddr::V4(_) => {
            options.ttl.map_or(Ok(()), |ttl| socket.set_ttl_v4(ttl))?;
            options.tos_v4.map_or(Ok(()), |tos| socket.set_tos_v4(tos))
        }
        IpAddr::V6(_) => {
            options
                .ttl
                .map_or(Ok(()), |ttl| socket.set_unicast_hops_v6(ttl))?;
            options
                .tclass_v6
                .map_or(Ok(()), |class| socket.set_tclass_v6(class))
        }
    }
}

#[cfg(test)]
mod tests;
