//! One order, from the account to the certificate (RFC 8555 §7.4).

mod error;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use actix_rt::task::spawn_blocking;
use instant_acme::{
    Account, AuthorizationStatus, Challenge, ChallengeType, Error, Identifier, NewAccount,
    NewOrder, Order, OrderStatus, RetryPolicy,
};
use portcullis_config::{AcmeChallenge, AcmeConfig};
use tokio::time::timeout;

use super::challenges::{Challenges, Shown};
use super::client::Client;
use super::kept::{Issued, Kept, KeptCertificate};
use crate::http_client::Trust;
use crate::tls::ordered::certificate_name;
use error::{OrderError, describe};

/// Time for a whole order.
const ORDER: Duration = Duration::from_secs(10 * 60);

/// How an authority that needs time is asked whether it is done; it may say itself when it wants to be asked again.
const POLL: RetryPolicy = RetryPolicy::new()
    .initial_delay(Duration::from_millis(250))
    .backoff(1.5)
    .timeout(Duration::from_secs(120));

/// By what orders are placed.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    pub(super) config: AcmeConfig,
    pub(super) kept: Kept,
}

/// Why an order was not fulfilled, and what that means for the next one.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) reason: String,
    /// Before then the authority does not want to be asked.
    pub(super) retry_after: Option<SystemTime>,
}

/// Orders a certificate for `host` and keeps it. `failures` of the host so far turn its challenges: after one the next is
/// tried.
pub(super) async fn obtain(
    terms: Arc<Terms>,
    host: String,
    failures: usize,
    challenges: Challenges,
) -> Result<KeptCertificate, Failure> {
    let ca_file = terms.config.ca_file.clone();
    let trust = blocking(move || Trust::new(ca_file.as_deref())).await;
    let trust = trust.map_err(|error| Failure {
        reason: error.to_string(),
        retry_after: None,
    })?;
    let desk = Desk {
        terms,
        client: Client::new(trust),
        challenges,
    };
    let placed = timeout(ORDER, desk.obtain(&host, failures)).await;
    placed
        .unwrap_or(Err(OrderError::Timeout))
        .map_err(|error| Failure {
            retry_after: desk.client.retry_after().or_else(|| error.retry_after()),
            reason: error.to_string(),
        })
}

/// What one order is placed with.
struct Desk {
    terms: Arc<Terms>,
    client: Client,
    challenges: Challenges,
}

impl Desk {
    async fn obtain(&self, host: &str, failures: usize) -> Result<KeptCertificate, OrderError> {
        let issued = match self.account().await? {
            Some(account) => match self.issue(&account, host, failures).await {
                Err(error) if error.is_unknown_account() => {
                    tracing::info!(
                        directory = self.terms.config.directory,
                        "the authority has forgotten the account"
                    );
                    let (kept, directory) = self.place();
                    blocking(move || kept.forget_account(&directory)).await?;
                    self.issue(&self.make_account().await?, host, failures)
                        .await
                }
                other => other,
            },
            None => {
                self.issue(&self.make_account().await?, host, failures)
                    .await
            }
        }?;
        let (kept, directory) = self.place();
        let host = host.to_owned();
        blocking(move || kept.keep_certificate(&host, &directory, &issued)).await
    }

    /// The account that was made before.
    async fn account(&self) -> Result<Option<Account>, OrderError> {
        let (kept, directory) = self.place();
        let Some(credentials) = blocking(move || kept.account(&directory)).await? else {
            return Ok(None);
        };
        let builder = Account::builder_with_http(Box::new(self.client.clone()));
        Ok(Some(builder.from_credentials(credentials).await?))
    }

    async fn make_account(&self) -> Result<Account, OrderError> {
        let config = &self.terms.config;
        let contact = config
            .contact
            .iter()
            .map(|address| format!("mailto:{address}"));
        let contact: Vec<_> = contact.collect();
        let contact: Vec<_> = contact.iter().map(String::as_str).collect();
        let wanted = NewAccount {
            contact: &contact,
            // The configuration is refused without.
            terms_of_service_agreed: true,
            only_return_existing: false,
        };
        let builder = Account::builder_with_http(Box::new(self.client.clone()));
        let made = builder.create(&wanted, config.directory.clone(), None);
        let (account, credentials) = made.await?;
        let (kept, directory) = self.place();
        blocking(move || kept.keep_account(&directory, credentials)).await?;
        tracing::info!(account = account.id(), "account made at the authority");
        Ok(account)
    }

