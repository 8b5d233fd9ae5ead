//! How a run that goes on beside others is told what to do: lines on standard input, answers on standard output.

use std::io::{BufRead, Write};

use anyhow::Result;
use serde::Serialize;
use serde_json::json;
use tokio::sync::mpsc::{Receiver, channel};

/// What comes on standard input.
pub struct Orders(Receiver<()>);

impl Orders {
    /// Tells that the run stands, and listens.
    ///
    /// # Errors
    /// Standard output is closed.
    pub fn ready(sessions: usize) -> Result<Self> {
        say(&json!({ "ready": sessions }))?;
        let (sender, orders) = channel(1);
        // A read of standard input can not be called off, so it has a thread that ends with the process.
        std::thread::spawn(move || {
            let lines = std::io::stdin().lock().lines();
            for _line in lines.map_while(Result::ok) {
                if sender.blocking_send(()).is_err() {
                    return;
                }
            }
        });
        Ok(Self(orders))
    }

    /// Waits for the next line; false at the end.
    pub async fn next(&mut self) -> bool {
        self.0.recv().await.is_some()
    }
}

/// One line of JSON on standard output.
///
/// # Errors
/// It is closed.
pub fn say(report: &impl Serialize) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", serde_json::to_string(report)?)?;
    Ok(out.flush()?)
}
