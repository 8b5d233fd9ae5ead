use jid::DomainPart;
use proptest::prelude::{Just, Strategy, any, prop, prop_oneof};
use proptest::proptest;

use super::super::client::ScramClient;
use super::*;

const EXPORTER: [u8; 32] = [9; 32];
const ROUNDS: u32 = 5;

fn fixed(buffer: &mut [u8]) -> bool {
    buffer.fill(1);
    true
}

struct Server {
    host: DomainPart,
    offered: MechanismSet,
    exporter: Option<[u8; 32]>,
    secret: ServerSecret,
    random: fn(&mut [u8]) -> bool,
}

impl Server {
    fn new() -> Self {
        Self {
            host: DomainPart::new("example.com").unwrap().into_owned(),
            offered: MechanismSet::all(),
            exporter: Some(EXPORTER),
            secret: ServerSecret::new([3; 32]),
            random: fixed,
        }
    }

    fn context(&self) -> SaslContext<'_> {
        SaslContext {
            host: &self.host,
            offered: self.offered,
            exporter: self.exporter.as_ref(),
            secret: &self.secret,
            iterations: ROUNDS,
            random: self.random,
        }
    }

    fn start(&self, mechanism: Mechanism, initial: &str) -> (Exchange, Step) {
        Exchange::start(&self.context(), mechanism, Some(initial.as_bytes()))
    }
}

fn password(text: &str) -> PreparedPassword {
    PreparedPassword::new(text).unwrap()
}

fn juliet(is_disabled: bool) -> CredentialsAnswer {
    let credentials = AccountCredentials::derive_with(
        &password("r0m30"),
        b"0123456789abcdef",
        b"fedcba9876543210",
        ROUNDS,
    );
    CredentialsAnswer::Known {
        credentials,
        is_disabled,
    }
}

fn condition(step: Step) -> SaslCondition {
    match step {
        Step::Failure(failure) => failure.condition,
        step => panic!("expected a failure, got {step:?}"),
    }
}

fn lookup(step: Step) -> String {
    match step {
        Step::Lookup(user) => user.to_string(),
        step => panic!("expected a lookup, got {step:?}"),
    }
}

fn challenge(step: Step) -> String {
    match step {
        Step::Challenge(text) => text,
        step => panic!("expected a challenge, got {step:?}"),
    }
}

/// A whole SCRAM exchange; the challenge and the last step.
fn scram(
    mechanism: Mechanism,
    name: &str,
    secret: &str,
    answer: CredentialsAnswer,
) -> (String, Step) {
    let server = Server::new();
    let binding = mechanism.is_plus().then_some(EXPORTER);
    let mut client = ScramClient::new(
        mechanism.hash().unwrap(),
        name,
        password(secret),
        "abc",
        binding,
    );
    let (mut exchange, step) = server.start(mechanism, &client.first());
    lookup(step);
    let message = challenge(exchange.credentials(&server.context(), answer));
    let last = client.answer(&message).unwrap();
    let step = exchange.response(&server.context(), last.as_bytes());
    if let Step::Success(authenticated) = &step {
        client.verify(authenticated.data().unwrap()).unwrap();
    }
    (message, step)
}

#[test]
fn every_scram_mechanism_logs_in() {
    for mechanism in MechanismSet::all().without(Mechanism::Plain).iter() {
        let Step::Success(authenticated) = scram(mechanism, "Juliet", "r0m30", juliet(false)).1
        else {
            panic!("{mechanism:?}")
        };
        assert_eq!(authenticated.user().to_string(), "juliet@example.com");
        assert_eq!(authenticated.mechanism(), mechanism);
    }
}

