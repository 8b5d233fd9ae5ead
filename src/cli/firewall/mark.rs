//! `portcullis firewall mark`, `unmark` and `marked`.

use actors::admin::protocol::{Answer, Command};
use anyhow::Result;
use clap::Args;
use portcullis_config::Config;

use crate::cli::user::{Accounts, EXIT_REFUSED};
use crate::cli::{print, refused};

/// Which user, which mark.
#[derive(Args)]
pub(in crate::cli) struct Mark {
    /// The user's address.
    user: String,
    /// The mark: a letter, then letters, digits and underscores.
    mark: String,
}

/// Whose marks are looked for.
#[derive(Args)]
pub(in crate::cli) struct Marked {
    /// The host whose users are looked at.
    host: String,
    /// The mark.
    mark: String,
}

pub(super) fn mark(config: &Config, Mark { user, mark }: Mark) -> Result<()> {
    let said = format!("{user}: marked {mark}");
    let command = Command::FirewallMark { jid: user, mark };
    Accounts::reach(config)?.change(command)?;
    print(&said)
}

pub(super) fn unmark(config: &Config, Mark { user, mark }: Mark) -> Result<()> {
    let said = format!("{user}: not marked {mark} any more");
    let command = Command::FirewallUnmark { jid: user, mark };
    Accounts::reach(config)?.change(command)?;
    print(&said)
}

/// One user a line, with the time of marking.
pub(super) fn marked(config: &Config, Marked { host, mark }: Marked) -> Result<()> {
    let mut accounts = Accounts::reach(config)?;
    let mut after = None;
    loop {
        let (host, mark) = (host.clone(), mark.clone());
        let command = Command::FirewallMarked { host, mark, after };
        let (users, next) = match accounts.ask(command)? {
            Answer::Marked { users, next } => (users, next),
            answer => return Err(refused(answer, EXIT_REFUSED)),
        };
        for user in &users {
            let at = jiff::Timestamp::from_second(user.marked_at).unwrap_or_default();
            print(&format!("{} {at}", user.jid))?;
        }
        if next.is_none() {
            return Ok(());
        }
        after = next;
    }
}
