//! The listening sockets, their options, and the options of what they accept.

use std::fs::{self, Permissions};
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener as StdListener, TcpStream as StdStream};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixListener as StdUnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use portcullis_config::{Bind, Keepalive, ListenerConfig, SocketConfig};
use serde::Serialize;
use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, TcpKeepalive, Type};

use super::principal::{group_id, user_id};

/// A socket that listens and blocks nobody.
#[derive(Debug)]
pub enum Opened {
    /// Of IPv4 or IPv6.
    Tcp(StdListener),
    /// In the file system.
    Unix(StdUnixListener, Option<UnixName>),
}

/// The file of a socket, removed on drop as long as it is ours.
#[derive(Debug)]
pub struct UnixName {
    path: PathBuf,
    is_ours: Arc<AtomicBool>,
}

impl UnixName {
    fn new(path: PathBuf) -> Self {
        Self::shared(path, Arc::new(AtomicBool::new(true)))
    }

    /// The name of a socket that was handed over: it is ours as soon as `is_ours` says so.
    pub(super) fn shared(path: PathBuf, is_ours: Arc<AtomicBool>) -> Self {
        Self { path, is_ours }
    }

    /// Leaves the file to whoever serves the socket from now on.
    pub(super) fn leave(&self) {
        self.is_ours.store(false, Ordering::Release);
    }
}

impl Drop for UnixName {
    fn drop(&mut self) {
        if !self.is_ours.load(Ordering::Acquire) {
            return;
        }
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::debug!(path = %self.path.display(), %error, "socket not removed");
        }
    }
}

/// Binds and listens.
///
/// `SO_REUSEPORT` hides that a port is in use by another process of the same user, so the address
/// is first bound without it, and not listened on. An address for both families becomes one for
/// IPv4 where the system has no IPv6.
///
/// # Errors
/// What the kernel says; the socket is closed then.
pub fn open(bind: &Bind, options: &SocketConfig) -> io::Result<Opened> {
    match bind {
        Bind::Tcp { address, v6_only } => {
            let listens = match listen(*address, *v6_only, options) {
                Err(error) if is_family_missing(&error) && is_dual(*address, *v6_only) => {
                    tracing::warn!(%address, "no IPv6 here: listening on IPv4 alone");
                    let port = address.port();
                    listen(([0, 0, 0, 0], port).into(), false, options)
                }
                listens => listens,
            };
            listens.map(Opened::Tcp)
        }
        Bind::Unix(path) => open_unix(path, options),
        // Whoever holds those gives them to the listener.
        Bind::Systemd(_) => Err(io::Error::other("systemd has not handed this socket over")),
    }
}

/// Whether [`open`] would succeed now: binds as it does, and neither listens nor leaves anything behind.
///
/// # Errors
/// What the kernel says.
pub fn try_open(bind: &Bind, options: &SocketConfig) -> io::Result<()> {
    match bind {
        Bind::Tcp { address, v6_only } => match bound(*address, *v6_only, options, false) {
            Err(error) if is_family_missing(&error) && is_dual(*address, *v6_only) => {
                let any = SocketAddr::from(([0, 0, 0, 0], address.port()));
                bound(any, false, options, false).map(drop)
            }
            tried => tried.map(drop),
        },
        Bind::Unix(path) => refuse_occupied(path),
        // It is opened by systemd, and not before the start.
        Bind::Systemd(_) => Ok(()),
    }
}

/// Opens a socket beside one of ours that listens on the same address, so that the address is never
/// closed while the one takes the other's place. Both need `reuse_port`. Linux resets whoever comes
/// into the queue of the old one in its last moment, unless `net.ipv4.tcp_migrate_req` is set.
///
/// # Errors
/// What the kernel says, as when the other one does not share its port.
pub(super) fn open_beside(bind: &Bind, options: &SocketConfig) -> io::Result<Opened> {
    let Bind::Tcp { address, v6_only } = *bind else {
        return Err(io::ErrorKind::Unsupported.into());
    };
    let socket = bound(address, v6_only, options, options.reuse_port)?;
    socket.listen(backlog(options))?;
    socket.set_nonblocking(true)?;
    Ok(Opened::Tcp(socket.into()))
}

fn is_dual(address: SocketAddr, v6_only: bool) -> bool {
    address.is_ipv6() && address.ip().is_unspecified() && !v6_only
}

fn is_family_missing(error: &io::Error) -> bool {
    rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::AFNOSUPPORT)
}