#[test]
fn an_unknown_user_looks_like_a_wrong_password() {
    for mechanism in MechanismSet::all().without(Mechanism::Plain).iter() {
        let (known, wrong) = scram(mechanism, "juliet", "wrong", juliet(false));
        let (unknown, nobody) = scram(mechanism, "nobody", "wrong", CredentialsAnswer::Unknown);
        assert_eq!(known.len(), unknown.len());
        assert_eq!(
            known.rsplit_once(",i=").unwrap().1,
            unknown.rsplit_once(",i=").unwrap().1
        );
        let (again, _) = scram(mechanism, "nobody", "other", CredentialsAnswer::Unknown);
        assert_eq!(
            unknown, again,
            "the salt of an unknown user does not change"
        );
        let (Step::Failure(wrong), Step::Failure(nobody)) = (wrong, nobody) else {
            panic!("both fail")
        };
        assert_eq!(wrong, nobody);
        assert_eq!(wrong.condition, SaslCondition::NotAuthorized);
    }
}

#[test]
fn plain_costs_one_derivation_for_known_and_unknown_users() {
    let server = Server::new();
    let run = |message: &str, answer| {
        let (mut exchange, step) = server.start(Mechanism::Plain, message);
        lookup(step);
        let Step::Check(check) = exchange.credentials(&server.context(), answer) else {
            panic!("a check is due")
        };
        let verdict = check.run();
        (verdict.derivations(), exchange.password_checked(verdict))
    };
    let (known, right) = run("\0juliet\0r0m30", juliet(false));
    let (known_wrong, wrong) = run("\0juliet\0wrong", juliet(false));
    let (unknown, nobody) = run("\0nobody\0r0m30", CredentialsAnswer::Unknown);
    assert_eq!([known, known_wrong, unknown], [1, 1, 1]);
    assert!(matches!(right, Step::Success(_)));
    let (Step::Failure(wrong), Step::Failure(nobody)) = (wrong, nobody) else {
        panic!("both fail")
    };
    assert_eq!(wrong, nobody);
}

#[test]
fn a_disabled_account_shows_itself_to_its_owner_only() {
    let mechanism = Mechanism::ScramSha256;
    assert_eq!(
        condition(scram(mechanism, "juliet", "r0m30", juliet(true)).1),
        SaslCondition::AccountDisabled
    );
    assert_eq!(
        condition(scram(mechanism, "juliet", "wrong", juliet(true)).1),
        SaslCondition::NotAuthorized
    );
}

#[test]
fn the_authorization_identity_must_be_the_users_own() {
    let server = Server::new();
    for own in [
        "n,a=juliet@example.com,n=juliet,r=x",
        "n,a=Juliet@EXAMPLE.com,n=juliet,r=x",
    ] {
        assert_eq!(
            lookup(server.start(Mechanism::ScramSha1, own).1),
            "juliet@example.com"
        );
    }
    for other in [
        "romeo@example.com",
        "juliet@example.net",
        "juliet@example.com/balcony",
        "juliet",
        "@@",
    ] {
        let step = server
            .start(Mechanism::ScramSha1, &format!("n,a={other},n=juliet,r=x"))
            .1;
        assert_eq!(condition(step), SaslCondition::InvalidAuthzid, "{other}");
        let step = server
            .start(Mechanism::Plain, &format!("{other}\0juliet\0r0m30"))
            .1;
        assert_eq!(condition(step), SaslCondition::InvalidAuthzid, "{other}");
    }
}

#[test]
fn names_that_can_not_be_accounts_are_refused_at_once() {
    let server = Server::new();
    for name in ["a@b", "a/b", "a b", "<a>"] {
        assert_eq!(
            condition(
                server
                    .start(Mechanism::ScramSha1, &format!("n,,n={name},r=x"))
                    .1
            ),
            SaslCondition::NotAuthorized
        );
    }
}

#[test]
fn a_mechanism_outside_the_offer_is_refused() {
    let mut server = Server::new();
    server.offered = MechanismSet::all().usable(false, false);
    assert_eq!(
        condition(server.start(Mechanism::Plain, "\0juliet\0r0m30").1),
        SaslCondition::InvalidMechanism
    );
}

#[test]
fn a_missing_initial_response_is_asked_for() {
    let server = Server::new();
    let (mut exchange, step) = Exchange::start(&server.context(), Mechanism::Plain, None);
    assert_eq!(challenge(step), "");
    assert_eq!(
        lookup(exchange.response(&server.context(), b"\0juliet\0r0m30")),
        "juliet@example.com"
    );
}

