//! One end of the talk: lines of JSON, with descriptors beside them.

use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::cmsg_space;
use rustix::net::sockopt::socket_peercred;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, send, sendmsg,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::Interest;
use tokio::net::UnixStream;

use super::WRITE;
use super::wire::DESCRIPTORS;

/// Longest line, in bytes.
const MAX_LINE: usize = 1024 * 1024;

/// Why the other side can not be talked to any more.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    /// It has closed its end.
    #[error("the other process has gone")]
    Gone,
    /// Nothing came in time.
    #[error("the other process says nothing for {} s", .0.as_secs())]
    Silent(Duration),
    /// It does not take what is written.
    #[error("the other process does not read")]
    Deaf,
    /// What it says makes no sense here.
    #[error("the other process is of another version: {0}")]
    Strange(String),
    /// The socket.
    #[error(transparent)]
    Socket(io::Error),
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => Self::Gone,
            _ => Self::Socket(error),
        }
    }
}

/// A connection to the other process.
#[derive(Debug)]
pub(super) struct Channel {
    stream: UnixStream,
    bytes: Vec<u8>,
    descriptors: VecDeque<OwnedFd>,
}

impl Channel {
    pub(super) fn new(stream: UnixStream) -> Self {
        Self {
            stream,
            bytes: Vec::new(),
            descriptors: VecDeque::new(),
        }
    }

    /// The number of the other process, as the kernel knows it.
    pub(super) fn process(&self) -> io::Result<u32> {
        let pid = socket_peercred(&self.stream)?.pid.as_raw_nonzero();
        Ok(pid.get().unsigned_abs())
    }

    /// Sends a line, with at most [`DESCRIPTORS`] descriptors.
    ///
    /// # Errors
    /// The other side is gone or does not read.
    pub(super) async fn send<T: Serialize>(
        &mut self,
        message: &T,
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<(), Broken> {
        let mut line = serde_json::to_vec(message).map_err(io::Error::from)?;
        line.push(b'\n');
        let sending = self.write(&line, descriptors);
        tokio::time::timeout(WRITE, sending)
            .await
            .map_err(|_| Broken::Deaf)?
    }

    async fn write(&self, line: &[u8], descriptors: &[BorrowedFd<'_>]) -> Result<(), Broken> {
        // The descriptors go with the first bytes.
        let writing = self.stream.async_io(Interest::WRITABLE, || {
            send_with(self.stream.as_fd(), line, descriptors)
        });
        let mut sent = writing.await?;
        while let Some(rest) = line.get(sent..).filter(|rest| !rest.is_empty()) {
            let writing = self.stream.async_io(Interest::WRITABLE, || {
                send(&self.stream, rest, SendFlags::NOSIGNAL).map_err(io::Error::from)
            });
            sent += writing.await?;
        }
        Ok(())
    }

    /// Waits for the next line.
    ///
    /// # Errors
    /// [`Broken`]; [`Broken::Gone`] when the other side has closed.
    pub(super) async fn receive<T: DeserializeOwned>(
        &mut self,
        patience: Duration,
    ) -> Result<T, Broken> {
        let line = tokio::time::timeout(patience, self.line())
            .await
            .map_err(|_| Broken::Silent(patience))??;
        serde_json::from_slice(&line).map_err(|error| Broken::Strange(error.to_string()))
    }

    async fn line(&mut self) -> Result<Vec<u8>, Broken> {
        loop {
            if let Some(end) = self.bytes.iter().position(|byte| *byte == b'\n') {
                return Ok(self.bytes.drain(..=end).collect());
            }
            if self.bytes.len() > MAX_LINE {
                return Err(Broken::Strange(format!("a line of over {MAX_LINE} bytes")));
            }
            let Self {
                stream,
                bytes,
                descriptors,
            } = self;
            let reading = stream.async_io(Interest::READABLE, || {
                receive_with(stream.as_fd(), bytes, descriptors)
            });
            if reading.await? == 0 {
                return Err(Broken::Gone);
            }
        }
    }

    /// The descriptors that came with what was received, at most `count`.
    pub(super) fn take_descriptors(&mut self, count: usize) -> Vec<OwnedFd> {
        let count = count.min(self.descriptors.len());
        self.descriptors.drain(..count).collect()
    }
}

fn send_with(
    stream: BorrowedFd<'_>,
    line: &[u8],
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(DESCRIPTORS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::Error::other("too many descriptors for one line"));
    }
    let line = [IoSlice::new(line)];
    sendmsg(stream, &line, &mut control, SendFlags::NOSIGNAL).map_err(io::Error::from)
}

/// What is there, bytes and descriptors; 0 at the end.
fn receive_with(
    stream: BorrowedFd<'_>,
    bytes: &mut Vec<u8>,
    descriptors: &mut VecDeque<OwnedFd>,
) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(DESCRIPTORS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut buffer = [0; 4096];
    let received = recvmsg(
        stream,
        &mut [IoSliceMut::new(&mut buffer)],
        &mut control,
        RecvFlags::CMSG_CLOEXEC,
    )?;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(sockets) = message {
            descriptors.extend(sockets);
        }
    }
    bytes.extend(buffer.iter().take(received.bytes));
    Ok(received.bytes)
}
