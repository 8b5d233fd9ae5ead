//! Bytes in the kernel's queue: looked at and left there (`MSG_PEEK`), so that whoever serves the
//! connection finds them.

use std::io;

use rustix::net::{RecvFlags, recv};
use tokio::io::Interest;
use tokio::net::TcpStream;

/// Shows what has come, up to `most` bytes, to `judge` as often as it is more than before, until that
/// has an answer.
///
/// # Errors
/// What the socket reports; [`io::ErrorKind::UnexpectedEof`] if it ends without an answer.
pub(super) async fn until<T>(
    stream: &TcpStream,
    most: usize,
    mut judge: impl FnMut(&[u8]) -> Option<T>,
) -> io::Result<T> {
    let mut seen = 0;
    loop {
        let ready = stream.ready(Interest::READABLE).await?;
        let looked = stream.try_io(Interest::READABLE, || {
            let mut bytes = vec![0; most];
            let (length, _) = recv(stream, bytes.as_mut_slice(), RecvFlags::PEEK)?;
            if length <= seen {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            seen = length;
            Ok(judge(bytes.get(..length).unwrap_or_default()))
        });
        match looked {
            Ok(Some(answer)) => return Ok(answer),
            Ok(None) => {}
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
            Err(_) if ready.is_read_closed() => return Err(io::ErrorKind::UnexpectedEof.into()),
            Err(_) => {}
        }
    }
}

/// Takes bytes out of the queue that were seen there.
///
/// # Errors
/// What the socket reports; [`io::ErrorKind::UnexpectedEof`] if they are there no more.
pub(super) fn take(stream: &TcpStream, length: usize) -> io::Result<()> {
    let mut bytes = vec![0; length];
    let taken = match length {
        0 => 0,
        _ => recv(stream, bytes.as_mut_slice(), RecvFlags::empty())?.0,
    };
    match taken == length {
        true => Ok(()),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}
