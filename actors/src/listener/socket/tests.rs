use super::*;
use portcullis_config::{Config, Sources};

/// The listener `c2s` with these settings on a free port of `address`.
fn listener(address: &str, set: &[&str]) -> (ListenerConfig, Bind) {
    let free = StdListener::bind((address, 0))
        .unwrap()
        .local_addr()
        .unwrap();
    let mut all = vec![
        "listener.c2s.protocol=c2s".to_owned(),
        format!("listener.c2s.bind=[\"{free}\"]"),
    ];
    all.extend(set.iter().map(|set| format!("listener.c2s.{set}")));
    let sources = Sources {
        set: all,
        ..Sources::default()
    };
    let config: Config = portcullis_config::load(&sources).unwrap().config;
    let listener = config.listeners.values().next().unwrap().clone();
    let bind = listener.binds[0].clone();
    (listener, bind)
}

fn with_v6_only(bind: &Bind, v6_only: bool) -> Bind {
    let address = bind.address().unwrap();
    Bind::Tcp { address, v6_only }
}

/// The kernel's view of an accepted connection, and the client's end.
fn accepted(address: &str, set: &[&str]) -> (Socket, StdStream) {
    let (config, bind) = listener(address, set);
    let socket = tcp(open(&bind, &config.socket).unwrap());
    let client = StdStream::connect(bind.address().unwrap()).unwrap();
    let stream = accept(&socket);
    adjust(&stream, &config, stream.local_addr().ok()).unwrap();
    (stream.into(), client)
}

fn tcp(opened: Opened) -> StdListener {
    match opened {
        Opened::Tcp(socket) => socket,
        Opened::Unix(..) => panic!("a socket of the file system"),
    }
}

/// The connection that is in the queue, or will be in a moment.
fn accept(socket: &StdListener) -> StdStream {
    loop {
        match socket.accept() {
            Ok((stream, _)) => return stream,
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
        }
    }
}

#[test]
fn every_option_reaches_the_kernel() {
    let set = [
        "socket.no_delay=true",
        "socket.keepalive=\"77s\"",
        "socket.ttl=7",
        "socket.tos_v4=16",
        "socket.send_buffer=20000",
        "socket.receive_buffer=30000",
        "timeouts.send=\"9s\"",
    ];
    let (socket, _client) = accepted("127.0.0.1", &set);
    assert!(socket.tcp_nodelay().unwrap() && socket.keepalive().unwrap());
    assert_eq!(
        socket.tcp_keepalive_time().unwrap(),
        Duration::from_secs(77)
    );
    assert_eq!(
        (socket.ttl_v4().unwrap(), socket.tos_v4().unwrap()),
        (7, 16)
    );
    assert_eq!(
        socket.send_buffer_size().unwrap(),
        40000,
        "the kernel doubles it"
    );
    assert_eq!(
        socket.recv_buffer_size().unwrap(),
        60000,
        "the kernel doubles it"
    );
    assert_eq!(
        socket.tcp_user_timeout().unwrap(),
        Some(Duration::from_secs(9))
    );
}

#[test]
fn options_that_are_off_are_off() {
    let set = ["socket.no_delay=false", "socket.keepalive=false"];
    let (socket, _client) = accepted("127.0.0.1", &set);
    assert!(!socket.tcp_nodelay().unwrap() && !socket.keepalive().unwrap());
    let set = ["socket.keepalive=true"];
    let (socket, _client) = accepted("127.0.0.1", &set);
    assert!(socket.tcp_nodelay().unwrap() && socket.keepalive().unwrap());
}

#[test]
fn ipv6_has_options_of_its_own() {
    let set = ["socket.ttl=9", "socket.tclass_v6=32", "socket.tos_v4=16"];
    let (socket, _client) = accepted("::1", &set);
    assert_eq!(socket.unicast_hops_v6().unwrap(), 9);
    assert_eq!(socket.tclass_v6().unwrap(), 32);
}

#[test]
fn an_ipv4_client_of_a_dual_socket_gets_the_options_of_ipv4() {
    let (config, mut bind) = listener("::", &["socket.ttl=7", "socket.tos_v4=16"]);
    bind = with_v6_only(&bind, false);
    let socket = tcp(open(&bind, &config.socket).unwrap());
    let _client = StdStream::connect(("127.0.0.1", bind.address().unwrap().port())).unwrap();
    let stream = accept(&socket);
    let peer = stream.peer_addr().unwrap();
    assert!(peer.is_ipv6() && peer.ip().to_canonical().is_ipv4());
    adjust(&stream, &config, stream.local_addr().ok()).unwrap();
    let socket = SockRef::from(&stream);
    assert_eq!(
        (socket.ttl_v4().unwrap(), socket.tos_v4().unwrap()),
        (7, 16)
    );
}

