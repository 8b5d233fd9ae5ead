//! SCRAM exchanges that someone meddled with (RFC 5802 §5.1, §6; RFC 9266): all must fail, and say no more than that.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use harness::{Challenge, HOST, Hash, SaslReply, Scram, TestClient, TestNode, password_of};

/// Runs an exchange whose last message `tamper` may change.
async fn exchange(
    client: &mut TestClient,
    scram: &Scram,
    tamper: impl Fn(&Scram, &Challenge) -> String,
) -> SaslReply {
    let plus = if scram.gs2.starts_with("p=") {
        "-PLUS"
    } else {
        ""
    };
    let first = client
        .sasl_start(&format!("SCRAM-SHA-256{plus}"), scram.first().as_bytes())
        .await;
    let SaslReply::Challenge(text) = first else {
        return first;
    };
    let last = tamper(scram, &Challenge::parse(&text));
    client.sasl_respond(last.as_bytes()).await
}

fn honest(scram: &Scram, challenge: &Challenge) -> String {
    scram.last(challenge, &password_of("alice")).0
}

fn is_refused(reply: &SaslReply) -> bool {
    matches!(reply, SaslReply::Failure(condition) if condition == "not-authorized" || condition == "malformed-request")
}

#[tokio::test]
async fn c_must_repeat_the_header() {
    let node = TestNode::with_users("", &["alice"]).await;
    for c in ["eSws", "biws YQ==", "", "cD10bHMtZXhwb3J0ZXIsLA=="] {
        let mut client = node.secured().await;
        let reply = exchange(
            &mut client,
            &Scram::new(Hash::Sha256, "alice"),
            |scram, challenge| scram.last_with(challenge, &password_of("alice"), c).0,
        )
        .await;
        assert!(is_refused(&reply), "c={c}: {reply:?}");
    }
}

#[tokio::test]
async fn the_binding_must_be_that_of_this_connection() {
    let node = TestNode::with_users("", &["alice"]).await;
    let mut client = node.secured().await;
    let other = node.secured().await.tls.unwrap().exporter;
    let reply = exchange(
        &mut client,
        &Scram::bound(Hash::Sha256, "alice", other),
        honest,
    )
    .await;
    assert_eq!(reply.failure(), "not-authorized");
}

/// RFC 5802 §6: a client that could bind and says the server does not offer it has been lied to.
#[tokio::test]
async fn a_stripped_plus_is_noticed() {
    let node = TestNode::with_users("", &["alice"]).await;
    let mut client = node.secured().await;
    let scram = Scram {
        gs2: "y,,".into(),
        ..Scram::new(Hash::Sha256, "alice")
    };
    assert!(is_refused(&exchange(&mut client, &scram, honest).await));
}

#[tokio::test]
async fn the_flag_must_suit_the_mechanism() {
    let node = TestNode::with_users("", &["alice"]).await;
    let mut client = node.secured().await;
    let scram = Scram::new(Hash::Sha256, "alice");
    let reply = client
        .sasl_start("SCRAM-SHA-256-PLUS", scram.first().as_bytes())
        .await;
    assert!(is_refused(&reply), "{reply:?}");
    let exporter = client.tls.as_ref().unwrap().exporter;
    let bound = Scram::bound(Hash::Sha256, "alice", exporter);
    let reply = client
        .sasl_start("SCRAM-SHA-256", bound.first().as_bytes())
        .await;
    assert!(is_refused(&reply), "{reply:?}");
    let unknown = Scram {
        gs2: "p=tls-nonsense,,".into(),
        ..bound
    };
    let reply = client
        .sasl_start("SCRAM-SHA-256-PLUS", unknown.first().as_bytes())
        .await;
    assert!(is_refused(&reply), "{reply:?}");
}

/// RFC 5802 §5.1: a mandatory extension that we do not know must end the exchange.
#[tokio::test]
async fn a_mandatory_extension_is_refused() {
    let node = TestNode::with_users("", &["alice"]).await;
    let mut client = node.secured().await;
    let scram = Scram {
        before_user: "m=x,".into(),
        ..Scram::new(Hash::Sha256, "alice")
    };
    assert!(is_refused(&exchange(&mut client, &scram, honest).await));
}

#[tokio::test]
async fn nobody_acts_for_somebody_else() {
    let node = TestNode::with_users("", &["alice", "bob"]).await;
    for authzid in [
        format!("bob@{HOST}"),
        "bob".into(),
        format!("alice@other.{HOST}"),
    ] {
        let mut client = node.secured().await;
        let scram = Scram {
            gs2: format!("n,a={authzid},"),
            ..Scram::new(Hash::Sha256, "alice")
        };
        let reply = exchange(&mut client, &scram, honest).await;
        let condition = reply.failure();
        assert!(
            ["invalid-authzid", "not-authorized"].contains(&condition.as_str()),
            "{authzid}: {condition}"
        );
    }
}

#[tokio::test]
async fn ones_own_address_is_a_fine_authorization_identity() {
    let node = TestNode::with_users("", &["alice"]).await;
    let mut client = node.secured().await;
    let scram = Scram {
        gs2: format!("n,a=alice@{HOST},"),
        ..Scram::new(Hash::Sha256, "alice")
    };
    let reply = exchange(&mut client, &scram, honest).await;
    assert!(matches!(reply, SaslReply::Success(_)), "{reply:?}");
}

#[tokio::test]
async fn nonce_and_proof_must_be_right() {
    let node = TestNode::with_users("", &["alice"]).await;
    type Tamper = fn(&str) -> String;
    let cases: [(&str, Tamper); 5] = [
        ("nonce cut", |last| last.replacen("r=", "r=x", 1)),
        ("no proof", |last| {
            last.split(",p=").next().unwrap().to_owned()
        }),
        ("proof of zeros", |last| {
            format!(
                "{},p={}",
                last.split(",p=").next().unwrap(),
                STANDARD.encode([0u8; 32])
            )
        }),
        ("short proof", |last| {
            format!("{},p=AAAA", last.split(",p=").next().unwrap())
        }),
        ("empty", |_| String::new()),
    ];
    for (name, tamper) in cases {
        let mut client = node.secured().await;
        let scram = Scram::new(Hash::Sha256, "alice");
        let reply = exchange(&mut client, &scram, |scram, challenge| {
            tamper(&honest(scram, challenge))
        })
        .await;
        assert!(is_refused(&reply), "{name}: {reply:?}");
    }
}

#[tokio::test]
async fn garbage_in_the_first_message_is_refused() {
    let node = TestNode::with_users("", &["alice"]).await;
    let long = format!("n,,n={},r=abc", "a".repeat(5000));
    for first in [
        "n,,",
        "n,,n=alice",
        "n,,r=abc",
        "n,,n=,r=abc",
        "x,,n=alice,r=abc",
        "n,,n=al=XXice,r=abc",
        "\u{0}",
        &long,
    ] {
        let mut client = node.secured().await;
        let reply = client.sasl_start("SCRAM-SHA-256", first.as_bytes()).await;
        assert!(is_refused(&reply), "{first:?}: {reply:?}");
    }
}