fn listen(address: SocketAddr, v6_only: bool, options: &SocketConfig) -> io::Result<StdListener> {
    if options.reuse_port {
        bound(address, v6_only, options, false)?;
    }
    let socket = bound(address, v6_only, options, options.reuse_port)?;
    socket.listen(backlog(options))?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

fn backlog(options: &SocketConfig) -> i32 {
    i32::try_from(options.backlog).unwrap_or(i32::MAX)
}

fn bound(
    address: SocketAddr,
    v6_only: bool,
    options: &SocketConfig,
    reuse_port: bool,
) -> io::Result<Socket> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(v6_only)?;
    }
    socket.set_reuse_address(options.reuse_address)?;
    if reuse_port {
        socket.set_reuse_port(true)?;
    }
    set_buffers(SockRef::from(&socket), options)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// The window scale is agreed on before accept, so the buffers belong to the listening socket.
fn set_buffers(socket: SockRef<'_>, options: &SocketConfig) -> io::Result<()> {
    if let Some(bytes) = options.send_buffer {
        socket.set_send_buffer_size(bytes)?;
    }
    if let Some(bytes) = options.receive_buffer {
        socket.set_recv_buffer_size(bytes)?;
    }
    Ok(())
}

/// Opens a socket in the file system. Nobody can connect before its permissions are right: it gets
/// its name last.
fn open_unix(path: &Path, options: &SocketConfig) -> io::Result<Opened> {
    refuse_occupied(path)?;
    let unnamed = path.with_extension("tmp");
    match fs::remove_file(&unnamed) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    set_buffers(SockRef::from(&socket), options)?;
    socket.bind(&SockAddr::unix(&unnamed)?)?;
    let mut name = UnixName::new(unnamed);
    permit(&name.path, options)?;
    socket.listen(backlog(options))?;
    socket.set_nonblocking(true)?;
    fs::rename(&name.path, path)?;
    path.clone_into(&mut name.path);
    let listener = StdUnixListener::from(OwnedFd::from(socket));
    Ok(Opened::Unix(listener, Some(name)))
}

/// Lets those in who may connect to a socket in the file system.
fn permit(path: &Path, options: &SocketConfig) -> io::Result<()> {
    fs::set_permissions(path, Permissions::from_mode(options.unix_mode))?;
    let owner = options.unix_owner.as_deref().map(user_id).transpose()?;
    let group = options.unix_group.as_deref().map(group_id).transpose()?;
    if owner.is_some() || group.is_some() {
        std::os::unix::fs::chown(path, owner, group)?;
    }
    Ok(())
}

/// Only what a dead node left behind may be replaced: a socket on which nobody listens.
pub(crate) fn refuse_occupied(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(file) if !file.file_type().is_socket() => {
            let text = "something that is no socket has this name: remove it or choose another";
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, text));
        }
        Ok(_) => {}
    }
    let probe = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    probe.set_nonblocking(true)?;
    match probe.connect(&SockAddr::unix(path)?) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        // A full queue of a living listener is `WouldBlock`.
        Ok(()) | Err(_) => Err(io::ErrorKind::AddrInUse.into()),
    }
}

impl Opened {
    /// Takes over a socket that somebody else has opened, with those of our options that can still
    /// be set.
    ///
    /// # Errors
    /// It does not listen, or an option is refused.
    pub fn inherited(socket: OwnedFd, options: &SocketConfig) -> io::Result<Self> {
        let known = SockRef::from(&socket);
        if known.r#type()? != Type::STREAM || !known.is_listener()? {
            let text = "not a socket that accepts connections: a socket unit needs ListenStream= and Accept=no";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        set_buffers(SockRef::from(&socket), options)?;
        known.set_nonblocking(true)?;
        rustix::net::listen(&socket, backlog(options))?;
        match known.domain()? {
            Domain::UNIX => Ok(Self::Unix(socket.into(), None)),
            _ => Ok(Self::Tcp(socket.into())),
        }
    }

    /// Takes over the socket of `bind` from the node before this one; its file in the file system gets
    /// the permissions of `options`, and is ours once `is_ours` says so.
    ///
    /// # Errors
    /// As [`Self::inherited`].
    pub(super) fn handed_over(
        socket: OwnedFd,
        bind: &Bind,
        options: &SocketConfig,
        is_ours: &Arc<AtomicBool>,
    ) -> io::Result<Self> {
        let opened = Self::inherited(socket, options)?;
        match (bind, opened) {
            (Bind::Unix(path), Self::Unix(socket, _)) => {
                permit(path, options)?;
                let name = UnixName::shared(path.clone(), Arc::clone(is_ours));
                Ok(Self::Unix(socket, Some(name)))
            }
            (_, opened) => Ok(opened),
        }
    }
}

