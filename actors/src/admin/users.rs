//! Commands about accounts, on the store alone: a running node and a command without one use it.

use std::sync::Arc;
use std::time::SystemTime;

use portcullis_config::Config;
use storage::{Role, Store, StoreError};
use xmpp::jid::BareJid;
use xmpp::sasl::{PrepError, PreparedPassword};

use super::protocol::{Answer, Command, MarkedUser, PAGE, User};
use crate::marks::UserMarks;
use crate::password::{DeriveError, PasswordWorkers};
use crate::register::{AccountError, Farewell, Keeper};

/// Why an account was not changed.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// The address is none.
    #[error("{text:?} is not the address of a user: write one such as juliet@{host}")]
    Address {
        /// What was written.
        text: String,
        /// A host of this node.
        host: String,
    },
    /// Nobody lives there.
    #[error("{domain:?} is not a host of this node; hosts: {hosts}")]
    Host {
        /// What was written.
        domain: String,
        /// The hosts of this node.
        hosts: String,
    },
    /// The word is none.
    #[error(transparent)]
    Role(#[from] storage::UnknownRole),
    /// The password can not be used, or its keys not be derived now.
    #[error(transparent)]
    Password(DeriveError),
    /// The store refused.
    #[error(transparent)]
    Store(StoreError),
    /// The mark has no name that rules could use.
    #[error(
        "{0:?} is not the name of a mark: write a letter, then letters, digits and underscores, at most 64"
    )]
    Mark(String),
    /// Only a running node can do it.
    #[error("this takes a running node")]
    NotAboutUsers,
}

impl From<AccountError> for UserError {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::Store(error) => Self::Store(error),
            AccountError::Password(error) => Self::Password(error),
        }
    }
}

impl From<StoreError> for UserError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<PrepError> for UserError {
    fn from(error: PrepError) -> Self {
        Self::Password(DeriveError::Password(error))
    }
}

/// What a running node must know of a change that is stored already.
#[derive(Debug)]
pub enum Effect {
    /// Nothing.
    None,
    /// There is such an account now, or it has another role.
    Changed(BareJid),
    /// The account has another password.
    Password(BareJid),
    /// The user has a mark since that time; without one, no longer.
    Marked(BareJid, String, Option<SystemTime>),
    /// The account is gone; contacts and sessions are to be told.
    Deleted(Farewell),
}

/// The accounts of a node's hosts.
pub struct Users {
    store: Arc<dyn Store>,
    passwords: PasswordWorkers,
    hosts: Vec<String>,
    iterations: u32,
}

impl Users {
    /// The accounts in `store`, on the hosts of `config`; keys are derived by `passwords`.
    pub fn new(store: Arc<dyn Store>, passwords: PasswordWorkers, config: &Config) -> Self {
        Self {
            store,
            passwords,
            hosts: config.hosts.keys().map(ToString::to_string).collect(),
            iterations: config.authentication.scram_iterations,
        }
    }

    /// Does what is asked about accounts; what a running node must know of it comes beside the answer.
    ///
    /// # Errors
    /// Nothing was changed.
    pub async fn run(&self, command: Command) -> Result<(Answer, Effect), UserError> {
        let effect = match command {
            Command::UserAdd {
                jid,
                password,
                role,
            } => {
                let user = self.user(&jid)?;
                let role = role.as_deref().map_or(Ok(Role::Registered), str::parse)?;
                let password = PreparedPassword::new(&password.0)?;
                self.keeper().add(&user, password, role).await?;
                Effect::Changed(user)
            }
            Command::UserPasswd { jid, password } => {
                let user = self.user(&jid)?;
                let password = PreparedPassword::new(&password.0)?;
                self.keeper().replace_password(&user, password).await?;
                Effect::Password(user)
            }
            Command::UserDelete { jid } => {
                Effect::Deleted(self.keeper().remove(&self.user(&jid)?).await?)
            }
            Command::UserRole { jid, role } => {
                let (user, role) = (self.user(&jid)?, role.parse()?);
                self.store.set_role(&user, role).await?;
                Effect::Changed(user)
            }
            Command::UserList { host, after } => {
                return Ok((self.list(&host, after.as_deref()).await?, Effect::None));
            }
            Command::FirewallMark { jid, mark } => self.mark(&jid, mark, true).await?,
            Command::FirewallUnmark { jid, mark } => self.mark(&jid, mark, false).await?,
            Command::FirewallMarked { host, mark, after } => {
                let marked = self.marked(&host, &mark, after.as_deref()).await?;
                return Ok((marked, Effect::None));
            }
            _ => return Err(UserError::NotAboutUsers),
        };
        Ok((Answer::Done, effect))
    }

