//! `portcullis user`.

use std::io::BufRead;

use actors::admin::protocol::{Answer, Command, Password};
use anyhow::{Context, Result};
use clap::Subcommand;
use portcullis_config::{Config, Role};

use super::{print, refused};
use crate::control::{Client, ControlError};
use crate::offline::Offline;
use crate::prompt;

/// Exit status of a change that was refused.
pub(super) const EXIT_REFUSED: u8 = 1;

/// Passwords come from a prompt, or from the first line of standard input.
#[derive(Subcommand)]
pub(super) enum UserCommand {
    /// Make an account.
    Add {
        /// Its address, such as juliet@localhost.
        #[arg(required_unless_present = "batch")]
        user: Option<String>,
        /// Its role: guest, registered, member, admin or operator.
        #[arg(long, default_value_t = Role::Member)]
        role: Role,
        /// Make an account for every line `ADDRESS PASSWORD` of standard input.
        #[arg(long, conflicts_with = "user")]
        batch: bool,
    },
    /// Replace a password.
    Passwd {
        /// The account's address.
        user: String,
    },
    /// Delete an account and everything kept for it.
    Delete {
        /// The account's address.
        user: String,
    },
    /// Show every account with its role.
    List {
        /// Only the accounts of this host.
        host: Option<String>,
    },
    /// Give an account another role.
    Role {
        /// The account's address.
        user: String,
        /// guest, registered, member, admin or operator.
        role: Role,
    },
}

pub(super) fn run(config: &Config, command: UserCommand) -> Result<()> {
    // A password is asked for before anything is locked.
    let (command, said) = match command {
        UserCommand::Add {
            batch: true, role, ..
        } => {
            return Accounts::reach(config)?.add_batch(std::io::stdin().lock(), role);
        }
        UserCommand::List { host } => return Accounts::reach(config)?.list(config, host),
        UserCommand::Add { user, role, .. } => {
            let jid = user.unwrap_or_default();
            let password = Password(prompt::new_password(&jid)?);
            let said = format!("{jid}: added with the role {role}");
            (
                Command::UserAdd {
                    jid,
                    password,
                    role: Some(role.to_string()),
                },
                said,
            )
        }
        UserCommand::Passwd { user: jid } => {
            let password = Password(prompt::new_password(&jid)?);
            let said = format!("{jid}: password changed");
            (Command::UserPasswd { jid, password }, said)
        }
        UserCommand::Delete { user: jid } => {
            let said = format!("{jid}: deleted");
            (Command::UserDelete { jid }, said)
        }
        UserCommand::Role { user: jid, role } => {
            let said = format!("{jid}: has the role {role} now");
            (
                Command::UserRole {
                    jid,
                    role: role.to_string(),
                },
                said,
            )
        }
    };
    Accounts::reach(config)?.change(command)?;
    print(&said)
}

/// The accounts, by way of the running node or, without one, on the store itself.
pub(super) enum Accounts {
    Node(Client),
    Store(Offline),
}

impl Accounts {
    pub(super) fn reach(config: &Config) -> Result<Self> {
        match Client::connect(&config.node.admin_socket) {
            Ok(client) => Ok(Self::Node(client)),
            Err(ControlError::NotRunning(_)) => Ok(Self::Store(Offline::open(config)?)),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn ask(&mut self, command: Command) -> Result<Answer> {
        match self {
            Self::Node(client) => Ok(client.ask(command)?),
            Self::Store(offline) => Ok(offline.ask(command)),
        }
    }

    pub(super) fn change(&mut self, command: Command) -> Result<()> {
        match self.ask(command)? {
            Answer::Done => Ok(()),
            answer => Err(refused(answer, EXIT_REFUSED)),
        }
    }

    fn list(&mut self, config: &Config, host: Option<String>) -> Result<()> {
        let all = || config.hosts.keys().map(ToString::to_string).collect();
        for host in host.map_or_else(all, |host| vec![host]) {
            let mut after = None;
            loop {
                let command = Command::UserList {
                    host: host.clone(),
                    after,
                };
                let (users, next) = match self.ask(command)? {
                    Answer::Users { users, next } => (users, next),
                    answer => return Err(refused(answer, EXIT_REFUSED)),
                };
                users
                    .iter()
                    .try_for_each(|user| print(&format!("{} {}", user.jid, user.role)))?;
                if next.is_none() {
                    break;
                }
                after = next;
            }
        }
        Ok(())
    }

    /// One account a line; the first that fails ends it.
    fn add_batch(&mut self, input: impl BufRead, role: Role) -> Result<()> {
        for (position, line) in input.lines().enumerate() {
            let number = position + 1;
            let line =
                line.with_context(|| format!("line {number}: standard input can not be read"))?;
            if line.trim().is_empty() {
                continue;
            }
            let (jid, password) = line.split_once(' ').with_context(|| {
                format!("line {number}: expected an address, a space and a password")
            })?;
            let (jid, password) = (jid.to_owned(), Password(password.to_owned()));
            let role = Some(role.to_string());
            self.change(Command::UserAdd {
                jid,
                password,
                role,
            })
            .with_context(|| format!("line {number}, after which nothing was added"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use portcullis_config::Sources;

    use super::*;

    fn config(directory: &std::path::Path) -> Config {
        let set = vec![
            format!("node.data_directory={}", directory.display()),
            "authentication.scram_iterations=4096".to_owned(),
        ];
        portcullis_config::load(&Sources {
            set,
            ..Sources::default()
        })
        .unwrap()
        .config
    }

    #[test]
    fn a_batch_reaches_the_store_and_names_the_bad_line() {
        let directory = tempfile::tempdir().unwrap();
        let config = config(directory.path());
        let mut accounts = Accounts::reach(&config).unwrap();
        accounts
            .add_batch(
                "a@localhost pass word\n\nb@localhost x\n".as_bytes(),
                Role::Member,
            )
            .unwrap();
        drop(accounts);
        let mut accounts = Accounts::reach(&config).unwrap();
        let mut add = |input: &str| {
            let error = accounts
                .add_batch(input.as_bytes(), Role::Admin)
                .unwrap_err();
            format!("{error:#}")
        };
        assert_eq!(
            add("c@localhost x\na@localhost x\n"),
            "line 2, after which nothing was added: a@localhost: the account exists already"
        );
        assert_eq!(
            add("d@localhost"),
            "line 1: expected an address, a space and a password"
        );
    }

    #[test]
    fn a_store_in_use_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let held = actors::store::DirectoryLock::acquire(directory.path()).unwrap();
        let config = config(directory.path());
        let Err(error) = Accounts::reach(&config) else {
            panic!("the store was opened");
        };
        assert!(error.to_string().contains("does not answer"), "{error:#}");
        drop(held);
    }
}
