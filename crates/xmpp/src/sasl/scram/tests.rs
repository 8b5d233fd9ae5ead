use super::super::credentials::ScramCredentials;
use super::super::prep::PreparedPassword;
use super::*;

const NO_BINDING: Binding<'static> = Binding {
    is_plus: false,
    plus_was_offered: false,
    exporter: None,
};
const EXPORTER: [u8; 32] = [42; 32];
const PLUS: Binding<'static> = Binding {
    is_plus: true,
    plus_was_offered: true,
    exporter: Some(&EXPORTER),
};

struct Vector {
    hash: ScramHash,
    salt: &'static str,
    first: &'static str,
    server_nonce: &'static str,
    challenge: &'static str,
    last: &'static str,
    signature: &'static str,
}

const RFC_5802: Vector = Vector {
    hash: ScramHash::Sha1,
    salt: "QSXCR+Q6sek8bf92",
    first: "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
    server_nonce: "3rfcNHYJY1ZVvWVs7j",
    challenge: "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
    last: "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
    signature: "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
};

const RFC_7677: Vector = Vector {
    hash: ScramHash::Sha256,
    salt: "W22ZaJ0SNY7soEsUEjb6gQ==",
    first: "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
    server_nonce: "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
    challenge: "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
    last: "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
    signature: "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
};

impl Vector {
    fn pending(&self, is_known: bool) -> (String, Pending) {
        let password = PreparedPassword::new("pencil").unwrap();
        let keys = ScramCredentials::derive(
            self.hash,
            &password,
            &STANDARD.decode(self.salt).unwrap(),
            4096,
        );
        let first = ClientFirst::parse(self.first, NO_BINDING)
            .unwrap_or_else(|failure| panic!("{failure:?}"));
        first.challenge(self.hash, keys, is_known, self.server_nonce)
    }

    fn finish(&self, last: &str) -> Result<String, SaslCondition> {
        self.pending(true)
            .1
            .finish(last)
            .map_err(|failure| failure.condition)
    }
}

fn first_condition(message: &str, binding: Binding<'_>) -> Option<SaslCondition> {
    ClientFirst::parse(message, binding)
        .err()
        .map(|failure| failure.condition)
}

#[test]
fn examples_of_the_rfcs() {
    for vector in [RFC_5802, RFC_7677] {
        let (challenge, pending) = vector.pending(true);
        assert_eq!(challenge, vector.challenge);
        assert_eq!(pending.finish(vector.last).unwrap(), vector.signature);
    }
}

#[test]
fn the_right_proof_for_an_account_that_is_not_there_fails() {
    let failure = RFC_7677.pending(false).1.finish(RFC_7677.last).unwrap_err();
    assert_eq!(failure, SaslFailure::not_authorized());
}

#[test]
fn a_tampered_final_message_fails() {
    use SaslCondition::{MalformedRequest, NotAuthorized};
    let nonce = "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j";
    let proof = "p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=";
    let cases = [
        (
            format!("c=biws,{nonce},p=v0X8v3Bz2T0CJGbJQyF0X+HI4TA="),
            NotAuthorized,
        ),
        (format!("c=biws,{nonce},x=1,{proof}"), NotAuthorized),
        (format!("c=eSws,{nonce},{proof}"), NotAuthorized),
        (format!("c=biwsbiws,{nonce},{proof}"), NotAuthorized),
        (format!("c=,{nonce},{proof}"), NotAuthorized),
        (
            format!("c=biws,r=fyko+d2lbbFgONRv9qkxdawL,{proof}"),
            NotAuthorized,
        ),
        (format!("c=biws,r=x,{proof}"), NotAuthorized),
        (format!("c=!,{nonce},{proof}"), MalformedRequest),
        (format!("c=biws,{nonce},m=1,{proof}"), MalformedRequest),
        (format!("m=1,c=biws,{nonce},{proof}"), MalformedRequest),
        (format!("{nonce},c=biws,{proof}"), MalformedRequest),
        (format!("c=biws,{nonce}"), MalformedRequest),
        (format!("c=biws,{nonce},p="), MalformedRequest),
        (format!("c=biws,{nonce},p=AAAA"), MalformedRequest),
        (format!("c=biws,{nonce},{proof},{proof}"), MalformedRequest),
        (format!("c=biws,{nonce},{proof},x=1"), MalformedRequest),
        (String::new(), MalformedRequest),
    ];
    for (message, condition) in cases {
        assert_eq!(RFC_5802.finish(&message), Err(condition), "{message}");
    }
}

#[test]
fn extensions_and_broken_first_messages_are_refused() {
    let messages = [
        "n,,m=1,n=user,r=abc",
        "n,,n=user,r=abc,m=1",
        "n,,n=user,r=abc,r=abc",
        "n,,n=,r=abc",
        "n,,n=us=er,r=abc",
        "n,,r=abc,n=user",
        "n,,n=user",
        "n,,n=user,r=",
        "n,,n=user,r=a\u{7f}b",
        "n,,n=us\u{7}er,r=abc",
        "n,,n=\u{ad},r=abc",
        "n,a=,n=user,r=abc",
        "",
    ];
    for message in messages {
        assert_eq!(
            first_condition(message, NO_BINDING),
            Some(SaslCondition::MalformedRequest),
            "{message}"
        );
    }
    assert_eq!(
        first_condition(&format!("n,,n=user,r={}", "x".repeat(513)), NO_BINDING),
        Some(SaslCondition::MalformedRequest)
    );
    assert_eq!(first_condition("n,,n=user,r=abc,x=1", NO_BINDING), None);
}

#[test]
fn escaped_user_names_are_decoded_and_prepared() {
    let first = ClientFirst::parse("n,a=a=2Cb,n=a=2Cb=3D\u{ad},r=abc", NO_BINDING);
    let first = first.unwrap_or_else(|failure| panic!("{failure:?}"));
    assert_eq!(
        (first.username.as_str(), first.authzid.as_deref()),
        ("a,b=", Some("a,b"))
    );
}

#[test]
fn a_client_that_saw_no_offer_of_channel_binding_is_stopped() {
    let offered = Binding {
        is_plus: false,
        plus_was_offered: true,
        exporter: Some(&EXPORTER),
    };
    assert_eq!(
        first_condition("y,,n=user,r=abc", offered),
        Some(SaslCondition::NotAuthorized)
    );
    assert_eq!(first_condition("n,,n=user,r=abc", offered), None);
    assert_eq!(first_condition("y,,n=user,r=abc", NO_BINDING), None);
}

#[test]
fn binding_types_and_flags_must_fit_the_mechanism() {
    use SaslCondition::MalformedRequest;
    assert_eq!(first_condition("p=tls-exporter,,n=user,r=abc", PLUS), None);
    for message in [
        "p=tls-unique,,n=user,r=abc",
        "p=tls-server-end-point,,n=user,r=abc",
        "n,,n=user,r=abc",
        "y,,n=user,r=abc",
    ] {
        assert_eq!(
            first_condition(message, PLUS),
            Some(MalformedRequest),
            "{message}"
        );
    }
    assert_eq!(
        first_condition("p=tls-exporter,,n=user,r=abc", NO_BINDING),
        Some(MalformedRequest)
    );
    let no_exporter = Binding {
        exporter: None,
        ..PLUS
    };
    assert_eq!(
        first_condition("p=tls-exporter,,n=user,r=abc", no_exporter),
        Some(MalformedRequest)
    );
}
