//! One connection, to see who answers.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use actors::tls::try_handshake;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long connection and answer may take together.
const LIMIT: Duration = Duration::from_secs(3);
/// Bytes of an answer that are read at most; the header of a stream is at its beginning.
const MAX_ANSWER: usize = 1024;

/// What should be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    /// Anything that accepts.
    Connection,
    /// The header of a client stream (RFC 6120 §4.2).
    Stream,
    /// TLS from the first byte.
    Tls,
}

/// What is there instead.
#[derive(Debug)]
pub(super) enum Fault {
    /// Nobody listens.
    Refused,
    /// Nothing came in time.
    Silent,
    /// There is no way.
    Unreachable(io::Error),
    /// Something else answers.
    Stranger(String),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::ConnectionRefused => Self::Refused,
            ErrorKind::TimedOut => Self::Silent,
            _ => Self::Unreachable(error),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.write_str("the connection is refused"),
            Self::Silent => write!(f, "nothing comes within {} s", LIMIT.as_secs()),
            Self::Unreachable(error) => error.fmt(f),
            Self::Stranger(answer) => f.write_str(answer),
        }
    }
}

/// Connects as a client of `host` would.
pub(super) async fn probe(
    address: SocketAddr,
    expected: Expected,
    host: &str,
) -> Result<(), Fault> {
    let trying = async {
        let stream = TcpStream::connect(address).await?;
        match expected {
            Expected::Connection => Ok(()),
            Expected::Stream => greet(stream, host).await,
            Expected::Tls => try_handshake(stream, host)
                .await
                .map_err(|error| Fault::Stranger(format!("it does not speak TLS: {error}"))),
        }
    };
    timeout(LIMIT, trying).await.unwrap_or(Err(Fault::Silent))
}

async fn greet(mut stream: TcpStream, host: &str) -> Result<(), Fault> {
    let header = format!(
        "<?xml version='1.0'?><stream:stream to='{host}' version='1.0' xmlns='jabber:client' \
         xmlns:stream='http://etherx.jabber.org/streams'>"
    );
    let strange = || Fault::Stranger("it answers with no XMPP stream".to_owned());
    stream.write_all(header.as_bytes()).await?;
    let mut answer = Vec::new();
    while answer.len() < MAX_ANSWER {
        let read = stream.read_buf(&mut answer).await.map_err(|_| strange())?;
        if String::from_utf8_lossy(&answer).contains("http://etherx.jabber.org/streams") {
            return Ok(());
        }
        if read == 0 {
            break;
        }
    }
    Err(strange())
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// What a probe makes of a server that says `answer` and closes.
    async fn probed(answer: &'static [u8], expected: Expected) -> Result<(), Fault> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = [0; 16];
            stream.read_exact(&mut asked).await.unwrap();
            stream.write_all(answer).await.unwrap();
            stream
        });
        let found = probe(address, expected, "a.example").await;
        drop(serving.await.unwrap());
        found
    }

    #[tokio::test]
    async fn a_stream_is_told_from_other_answers() {
        let header =
            b"<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams'>";
        assert!(probed(header, Expected::Stream).await.is_ok());
        let other: &[u8] = &[b'x'; MAX_ANSWER];
        assert!(matches!(
            probed(other, Expected::Stream).await,
            Err(Fault::Stranger(_))
        ));
        assert!(matches!(
            probed(header, Expected::Tls).await,
            Err(Fault::Stranger(_))
        ));
    }
}