    async fn issue(
        &self,
        account: &Account,
        host: &str,
        failures: usize,
    ) -> Result<Issued, OrderError> {
        let identifiers = [Identifier::Dns(certificate_name(host))];
        let mut order = account.new_order(&NewOrder::new(&identifiers)).await?;
        let (proof, _shown) = self.prove(&mut order, host, failures).await?;
        match order.poll_ready(&POLL).await {
            Ok(OrderStatus::Ready) => {}
            Ok(status) => return Err(refusal(&mut order, proof, format!("{status:?}")).await),
            Err(Error::Api(problem)) => {
                return Err(refusal(&mut order, proof, describe(&problem)).await);
            }
            Err(error) => return Err(error.into()),
        }
        let key = order.finalize().await?;
        let chain = order.poll_certificate(&POLL).await?;
        Ok(Issued { chain, key })
    }

    /// Shows what the authority wants to see, and tells it to look. The proofs are shown for as long as the answer
    /// lives.
    async fn prove(
        &self,
        order: &mut Order,
        host: &str,
        failures: usize,
    ) -> Result<(Option<AcmeChallenge>, Vec<Shown>), OrderError> {
        let (mut used, mut shown) = (None, Vec::new());
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization?;
            match authorization.status {
                AuthorizationStatus::Valid => continue,
                AuthorizationStatus::Pending => {}
                other => return Err(OrderError::State(format!("{other:?}").to_lowercase())),
            }
            let wanted = &self.terms.config.challenges;
            let chosen = choose(wanted, &authorization.challenges, failures);
            let none = || OrderError::NoChallenge(words(wanted));
            let chosen = chosen.ok_or_else(none)?;
            let mut challenge = authorization.challenge(kind(chosen)).ok_or_else(none)?;
            let answer = challenge.key_authorization();
            shown.push(match chosen {
                AcmeChallenge::TlsAlpn01 => self
                    .challenges
                    .show_certificate(&certificate_name(host), answer.as_str())?,
                AcmeChallenge::Http01 => self
                    .challenges
                    .show_page(&challenge.token, answer.as_str())?,
            });
            used = Some(chosen);
            challenge.set_ready().await?;
        }
        Ok((used, shown))
    }

    fn place(&self) -> (Kept, String) {
        (self.terms.kept.clone(), self.terms.config.directory.clone())
    }
}

/// Runs what reads or writes files.
async fn blocking<T, E>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, OrderError>
where
    T: Send + 'static,
    E: Into<OrderError> + Send + 'static,
{
    match spawn_blocking(work).await {
        Ok(done) => done.map_err(Into::into),
        Err(error) => Err(OrderError::Local(error.to_string())),
    }
}

/// The first challenge that is offered, or after failures one of the next.
fn choose(
    wanted: &[AcmeChallenge],
    offered: &[Challenge],
    failures: usize,
) -> Option<AcmeChallenge> {
    let is_offered =
        |wanted: &&AcmeChallenge| offered.iter().any(|one| one.r#type == kind(**wanted));
    let usable: Vec<_> = wanted.iter().filter(is_offered).copied().collect();
    usable.get(failures.checked_rem(usable.len())?).copied()
}

fn kind(challenge: AcmeChallenge) -> ChallengeType {
    match challenge {
        AcmeChallenge::TlsAlpn01 => ChallengeType::TlsAlpn01,
        AcmeChallenge::Http01 => ChallengeType::Http01,
    }
}

fn words(challenges: &[AcmeChallenge]) -> String {
    let words: Vec<_> = challenges
        .iter()
        .map(|challenge| challenge.word())
        .collect();
    words.join(", ")
}

/// Why an order did not become ready: what the authority says of the challenge, else of the order.
async fn refusal(order: &mut Order, proof: Option<AcmeChallenge>, of_order: String) -> OrderError {
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        let Ok(state) = authorization.refresh().await else {
            continue;
        };
        let Some(proof) = proof else { continue };
        let mut tried = state.challenges.iter();
        let tried = tried.find(|one| one.r#type == kind(proof));
        if let Some(problem) = tried.and_then(|one| one.error.as_ref()) {
            return OrderError::Proof(proof.word(), describe(problem));
        }
    }
    OrderError::State(of_order)
}
