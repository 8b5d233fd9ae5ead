//! Every condition of the rules on a running node: each that holds leaves its number in the stanza.

use harness::{HOST, TestClient, Xml};

use crate::firewall::place_everyone;
use crate::firewall_actions::Scene;

const DEFINITIONS: &str = "%ZONE yard: alice@localhost, dave@localhost/den\n%LIST words: memory\n\
    %LIST people: memory\n%SEARCH body: body#\n%PATTERN word: %a+\n\
    %RATE few: 0.001 (burst 1000)\n%RATE each: 0.001 (burst 1000)\n\n\
    ::preroute\n\nKIND: message\nFROM: alice@localhost\nMARK ORIGIN=tagged\nMARK USER=known\n\
    ADD TO=words spam\nADD TO=people alice@localhost\n\n::deliver\n\n";

/// Which of the stanzas below a condition holds for.
const CONDITIONS: &[(&str, &str)] = &[
    ("KIND: message", "ABCDE"),
    ("KIND: presence, iq", ""),
    ("TYPE: chat", "ACDE"),
    ("TYPE: normal", "B"),
    ("PAYLOAD: t:payload", "A"),
    ("INSPECT: {t:payload}x@y", "A"),
    ("INSPECT: body#~=^a+$", "A"),
    ("FROM: alice@<*>/<<d.*>>", "ADE"),
    ("TO: bob@localhost", "AB"),
    ("FROM_EXACTLY: carol@localhost/tab", "B"),
    ("TO_EXACTLY: bob@localhost", "A"),
    ("TO SELF?", "E"),
    ("TO FULL JID?", "BD"),
    ("FROM FULL JID?", "ABCDE"),
    ("ENTERING: yard", "C"),
    ("LEAVING: yard", "A"),
    ("IN ROSTER?", "ACD"),
    ("IN ROSTER GROUP: Friends", "A"),
    ("IN ROSTER GROUP: staff", "D"),
    ("SUBSCRIBED?", "ACDE"),
    ("PENDING SUBSCRIPTION FROM SENDER?", "BE"),
    ("FROM GROUP: staff", "ADE"),
    ("TO GROUP: staff", "CDE"),
    ("CROSSING GROUPS: staff, sales", "ABC"),
    ("SENT DIRECTED PRESENCE TO SENDER?", "B"),
    ("MAY: test:admins", "ADE"),
    ("MAY: test:members", "ABCDE"),
    ("FROM ROLE: prosody:admin", "ADE"),
    ("TO ROLE: prosody:member", "ABD"),
    ("FROM ADMIN?", "ADE"),
    ("TO ADMIN?", "CE"),
    ("FROM ADMIN OF: localhost", "ADE"),
    ("FROM ADMIN OF: *", ""),
    ("TO ADMIN OF: localhost", "CE"),
    ("FROM IP: 127.0.0.1", "ABCDE"),
    ("FROM IP: 192.0.2.1", ""),
    ("FROM SUBNET: 127.0.0.0/8", "ABCDE"),
    ("FROM SUBNET: 2001:db8::/32", ""),
    ("FROM COUNTRY: SE", "ABCDE"),
    ("FROM COUNTRY: NOR", ""),
    ("TIME: 12am-12pm, 12pm-12am", "ABCDE"),
    ("DAY: Mon-Sun", "ABCDE"),
    ("LIMIT: few", "BCDE"),
    ("LIMIT: each on $<@from|bare>", "DE"),
    ("ORIGIN MARKED: tagged (3600s)", "ADE"),
    ("ORIGIN MARKED: known", ""),
    ("USER MARKED: known (3600s)", "ADE"),
    ("USER MARKED: known (0s)", ""),
    ("CHECK LIST: people contains $<@from|bare>", "ADE"),
    ("SCAN: body for word in words", "B"),
    ("COUNT: word in body >= 2", "B"),
];

fn script() -> String {
    let rule = |(number, (condition, _)): (usize, &(&str, &str))| {
        format!("KIND: message\n{condition}\nINJECT=<hit xmlns='t:hit' n='{number}'/>\n\n")
    };
    let rules: String = CONDITIONS.iter().enumerate().map(rule).collect();
    DEFINITIONS.to_owned() + &rules
}

