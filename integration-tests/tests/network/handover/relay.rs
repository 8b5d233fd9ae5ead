//! Stands between the node that runs and its successor, and passes their words on one by one.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};

use harness::{DEADLINE, TestNode};
use rustix::cmsg_space;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use tokio::io::Interest;
use tokio::net::{UnixListener, UnixStream};
use tokio::process::Child;
use tokio::time::timeout;

/// More than any test opens.
const DESCRIPTORS: usize = 64;

/// A line, with the descriptors beside it.
pub(super) struct Line {
    pub(super) text: String,
    descriptors: Vec<OwnedFd>,
}

pub(super) struct Relay {
    pub(super) node: UnixStream,
    pub(super) successor: UnixStream,
}

impl Relay {
    /// Starts a successor that talks to the node by way of this relay. Its admin socket is where the relay was.
    pub(super) async fn start(node: &TestNode) -> (Self, Child) {
        let path = node.directory().join("relay.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let key = format!("node.admin_socket={path:?}");
        let child = node.start_successor(&["--set", &key]);
        let accepting = timeout(DEADLINE, listener.accept());
        let (successor, _) = accepting.await.expect("a successor").unwrap();
        std::fs::remove_file(&path).unwrap();
        let node = connect(node).await;
        (Self { node, successor }, child)
    }

    /// The next line of the successor.
    pub(super) async fn of_successor(&self) -> Line {
        receive(&self.successor).await
    }

    /// The next line of the node.
    pub(super) async fn of_node(&self) -> Line {
        receive(&self.node).await
    }
}

/// The node's own admin socket.
pub(super) async fn connect(node: &TestNode) -> UnixStream {
    let path = node.directory().join("data/portcullis.sock");
    UnixStream::connect(path).await.unwrap()
}

/// Waits for a line.
pub(super) async fn receive(from: &UnixStream) -> Line {
    let receiving = async {
        let (mut text, mut descriptors) = (Vec::new(), Vec::new());
        while !text.ends_with(b"\n") {
            let read = from.async_io(Interest::READABLE, || {
                receive_with(from, &mut text, &mut descriptors)
            });
            assert!(read.await.unwrap() > 0, "it ends: {text:?}");
        }
        let text = String::from_utf8(text).unwrap();
        Line { text, descriptors }
    };
    timeout(DEADLINE, receiving).await.expect("a line")
}

fn receive_with(
    from: &UnixStream,
    text: &mut Vec<u8>,
    descriptors: &mut Vec<OwnedFd>,
) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(DESCRIPTORS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut buffer = [0; 4096];
    let into = &mut [IoSliceMut::new(&mut buffer)];
    let received = recvmsg(from, into, &mut control, RecvFlags::CMSG_CLOEXEC)?;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(sockets) = message {
            descriptors.extend(sockets);
        }
    }
    text.extend_from_slice(&buffer[..received.bytes]);
    Ok(received.bytes)
}

/// Sends a line, which is short.
pub(super) async fn send(to: &UnixStream, line: &Line) {
    let sending = to.async_io(Interest::WRITABLE, || {
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(DESCRIPTORS))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let descriptors: Vec<_> = line.descriptors.iter().map(AsFd::as_fd).collect();
        if !descriptors.is_empty() {
            assert!(control.push(SendAncillaryMessage::ScmRights(&descriptors)));
        }
        let text = [IoSlice::new(line.text.as_bytes())];
        sendmsg(to, &text, &mut control, SendFlags::NOSIGNAL).map_err(io::Error::from)
    });
    assert_eq!(sending.await.unwrap(), line.text.len());
}

impl From<&str> for Line {
    fn from(text: &str) -> Self {
        Self {
            text: format!("{text}\n"),
            descriptors: Vec::new(),
        }
    }
}