/// Sets the options of an accepted connection. `local` is its own address; none for a socket in the
/// file system, which has none of these.
///
/// # Errors
/// The first option that the kernel refuses.
pub(super) fn adjust(
    stream: &StdStream,
    config: &ListenerConfig,
    local: Option<SocketAddr>,
) -> io::Result<()> {
    let Some(local) = local else { return Ok(()) };
    let (socket, options) = (SockRef::from(stream), &config.socket);
    socket.set_tcp_nodelay(options.no_delay)?;
    match options.keepalive {
        Keepalive::Off => socket.set_keepalive(false)?,
        Keepalive::On => socket.set_keepalive(true)?,
        Keepalive::After(idle) => socket.set_tcp_keepalive(&probes(idle))?,
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
            let hops = |ttl| socket.set_unicast_hops_v6(ttl);
            options.ttl.map_or(Ok(()), hops)?;
            let class = |class| socket.set_tclass_v6(class);
            options.tclass_v6.map_or(Ok(()), class)
        }
    }
}

/// Probes after `idle`, and then as often, but at least every 75 seconds as the kernel would.
fn probes(idle: Duration) -> TcpKeepalive {
    let idle = idle.max(Duration::from_secs(1));
    TcpKeepalive::new()
        .with_time(idle)
        .with_interval(idle.min(Duration::from_secs(75)))
}

/// Options of a socket as the kernel has them. What is absent does not exist for that family.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SocketOptions {
    /// `SO_REUSEADDR`.
    pub reuse_address: Option<bool>,
    /// `SO_REUSEPORT`.
    pub reuse_port: Option<bool>,
    /// `IPV6_V6ONLY`.
    pub v6_only: Option<bool>,
    /// `SO_SNDBUF`: twice what was asked for.
    pub send_buffer: Option<usize>,
    /// `SO_RCVBUF`: twice what was asked for.
    pub receive_buffer: Option<usize>,
    /// `TCP_NODELAY`.
    pub no_delay: Option<bool>,
    /// `SO_KEEPALIVE`.
    pub keepalive: Option<bool>,
    /// `TCP_KEEPIDLE`, in seconds.
    pub keepalive_idle: Option<u64>,
    /// `TCP_KEEPINTVL`, in seconds.
    pub keepalive_interval: Option<u64>,
    /// `TCP_USER_TIMEOUT`, in milliseconds.
    pub user_timeout: Option<u128>,
    /// `IP_TTL` or `IPV6_UNICAST_HOPS`.
    pub ttl: Option<u32>,
    /// `IP_TOS` or `IPV6_TCLASS`.
    pub traffic_class: Option<u32>,
}

impl SocketOptions {
    /// Reads the options of `socket`.
    pub(super) fn of(socket: &impl AsFd) -> Self {
        let fd = socket.as_fd();
        let socket = SockRef::from(&fd);
        let common = Self {
            send_buffer: socket.send_buffer_size().ok(),
            receive_buffer: socket.recv_buffer_size().ok(),
            ..Self::default()
        };
        let local = socket.local_addr().ok().and_then(|local| local.as_socket());
        let Some(local) = local else { return common };
        let is_v4 = local.ip().to_canonical().is_ipv4();
        Self {
            reuse_address: socket.reuse_address().ok(),
            reuse_port: socket.reuse_port().ok(),
            v6_only: socket.only_v6().ok().filter(|_| local.is_ipv6()),
            no_delay: socket.tcp_nodelay().ok(),
            keepalive: socket.keepalive().ok(),
            keepalive_idle: socket.tcp_keepalive_time().ok().map(|idle| idle.as_secs()),
            keepalive_interval: socket
                .tcp_keepalive_interval()
                .ok()
                .map(|wait| wait.as_secs()),
            user_timeout: socket
                .tcp_user_timeout()
                .ok()
                .flatten()
                .map(|wait| wait.as_millis()),
            ttl: if is_v4 {
                socket.ttl_v4()
            } else {
                socket.unicast_hops_v6()
            }
            .ok(),
            traffic_class: if is_v4 {
                socket.tos_v4()
            } else {
                socket.tclass_v6()
            }
            .ok(),
            ..common
        }
    }
}

#[cfg(test)]
mod tests;