#[test]
fn long_and_undecodable_messages_are_refused() {
    let server = Server::new();
    let long = vec![b'a'; MAX_MESSAGE_BYTES + 1];
    for message in [long.as_slice(), b"n,,n=\xff,r=x"] {
        let step = Exchange::start(&server.context(), Mechanism::ScramSha1, Some(message)).1;
        assert_eq!(condition(step), SaslCondition::MalformedRequest);
    }
}

#[test]
fn a_store_worker_or_generator_that_fails_is_a_temporary_failure() {
    let mut server = Server::new();
    let (mut exchange, _) = server.start(Mechanism::Plain, "\0juliet\0r0m30");
    assert_eq!(
        condition(exchange.credentials(&server.context(), CredentialsAnswer::Unavailable)),
        SaslCondition::TemporaryAuthFailure
    );
    let (mut exchange, _) = server.start(Mechanism::Plain, "\0juliet\0r0m30");
    drop(exchange.credentials(&server.context(), juliet(false)));
    assert_eq!(
        condition(exchange.password_checked(PasswordVerdict::unavailable())),
        SaslCondition::TemporaryAuthFailure
    );
    server.random = |_| false;
    let (mut exchange, _) = server.start(Mechanism::ScramSha1, "n,,n=juliet,r=x");
    assert_eq!(
        condition(exchange.credentials(&server.context(), juliet(false))),
        SaslCondition::TemporaryAuthFailure
    );
}

#[test]
fn answers_out_of_turn_fail() {
    let server = Server::new();
    let right = || {
        PasswordCheck::against(
            "r0m30",
            Some(&AccountCredentials::derive_with(
                &password("r0m30"),
                b"a",
                b"b",
                1,
            )),
            "juliet",
            &server.secret,
            1,
        )
        .unwrap()
        .run()
    };
    assert!(right().is_right());
    let (mut exchange, _) = server.start(Mechanism::ScramSha1, "n,,n=juliet,r=x");
    assert_eq!(
        condition(exchange.password_checked(right())),
        SaslCondition::MalformedRequest
    );
    let (mut exchange, _) = server.start(Mechanism::ScramSha1, "n,,n=juliet,r=x");
    assert_eq!(
        condition(exchange.response(&server.context(), b"c=biws")),
        SaslCondition::MalformedRequest
    );
    assert_eq!(
        condition(exchange.credentials(&server.context(), juliet(false))),
        SaslCondition::MalformedRequest
    );
}

fn hostile_message() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("n,,".to_owned()),
        Just("y,,".to_owned()),
        Just("p=tls-exporter,,".to_owned()),
        Just("n=juliet".to_owned()),
        Just(",r=abc".to_owned()),
        Just(",r=abcAQEBAQEBAQEBAQEBAQEBAQEB".to_owned()),
        Just("c=biws".to_owned()),
        Just(",p=AAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_owned()),
        Just(",m=1".to_owned()),
        Just("\0".to_owned()),
        ".{0,4}",
    ];
    prop::collection::vec(piece, 0..7).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_sequence_of_messages_logs_in_without_the_password(
        mechanism in prop::sample::select(Mechanism::ALL.to_vec()),
        messages in prop::collection::vec(hostile_message(), 1..5),
        knows in any::<bool>(),
    ) {
        let server = Server::new();
        let (mut exchange, mut step) = server.start(mechanism, &messages[0]);
        for message in &messages[1..] {
            step = match step {
                Step::Lookup(_) if knows => exchange.credentials(&server.context(), juliet(false)),
                Step::Lookup(_) => exchange.credentials(&server.context(), CredentialsAnswer::Unknown),
                Step::Check(check) => exchange.password_checked(check.run()),
                Step::Challenge(_) | Step::Failure(_) => exchange.response(&server.context(), message.as_bytes()),
                Step::Success(_) => panic!("logged in by chance"),
            };
        }
        assert!(!matches!(step, Step::Success(_)));
    }
}