#[test]
fn v6_only_leaves_ipv4_alone() {
    for v6_only in [true, false] {
        let (config, mut bind) = listener("::", &[]);
        bind = with_v6_only(&bind, v6_only);
        let _socket = open(&bind, &config.socket).unwrap();
        let client = StdStream::connect(("127.0.0.1", bind.address().unwrap().port()));
        assert_eq!(client.is_err(), v6_only);
    }
}

/// Without the look beforehand the kernel would let both listen and share the clients out.
#[test]
fn a_port_in_use_is_noticed_in_spite_of_reuse_port() {
    let (config, bind) = listener("127.0.0.1", &["socket.reuse_port=true"]);
    let first = open(&bind, &config.socket).unwrap();
    assert_eq!(
        open(&bind, &config.socket).unwrap_err().kind(),
        io::ErrorKind::AddrInUse
    );
    let foreign = bound(bind.address().unwrap(), false, &config.socket, true);
    assert!(
        foreign.is_ok(),
        "others may share a port of ours: {foreign:?}"
    );
    drop((first, foreign));
    assert!(open(&bind, &config.socket).is_ok());
}

#[test]
fn without_reuse_port_nobody_shares_the_port() {
    let (config, bind) = listener("127.0.0.1", &["socket.reuse_port=false"]);
    let _first = open(&bind, &config.socket).unwrap();
    assert!(bound(bind.address().unwrap(), false, &config.socket, true).is_err());
}

#[test]
fn reuse_address_does_not_wait_for_old_connections() {
    let (config, bind) = listener("127.0.0.1", &["socket.reuse_port=false"]);
    let leave_one_waiting = || {
        let socket = tcp(open(&bind, &config.socket).unwrap());
        let client = StdStream::connect(bind.address().unwrap()).unwrap();
        let server = accept(&socket);
        // Who closes first is the one that waits.
        drop(server);
        drop(client);
    };
    leave_one_waiting();
    assert!(open(&bind, &config.socket).is_ok());
    let strict = SocketConfig {
        reuse_address: false,
        ..config.socket.clone()
    };
    assert_eq!(
        open(&bind, &strict).unwrap_err().kind(),
        io::ErrorKind::AddrInUse
    );
}

#[test]
fn a_socket_of_the_file_system_has_its_mode_and_goes_with_its_listener() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("c2s.sock");
    let (config, _) = listener("127.0.0.1", &["socket.unix_mode=\"0600\""]);
    let bind = Bind::Unix(path.clone());
    let opened = open(&bind, &config.socket).unwrap();
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let in_use = open(&bind, &config.socket).unwrap_err();
    assert_eq!(in_use.kind(), io::ErrorKind::AddrInUse);
    drop(opened);
    assert!(!path.exists());
    fs::write(&path, "precious").unwrap();
    let other = open(&bind, &config.socket).unwrap_err();
    assert_eq!(other.kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(fs::read(&path).unwrap(), b"precious");
}

#[test]
fn a_dead_socket_of_the_file_system_is_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("c2s.sock");
    drop(StdUnixListener::bind(&path).unwrap());
    let (config, _) = listener("127.0.0.1", &[]);
    let _opened = open(&Bind::Unix(path.clone()), &config.socket).unwrap();
    std::os::unix::net::UnixStream::connect(&path).unwrap();
}

#[test]
fn only_a_listening_socket_is_taken_over() {
    let (config, _) = listener("127.0.0.1", &["socket.receive_buffer=30000"]);
    let socket = StdListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let taken = tcp(Opened::inherited(socket.into(), &config.socket).unwrap());
    let _client = StdStream::connect(address).unwrap();
    let buffer = SockRef::from(&accept(&taken)).recv_buffer_size().unwrap();
    assert_eq!(buffer, 60000, "our options hold for it");
    let datagram = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    assert!(Opened::inherited(datagram.into(), &config.socket).is_err());
}

#[test]
fn the_report_shows_what_the_kernel_has() {
    let set = ["socket.ttl=7", "socket.tos_v4=16", "socket.keepalive=30"];
    let (socket, _client) = accepted("127.0.0.1", &set);
    let options = SocketOptions::of(&socket);
    assert_eq!((options.ttl, options.traffic_class), (Some(7), Some(16)));
    assert_eq!(options.keepalive_idle, Some(30));
    assert_eq!(options.keepalive_interval, Some(30));
    assert_eq!(options.v6_only, None);
}
