//! The client of a running node's admin socket.
//!
//! What is said over it is defined where the node listens, in `actors::admin::protocol`: one line of JSON asks, one
//! answers; traces come in many.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use actors::admin::protocol::{Answer, Command, MAX_ANSWER, Request};

/// How long an answer is waited for: a reload reads large lists, and keys are derived one after the other.
const TIMEOUT: Duration = Duration::from_secs(120);

/// Why a node could not be asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ControlError {
    /// Nobody listens on the socket.
    #[error("no node runs here: its admin socket {} does not answer", .0.display())]
    NotRunning(PathBuf),
    /// The socket is there but can not be used.
    #[error("admin socket {}: {error}", path.display())]
    Socket {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// The answer breaks off or makes no sense.
    #[error("admin socket {}: the node's answer breaks off or is of another version", .0.display())]
    Answer(PathBuf),
}

/// A connection to a running node.
pub(crate) struct Client {
    path: PathBuf,
    stream: BufReader<UnixStream>,
}

impl Client {
    /// Connects to the node behind `path`.
    ///
    /// # Errors
    ///
    /// [`ControlError::NotRunning`] if nobody listens there.
    pub(crate) fn connect(path: &Path) -> Result<Self, ControlError> {
        let failed = |error| ControlError::Socket {
            path: path.to_owned(),
            error,
        };
        let stream = UnixStream::connect(path).map_err(|error| match error.kind() {
            ErrorKind::NotFound | ErrorKind::ConnectionRefused => {
                ControlError::NotRunning(path.to_owned())
            }
            _ => failed(error),
        })?;
        stream.set_read_timeout(Some(TIMEOUT)).map_err(failed)?;
        stream.set_write_timeout(Some(TIMEOUT)).map_err(failed)?;
        Ok(Self {
            path: path.to_owned(),
            stream: BufReader::new(stream),
        })
    }

    /// The process of the node, where the system tells.
    pub(crate) fn peer(&self) -> Option<u32> {
        let peer = rustix::net::sockopt::socket_peercred(self.stream.get_ref());
        let pid = peer.ok()?.pid.as_raw_nonzero().get();
        u32::try_from(pid).ok()
    }

    /// Has answers be waited for without end.
    ///
    /// # Errors
    ///
    /// The socket fails.
    pub(crate) fn be_patient(&mut self) -> Result<(), ControlError> {
        let patient = self.stream.get_ref().set_read_timeout(None);
        patient.map_err(|error| ControlError::Socket {
            path: self.path.clone(),
            error,
        })
    }

    /// Sends a command and waits for its answer.
    ///
    /// # Errors
    ///
    /// The socket fails or the answer can not be read.
    pub(crate) fn ask(&mut self, command: Command) -> Result<Answer, ControlError> {
        let failed = |error| ControlError::Socket {
            path: self.path.clone(),
            error,
        };
        let mut line =
            serde_json::to_vec(&Request::new(command)).map_err(|error| failed(error.into()))?;
        line.push(b'\n');
        self.stream.get_mut().write_all(&line).map_err(failed)?;
        self.answer()
    }

    /// Waits for another answer, where one command has many.
    ///
    /// # Errors
    ///
    /// As [`Self::ask`].
    pub(crate) fn answer(&mut self) -> Result<Answer, ControlError> {
        let failed = |error| ControlError::Socket {
            path: self.path.clone(),
            error,
        };
        let mut answer = String::new();
        let mut bounded = (&mut self.stream).take(MAX_ANSWER as u64);
        bounded.read_line(&mut answer).map_err(failed)?;
        serde_json::from_str(&answer).map_err(|_| ControlError::Answer(self.path.clone()))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn a_socket_that_nobody_serves_means_no_node() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("portcullis.sock");
        assert!(matches!(
            Client::connect(&path),
            Err(ControlError::NotRunning(_))
        ));
        drop(UnixListener::bind(&path).unwrap());
        assert!(
            matches!(Client::connect(&path), Err(ControlError::NotRunning(_))),
            "a stale socket"
        );
    }

    #[test]
    fn each_command_gets_its_answer_on_one_connection() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("portcullis.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let node = std::thread::spawn(move || {
            let mut stream = BufReader::new(listener.accept().unwrap().0);
            let mut asked = Vec::new();
            for answer in ["\"done\"\n", "nonsense\n"] {
                let mut line = String::new();
                stream.read_line(&mut line).unwrap();
                asked.push(line);
                stream.get_mut().write_all(answer.as_bytes()).unwrap();
            }
            asked
        });
        let mut client = Client::connect(&path).unwrap();
        assert_eq!(client.ask(Command::Reload).unwrap(), Answer::Done);
        assert!(matches!(
            client.ask(Command::Status),
            Err(ControlError::Answer(_))
        ));
        assert!(node.join().unwrap()[0].contains("\"reload\""));
        assert!(client.ask(Command::Status).is_err(), "the node is gone");
    }
}
