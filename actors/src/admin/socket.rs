//! The local socket on which a running node is told what to do. Only the node's own user may open it.
//!
//! A child of `console`. A fresh one binds the socket anew; a client that is being served has a task
//! of its own and goes on.

use std::cell::Cell;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener as StdListener;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, AsyncContext, Context, WrapFuture};
use serde::Serialize;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::{interval, timeout};

use super::Talk;
use super::console::Console;
use super::protocol::{Answer, Command, MAX_ANSWER, MAX_REQUEST, Request, VERSION};
use crate::backoff::Backoff;
use crate::firewall::TraceStream;
use crate::listener::refuse_occupied;
use crate::observe::Observe;
use crate::supervise::{RestartPolicy, Supervise};

/// Clients served at the same time; more wait in the kernel's queue.
pub const MAX_CLIENTS: usize = 16;
/// How long a client may take to send its line, and to read one of ours.
const CLIENT: Duration = Duration::from_secs(30);
/// How often a client is told of traces that were left out.
const DROPPED: Duration = Duration::from_secs(1);
/// Waits before a failed bind or accept is tried again, doubling.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// The actor.
pub struct AdminSocket {
    console: Console,
    path: PathBuf,
    retry: Backoff,
    is_listening: bool,
    clients: Rc<Cell<u64>>,
}

/// What the console shows of its socket.
#[derive(Clone, Debug, Serialize)]
pub struct AdminSocketReport {
    /// The socket's file.
    pub path: PathBuf,
    /// Whether it listens.
    pub is_listening: bool,
    /// Connections accepted since the actor was started.
    pub clients: u64,
}

impl Supervise for AdminSocket {
    const KIND: &'static str = "admin-socket";
    const MAILBOX: usize = 4;

    fn restart_policy() -> RestartPolicy {
        RestartPolicy::Backoff {
            min: Duration::from_millis(50),
            max: Duration::from_secs(30),
            give_up_after: 0,
            within: Duration::from_secs(60),
        }
    }
}

impl Observe for AdminSocket {
    type Report = AdminSocketReport;

    fn report(&self) -> AdminSocketReport {
        AdminSocketReport {
            path: self.path.clone(),
            is_listening: self.is_listening,
            clients: self.clients.get(),
        }
    }
}

impl Actor for AdminSocket {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        self.listen(context);
    }
}

impl Drop for AdminSocket {
    fn drop(&mut self) {
        if self.is_listening
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::debug!(path = %self.path.display(), %error, "admin socket not removed");
        }
    }
}

impl AdminSocket {
    /// A socket at `path` for `console`; made by the supervisor's factory.
    pub fn new(console: Console, path: PathBuf) -> Self {
        let retry = Backoff::new(RETRY.0, RETRY.1);
        Self {
            console,
            path,
            retry,
            is_listening: false,
            clients: Rc::default(),
        }
    }

    fn listen(&mut self, context: &mut Context<Self>) {
        match bind(&self.path).and_then(UnixListener::from_std) {
            Ok(listener) => {
                self.retry.reset();
                self.is_listening = true;
                let (console, clients) = (self.console.clone(), Rc::clone(&self.clients));
                context.spawn(accept(listener, console, clients).into_actor(self));
            }
            Err(error) => {
                let (path, wait) = (self.path.display(), self.retry.next_delay());
                tracing::error!(%path, %error, ?wait, "no admin socket; trying again");
                context.run_later(wait, Self::listen);
            }
        }
    }
}

/// Binds the socket. Nobody can connect before its permissions are right: it gets its name last.
fn bind(path: &Path) -> io::Result<StdListener> {
    refuse_occupied(path)?;
    let unnamed = path.with_extension("tmp");
    match fs::remove_file(&unnamed) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = StdListener::bind(&unnamed)?;
    listener.set_nonblocking(true)?;
    fs::set_permissions(&unnamed, Permissions::from_mode(0o600))?;
    fs::rename(&unnamed, path)?;
    Ok(listener)
}

async fn accept(listener: UnixListener, console: Console, clients: Rc<Cell<u64>>) {
    let permits = Arc::new(Semaphore::new(MAX_CLIENTS));
    let mut retry = Backoff::new(RETRY.0, RETRY.1);
    loop {
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                retry.reset();
                clients.set(clients.get() + 1);
                let console = console.clone();
                actix_rt::spawn(async move {
                    serve(stream, &console).await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "admin socket: no connection accepted");
                tokio::time::sleep(retry.next_delay()).await;
            }
        }
    }
}