    fn keeper(&self) -> Keeper<'_> {
        Keeper {
            store: &*self.store,
            passwords: &self.passwords,
            iterations: self.iterations,
        }
    }

    async fn list(&self, host: &str, after: Option<&str>) -> Result<Answer, UserError> {
        let page = self.store.accounts(&self.host(host)?, after, PAGE).await?;
        let last = page.last().filter(|_| page.len() == PAGE);
        let next = last
            .and_then(|account| account.user.node())
            .map(ToString::to_string);
        let shown = |account: &storage::Account| User {
            jid: account.user.to_string(),
            role: account.role.to_string(),
            created_at: account.created_at,
        };
        Ok(Answer::Users {
            users: page.iter().map(shown).collect(),
            next,
        })
    }

    async fn mark(&self, jid: &str, name: String, is_on: bool) -> Result<Effect, UserError> {
        let user = self.user(jid)?;
        check_mark(&name)?;
        let now = is_on.then(SystemTime::now);
        // Both times the running node does it once more, in order with what its rules do.
        let stored = match now {
            Some(now) => UserMarks::default().mark(&*self.store, &user, &name, now),
            None => UserMarks::default().unmark(&*self.store, &user, &name),
        };
        stored.await?;
        Ok(Effect::Marked(user, name, now))
    }

    async fn marked(
        &self,
        host: &str,
        mark: &str,
        after: Option<&str>,
    ) -> Result<Answer, UserError> {
        check_mark(mark)?;
        let host = self.host(host)?;
        let page = self.store.marked(&host, mark, after, PAGE).await?;
        let last = page.last().filter(|_| page.len() == PAGE);
        let next = last.and_then(|marked| marked.user.node());
        let shown = |marked: &storage::MarkedUser| MarkedUser {
            jid: marked.user.to_string(),
            marked_at: marked.marked_at_ms.div_euclid(1000),
        };
        Ok(Answer::Marked {
            next: next.map(ToString::to_string),
            users: page.iter().map(shown).collect(),
        })
    }

    /// An address at one of the hosts.
    fn user(&self, text: &str) -> Result<BareJid, UserError> {
        let user = BareJid::new(text).ok().filter(|jid| jid.node().is_some());
        let user = user.ok_or_else(|| UserError::Address {
            text: text.to_owned(),
            host: self.hosts.first().cloned().unwrap_or_default(),
        })?;
        self.host(user.domain().as_str())?;
        Ok(user)
    }

    fn host(&self, domain: &str) -> Result<String, UserError> {
        let normal = BareJid::new(domain).ok().map(|jid| jid.to_string());
        let known = self
            .hosts
            .iter()
            .find(|host| Some(*host) == normal.as_ref());
        known.cloned().ok_or_else(|| UserError::Host {
            domain: domain.to_owned(),
            hosts: self.hosts.join(", "),
        })
    }
}

