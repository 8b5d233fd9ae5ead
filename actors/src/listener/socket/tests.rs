use std::net::TcpListener as StdListener;

use portcullis_config::{Config, Sources};
use tokio::net::TcpListener;

use super::*;

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
async fn accepted(address: &str, set: &[&str]) -> (Socket, std::net::TcpStream) {
    let (config, bind) = listener(address, set);
    let socket = TcpListener::from_std(open(&bind, &config.socket).unwrap()).unwrap();
    let client = std::net::TcpStream::connect(bind.address().unwrap()).unwrap();
    let (stream, _) = socket.accept().await.unwrap();
    adjust(&stream, &config, stream.local_addr().unwrap()).unwrap();
    (stream.into_std().unwrap().into(), client)
}

#[tokio::test]
async fn every_option_reaches_the_kernel() {
    let set = [
        "socket.no_delay=true",
        "socket.keepalive=\"77s\"",
        "socket.ttl=7",
        "socket.tos_v4=16",
        "socket.send_buffer=20000",
        "socket.receive_buffer=30000",
        "timeouts.send=\"9s\"",
    ];
    let (socket, _client) = accepted("127.0.0.1", &set).await;
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

#[tokio::test]
async fn options_that_are_off_are_off() {
    let set = ["socket.no_delay=false", "socket.keepalive=false"];
    let (socket, _client) = accepted("127.0.0.1", &set).await;
    assert!(!socket.tcp_nodelay().unwrap() && !socket.keepalive().unwrap());
    let set = ["socket.keepalive=true"];
    let (socket, _client) = accepted("127.0.0.1", &set).await;
    assert!(socket.tcp_nodelay().unwrap() && socket.keepalive().unwrap());
}

#[tokio::test]
async fn ipv6_has_options_of_its_own() {
    let set = ["socket.ttl=9", "socket.tclass_v6=32", "socket.tos_v4=16"];
    let (socket, _client) = accepted("::1", &set).await;
    assert_eq!(socket.unicast_hops_v6().unwrap(), 9);
    assert_eq!(socket.tclass_v6().unwrap(), 32);
}

#[tokio::test]
async fn an_ipv4_client_of_a_dual_socket_gets_the_options_of_ipv4() {
    let (config, mut bind) = listener("::", &["socket.ttl=7", "socket.tos_v4=16"]);
    bind = with_v6_only(&bind, false);
    let socket = TcpListener::from_std(open(&bind, &config.socket).unwrap()).unwrap();
    let _client = std::net::TcpStream::connect(("127.0.0.1", bind.address().unwrap().port())).unwrap();
    let (stream, peer) = socket.accept().await.unwrap();
    assert!(peer.is_ipv6() && peer.ip().to_canonical().is_ipv4());
    adjust(&stream, &config, stream.local_addr().unwrap()).unwrap();
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
        let client = std::net::TcpStream::connect(("127.0.0.1", bind.address().unwrap().port()));
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
    let foreign = bound(&bind, &config.socket, true);
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
    assert!(bound(&bind, &config.socket, true).is_err());
}

#[test]
fn reuse_address_does_not_wait_for_old_connections() {
    let (config, bind) = listener("127.0.0.1", &["socket.reuse_port=false"]);
    let leave_one_waiting = || {
        let socket = open(&bind, &config.socket).unwrap();
        let client = std::net::TcpStream::connect(bind.address().unwrap()).unwrap();
        let (server, _) = loop {
            match socket.accept() {
                Ok(accepted) => break accepted,
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
            }
        };
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