/// Takes the message with this body and looks which conditions held for the stanza called `letter`.
async fn check(to: &mut TestClient, letter: char, body: &str) {
    let got = to
        .skip_to(&format!("<message><body>{body}</body></message>"))
        .await;
    let hits: Vec<&str> = got
        .children
        .iter()
        .filter(|child| child.ns == "t:hit")
        .filter_map(|hit: &Xml| hit.attr("n"))
        .collect();
    for (number, (condition, letters)) in CONDITIONS.iter().enumerate() {
        assert_eq!(
            hits.contains(&number.to_string().as_str()),
            letters.contains(letter),
            "{letter}: {condition}"
        );
    }
}

async fn scene() -> Scene {
    let files = tempfile::tempdir().unwrap().keep();
    let (groups, database) = (files.join("groups.txt"), files.join("a.mmdb"));
    let text = "[staff]\nalice@localhost\ndave@localhost\n[sales]\nbob@localhost\neve@localhost\n";
    std::fs::write(&groups, text).unwrap();
    place_everyone(&database, "SE");
    let toml = format!(
        "[firewall]\ngeoip_database = {database:?}\n[host.{HOST}]\ngroups_file = {groups:?}\n\
         admins = [\"alice@{HOST}\"]\n[host.{HOST}.permissions]\nmember = [\"test:members\"]\nadmin = [\"test:admins\"]\n"
    );
    let users = ["alice", "bob", "carol", "dave", "eve"];
    let scene = Scene::new(&script(), &toml, &users).await;
    std::fs::remove_dir_all(&files).unwrap();
    scene
}

#[tokio::test]
async fn each_condition_holds_for_the_right_stanzas() {
    let scene = scene().await;
    let node = &scene.node;
    let mut alice = node.online("alice/desk").await;
    let mut bob = node.online("bob/phone").await;
    let mut carol = node.online("carol/tab").await;
    let mut dave = node.online("dave/den").await;
    crate::subscription::befriend(&mut alice, &mut bob).await;
    let put = "<query xmlns='jabber:iq:roster'><item jid='alice@localhost'><group>Friends</group></item></query>";
    bob.request("set", None, put).await;
    carol
        .send("<presence type='subscribe' to='bob@localhost'/>")
        .await;
    bob.skip_to("<presence type='subscribe'/>").await;
    bob.send(&format!("<presence to='{}'/>", carol.jid)).await;
    carol
        .skip_to(&format!("<presence from='{}'/>", bob.jid))
        .await;

    alice
        .send("<message to='bob@localhost' type='chat'><body>aaa</body><x xmlns='t:payload' y='1'/></message>")
        .await;
    check(&mut bob, 'A', "aaa").await;
    carol
        .send(&format!(
            "<message to='{}'><body>spam, spam</body></message>",
            bob.jid
        ))
        .await;
    check(&mut bob, 'B', "spam, spam").await;
    bob.send("<message to='alice@localhost' type='chat'><body>c</body></message>")
        .await;
    check(&mut alice, 'C', "c").await;
    alice
        .send(&format!(
            "<message to='{}' type='chat'><body>d</body></message>",
            dave.jid
        ))
        .await;
    check(&mut dave, 'D', "d").await;
    alice
        .send("<message to='alice@localhost' type='chat'><body>e</body></message>")
        .await;
    check(&mut alice, 'E', "e").await;
}

/// What a client tells everybody passes `deliver` too, as from and to the user.
#[tokio::test]
async fn presence_for_everybody_passes_deliver_on_its_own_host() {
    let script = "::deliver\n\nKIND: presence\nTO SELF?\nINSPECT: status#=secret\nBOUNCE=not-acceptable\n\n\
                  KIND: presence\nTO SELF?\nINSPECT: status#=tidy\nSTRIP=status\n";
    let scene = Scene::new(script, "", &["alice", "bob"]).await;
    let mut alice = scene.node.online("alice/desk").await;
    let mut bob = scene.node.online("bob/phone").await;
    crate::subscription::befriend(&mut alice, &mut bob).await;
    alice
        .send("<presence id='p'><status>secret</status></presence>")
        .await;
    alice.expect("<presence type='error' id='p'/>").await;
    alice
        .send("<presence><status>tidy</status></presence>")
        .await;
    let seen = bob
        .expect(&format!("<presence from='{}' type='!'/>", alice.jid))
        .await;
    assert!(seen.child("status").is_none(), "{seen}");
}