/// As scripts name marks, and not longer than anybody needs.
fn check_mark(name: &str) -> Result<(), UserError> {
    let is_good = name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name.len() <= 64;
    match is_good {
        true => Ok(()),
        false => Err(UserError::Mark(name.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use storage::{Credentials, MemoryStore, NewAccount};

    use super::super::protocol::Password;
    use super::*;

    fn users() -> Users {
        let set = vec!["authentication.scram_iterations=4096".to_owned()];
        let sources = portcullis_config::Sources {
            set,
            ..Default::default()
        };
        let config = portcullis_config::load(&sources).unwrap().config;
        let passwords = PasswordWorkers::start(1, 4).unwrap();
        Users::new(Arc::new(MemoryStore::new()), passwords, &config)
    }

    async fn ask(users: &Users, command: Command) -> Result<Answer, String> {
        let outcome = users.run(command).await;
        outcome
            .map(|(answer, _)| answer)
            .map_err(|error| error.to_string())
    }

    fn add(jid: &str, password: &str) -> Command {
        let password = Password(password.to_owned());
        Command::UserAdd {
            jid: jid.to_owned(),
            password,
            role: Some("member".to_owned()),
        }
    }

    fn role(jid: &str, role: &str) -> Command {
        Command::UserRole {
            jid: jid.to_owned(),
            role: role.to_owned(),
        }
    }

    fn list(host: &str, after: Option<String>) -> Command {
        Command::UserList {
            host: host.to_owned(),
            after,
        }
    }

    async fn listed(users: &Users, after: Option<String>) -> (Vec<String>, Option<String>) {
        match ask(users, list("LocalHost", after)).await.unwrap() {
            Answer::Users { users, next } => {
                let shown = users
                    .iter()
                    .map(|user| format!("{} {}", user.jid, user.role));
                (shown.collect(), next)
            }
            other => panic!("{other:?}"),
        }
    }

    #[actix_rt::test]
    async fn an_account_is_made_shown_changed_and_deleted() {
        let users = users();
        for jid in ["Juliet@LOCALHOST", "romeo@localhost"] {
            assert_eq!(ask(&users, add(jid, "secret")).await.unwrap(), Answer::Done);
        }
        ask(&users, role("juliet@localhost", "operator"))
            .await
            .unwrap();
        let (shown, next) = listed(&users, None).await;
        assert_eq!(
            shown,
            ["juliet@localhost operator", "romeo@localhost member"]
        );
        assert_eq!(next, None);
        let juliet = || "juliet@localhost".to_owned();
        let passwd = || Command::UserPasswd {
            jid: juliet(),
            password: Password("other".into()),
        };
        ask(&users, passwd()).await.unwrap();
        let (_, effect) = users
            .run(Command::UserDelete { jid: juliet() })
            .await
            .unwrap();
        assert!(matches!(effect, Effect::Deleted(_)));
        for gone in [
            passwd(),
            role("juliet@localhost", "guest"),
            Command::UserDelete { jid: juliet() },
        ] {
            let error = ask(&users, gone).await.unwrap_err();
            assert_eq!(error, "juliet@localhost: no such account");
        }
        assert_eq!(listed(&users, None).await.0, ["romeo@localhost member"]);
    }

    #[actix_rt::test]
    async fn lists_come_in_pages() {
        let users = users();
        for number in 0..PAGE + 2 {
            let user = BareJid::new(&format!("user{number:04}@localhost")).unwrap();
            let credentials = Credentials::default();
            let account = NewAccount {
                user,
                credentials,
                role: Role::Member,
                created_at: 0,
            };
            users.store.create_account(account).await.unwrap();
        }
        let (first, next) = listed(&users, None).await;
        assert_eq!((first.len(), next.as_deref()), (PAGE, Some("user0099")));
        let (second, next) = listed(&users, next).await;
        assert_eq!((second.len(), next), (2, None));
    }

    #[actix_rt::test]
    async fn users_are_marked_and_found_by_it() {
        let users = users();
        let mark = |jid: &str, is_on: bool, mark: &str| match (jid.to_owned(), mark.to_owned()) {
            (jid, mark) if is_on => Command::FirewallMark { jid, mark },
            (jid, mark) => Command::FirewallUnmark { jid, mark },
        };
        for jid in ["juliet@localhost", "romeo@localhost"] {
            ask(&users, add(jid, "secret")).await.unwrap();
            ask(&users, mark(jid, true, "seen")).await.unwrap();
        }
        ask(&users, mark("romeo@localhost", false, "seen"))
            .await
            .unwrap();
        let marked = Command::FirewallMarked {
            host: "localhost".into(),
            mark: "seen".into(),
            after: None,
        };
        match ask(&users, marked).await.unwrap() {
            Answer::Marked { users, next: None } => {
                assert_eq!(users.len(), 1);
                assert_eq!(users[0].jid, "juliet@localhost");
            }
            other => panic!("{other:?}"),
        }
        let refused = ask(&users, mark("juliet@localhost", true, "1x")).await;
        assert!(refused.unwrap_err().contains("a letter, then"));
        let refused = ask(&users, mark("nobody@localhost", true, "x")).await;
        assert_eq!(refused.unwrap_err(), "nobody@localhost: no such account");
    }

    #[actix_rt::test]
    async fn mistakes_say_what_to_write() {
        let users = users();
        let error = async |command| ask(&users, command).await.unwrap_err();
        assert_eq!(
            error(add("juliet", "x")).await,
            "\"juliet\" is not the address of a user: write one such as juliet@localhost"
        );
        assert_eq!(
            error(add("juliet@example.com", "x")).await,
            "\"example.com\" is not a host of this node; hosts: localhost"
        );
        assert_eq!(
            error(add("juliet@localhost", "")).await,
            "the password is empty"
        );
        ask(&users, add("juliet@localhost", "x")).await.unwrap();
        assert_eq!(
            error(add("juliet@localhost", "x")).await,
            "juliet@localhost: the account exists already"
        );
        assert!(
            error(role("juliet@localhost", "boss"))
                .await
                .contains("member")
        );
        assert!(error(list("x", None)).await.contains("localhost"));
        assert!(error(Command::Status).await.contains("running node"));
    }
}