/// Request and answer, until the client closes, is silent for too long or breaks the protocol.
async fn serve(stream: UnixStream, console: &Console) {
    let (input, mut output) = stream.into_split();
    let mut input = BufReader::new(input);
    loop {
        let (answer, is_last) = match timeout(CLIENT, read(&mut input)).await {
            Ok(Ok(Some(Command::FirewallTrace(wish)))) => match console.trace(wish) {
                Ok(traces) => return trace(traces, &mut input, &mut output).await,
                Err(problem) => (Answer::refused(problem), false),
            },
            Ok(Ok(Some(Command::Handover))) => {
                return pass(Talk::Handover, console, input, output).await;
            }
            Ok(Ok(Some(Command::Upgrade))) => {
                return pass(Talk::Upgrade, console, input, output).await;
            }
            Ok(Ok(Some(command))) => (console.run(command).await, false),
            Ok(Ok(None)) => return,
            Ok(Err(problem)) => (Answer::refused(problem), true),
            Err(_) => (Answer::refused("no request came in time"), true),
        };
        let written = timeout(CLIENT, write(&mut output, &answer)).await;
        if is_last || !matches!(written, Ok(Ok(()))) {
            return;
        }
    }
}

/// Gives the connection to the node, which goes on with it.
async fn pass(
    talk: Talk,
    console: &Console,
    input: BufReader<OwnedReadHalf>,
    output: OwnedWriteHalf,
) {
    let is_premature = !input.buffer().is_empty();
    let Ok(stream) = input.into_inner().reunite(output) else {
        return;
    };
    let passed = match is_premature {
        true => {
            let text = "nothing may be sent behind this request before its answer";
            Err((stream, Answer::refused(text)))
        }
        false => console.pass(talk, stream),
    };
    if let Err((stream, answer)) = passed {
        let (_input, mut output) = stream.into_split();
        let told = timeout(CLIENT, write(&mut output, &answer)).await;
        tracing::debug!(?talk, ?told, "refused");
    }
}

/// Shows traces until the client closes, sends anything more or does not read.
async fn trace(
    mut traces: TraceStream,
    input: &mut BufReader<OwnedReadHalf>,
    output: &mut OwnedWriteHalf,
) {
    let mut answer = Answer::Tracing;
    let mut tell_dropped = interval(DROPPED);
    loop {
        if !matches!(timeout(CLIENT, write(output, &answer)).await, Ok(Ok(()))) {
            return;
        }
        answer = loop {
            tokio::select! {
                biased;
                _closed = input.fill_buf() => return,
                _ = tell_dropped.tick() => {
                    let dropped = traces.take_dropped();
                    if dropped > 0 {
                        break Answer::TracesDropped { traces: dropped };
                    }
                }
                trace = traces.next() => match trace {
                    Some(trace) => break Answer::Trace(Box::new(trace)),
                    None => return,
                },
            }
        };
    }
}

/// The next command; `None` when the client has closed.
async fn read(input: &mut BufReader<OwnedReadHalf>) -> Result<Option<Command>, String> {
    let mut line = Vec::new();
    let mut bounded = input.take(MAX_REQUEST as u64);
    let read = bounded.read_until(b'\n', &mut line).await;
    read.map_err(|error| format!("the request can not be read: {error}"))?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.last() != Some(&b'\n') {
        return Err(format!(
            "a request is one line of at most {MAX_REQUEST} bytes"
        ));
    }
    match serde_json::from_slice(&line) {
        Ok(Request {
            version: VERSION,
            command,
        }) => Ok(Some(command)),
        Ok(Request { version, .. }) => Err(format!(
            "the node speaks version {VERSION} of the admin protocol and not {version}: \
             use the portcullis that came with it"
        )),
        Err(_) => Err("the request is not JSON with a known command and its fields".to_owned()),
    }
}

async fn write(output: &mut OwnedWriteHalf, answer: &Answer) -> io::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    if line.len() >= MAX_ANSWER {
        let problem = format!(
            "the answer has {} bytes, at most {MAX_ANSWER} are possible",
            line.len()
        );
        line = serde_json::to_vec(&Answer::refused(problem))?;
    }
    line.push(b'\n');
    output.write_all(&line).await
}
