use proptest::prelude::*;

use super::State::{
    Both, From, FromPendingOut, None, NonePendingIn, NonePendingOut, NonePendingOutIn, To,
    ToPendingIn,
};
use super::SubscriptionKind::{Subscribe, Subscribed, Unsubscribe, Unsubscribed};
use super::*;

/// A column of Appendix A: routed or delivered, and the state afterwards, for each state in the order of the RFC.
type Table = [(bool, State); 9];

const OUTBOUND: [(SubscriptionKind, Table); 4] = [
    // A.2.1
    (
        Subscribe,
        [
            (true, NonePendingOut),
            (true, NonePendingOut),
            (true, NonePendingOutIn),
            (true, NonePendingOutIn),
            (true, To),
            (true, ToPendingIn),
            (true, FromPendingOut),
            (true, FromPendingOut),
            (true, Both),
        ],
    ),
    // A.2.2
    (
        Unsubscribe,
        [
            (true, None),
            (true, None),
            (true, NonePendingIn),
            (true, NonePendingIn),
            (true, None),
            (true, NonePendingIn),
            (true, From),
            (true, From),
            (true, From),
        ],
    ),
    // A.2.3
    (
        Subscribed,
        [
            (false, None),
            (false, NonePendingOut),
            (true, From),
            (true, FromPendingOut),
            (false, To),
            (true, Both),
            (false, From),
            (false, FromPendingOut),
            (false, Both),
        ],
    ),
    // A.2.4
    (
        Unsubscribed,
        [
            (false, None),
            (false, NonePendingOut),
            (true, None),
            (true, NonePendingOut),
            (false, To),
            (true, To),
            (true, None),
            (true, NonePendingOut),
            (true, To),
        ],
    ),
];

const INBOUND: [(SubscriptionKind, Table); 4] = [
    // A.3.1
    (
        Subscribe,
        [
            (true, NonePendingIn),
            (true, NonePendingOutIn),
            (false, NonePendingIn),
            (false, NonePendingOutIn),
            (true, ToPendingIn),
            (false, ToPendingIn),
            (false, From),
            (false, FromPendingOut),
            (false, Both),
        ],
    ),
    // A.3.2
    (
        Unsubscribe,
        [
            (false, None),
            (false, NonePendingOut),
            (true, None),
            (true, NonePendingOut),
            (false, To),
            (true, To),
            (true, None),
            (true, NonePendingOut),
            (true, To),
        ],
    ),
    // A.3.3
    (
        Subscribed,
        [
            (false, None),
            (true, To),
            (false, NonePendingIn),
            (true, ToPendingIn),
            (false, To),
            (false, ToPendingIn),
            (false, From),
            (true, Both),
            (false, Both),
        ],
    ),
    // A.3.4
    (
        Unsubscribed,
        [
            (false, None),
            (true, None),
            (false, NonePendingIn),
            (true, NonePendingIn),
            (true, None),
            (true, NonePendingIn),
            (false, From),
            (true, From),
            (true, From),
        ],
    ),
];

fn contact() -> BareJid {
    BareJid::new("romeo@example.net").unwrap()
}

/// The item and request that make `state`.
fn stored(state: State) -> (RosterItem, bool) {
    let mut item = RosterItem::new(contact());
    item.subscription = state.subscription();
    item.ask = state.is_pending_out();
    (item, state.is_pending_in())
}

fn is_delivered(step: &Step) -> bool {
    step.effects
        .iter()
        .any(|effect| matches!(effect, Effect::Deliver(_)))
}

#[test]
fn state_is_made_of_item_and_request() {
    for state in State::ALL {
        let (item, pending_in) = stored(state);
        assert_eq!(State::of(Some(&item), pending_in), state);
    }
    assert_eq!(State::of(Option::None, true), NonePendingIn);
}

#[test]
fn outbound_follows_appendix_a2() {
    for (kind, table) in OUTBOUND {
        for (before, (routed, after)) in State::ALL.into_iter().zip(table) {
            let (item, pending_in) = stored(before);
            let step = outbound(kind, &contact(), Some(&item), pending_in);
            assert_eq!(step.state, after, "{kind:?} in {before:?}");
            assert_eq!(
                step.effects.contains(&Effect::Route),
                routed,
                "{kind:?} in {before:?}"
            );
            assert!(!is_delivered(&step));
        }
    }
}

#[test]
fn inbound_follows_appendix_a3() {
    for (kind, table) in INBOUND {
        for (before, (delivered, after)) in State::ALL.into_iter().zip(table) {
            let (item, pending_in) = stored(before);
            let step = inbound(kind, &contact(), Some(&item), pending_in);
            assert_eq!(step.state, after, "{kind:?} in {before:?}");
            assert_eq!(is_delivered(&step), delivered, "{kind:?} in {before:?}");
            assert!(!step.effects.contains(&Effect::Route));
        }
    }
}

#[test]
fn a_push_follows_every_visible_change_and_no_other() {
    for kind in [Subscribe, Subscribed, Unsubscribe, Unsubscribed] {
        for before in State::ALL {
            for approved in [false, true] {
                let (mut item, pending_in) = stored(before);
                item.approved = approved;
                for step in [
                    outbound(kind, &contact(), Some(&item), pending_in),
                    inbound(kind, &contact(), Some(&item), pending_in),
                ] {
                    assert_eq!(
                        step.effects.contains(&Effect::Push),
                        step.item.is_some(),
                        "{kind:?} in {before:?}"
                    );
                    if let Some(new) = &step.item {
                        assert_ne!(*new, item);
                        assert_eq!(State::of(Some(new), step.state.is_pending_in()), step.state);
                    }
                }
            }
        }
    }
}

#[test]
fn a_request_to_a_stranger_makes_an_item_that_asks() {
    let step = outbound(Subscribe, &contact(), Option::None, false);
    let item = step.item.unwrap();
    assert!(item.ask);
    assert_eq!(item.subscription, Subscription::None);
    assert_eq!(step.effects.as_slice(), [Effect::Route, Effect::Push]);
}

#[test]
fn a_request_from_a_stranger_makes_no_item() {
    let step = inbound(Subscribe, &contact(), Option::None, false);
    assert_eq!(step.item, Option::None);
    assert_eq!(step.pending, Pending::Store);
    assert_eq!(
        step.effects.as_slice(),
        [Effect::Deliver(Audience::Available)]
    );
    // The same again changes nothing; the first stanza stays stored.
    let again = inbound(Subscribe, &contact(), Option::None, true);
    assert_eq!((again.pending, again.effects.len()), (Pending::Keep, 0));
}

#[test]
fn an_approval_is_routed_pushed_and_followed_by_presence() {
    let step = outbound(Subscribed, &contact(), Option::None, true);
    assert_eq!(step.pending, Pending::Clear);
    assert_eq!(step.item.unwrap().subscription, Subscription::From);
    assert_eq!(
        step.effects.as_slice(),
        [Effect::Route, Effect::Push, Effect::SendCurrentPresence]
    );
}

#[test]
fn an_approval_that_arrives_is_delivered_before_the_push() {
    let (item, pending_in) = stored(NonePendingOut);
    let step = inbound(Subscribed, &contact(), Some(&item), pending_in);
    assert_eq!(
        step.effects.as_slice(),
        [Effect::Deliver(Audience::Interested), Effect::Push]
    );
}

#[test]
fn a_request_in_advance_approved_is_answered_by_the_server() {
    let step = outbound(Subscribed, &contact(), Option::None, false);
    assert_eq!(step.effects.as_slice(), [Effect::Push]);
    let item = step.item.unwrap();
    assert!(item.approved);
    let step = inbound(Subscribe, &contact(), Some(&item), false);
    assert_eq!(step.state, From);
    assert_eq!(step.pending, Pending::Keep);
    assert_eq!(
        step.effects.as_slice(),
        [
            Effect::Send(Subscribed),
            Effect::Push,
            Effect::SendCurrentPresence
        ]
    );
    assert!(step.item.unwrap().approved);
}

#[test]
fn an_approval_in_advance_is_taken_back_without_a_word_to_the_contact() {
    let (mut item, _) = stored(To);
    item.approved = true;
    let step = outbound(Unsubscribed, &contact(), Some(&item), false);
    assert_eq!(step.effects.as_slice(), [Effect::Push]);
    assert!(!step.item.unwrap().approved);
}

#[test]
fn an_approval_that_is_not_needed_is_ignored() {
    for state in [From, FromPendingOut, Both] {
        let (item, _) = stored(state);
        let step = outbound(Subscribed, &contact(), Some(&item), false);
        assert_eq!((step.item, step.effects.len()), (Option::None, 0));
    }
}

#[test]
fn a_request_of_a_subscriber_is_answered_again() {
    for state in [From, FromPendingOut, Both] {
        let (item, _) = stored(state);
        let step = inbound(Subscribe, &contact(), Some(&item), false);
        assert_eq!(step.item, Option::None);
        assert_eq!(
            step.effects.as_slice(),
            [Effect::Send(Subscribed), Effect::SendCurrentPresence]
        );
    }
}

#[test]
fn a_subscriber_who_leaves_is_sent_unavailable() {
    let (item, _) = stored(Both);
    let step = inbound(Unsubscribe, &contact(), Some(&item), false);
    assert_eq!(
        step.effects.as_slice(),
        [
            Effect::Deliver(Audience::Interested),
            Effect::Push,
            Effect::SendUnavailable
        ]
    );
    let step = outbound(Unsubscribed, &contact(), Some(&item), false);
    assert_eq!(
        step.effects.as_slice(),
        [Effect::SendUnavailable, Effect::Route, Effect::Push]
    );
}

#[test]
fn removal_ends_both_directions() {
    let expected: [(State, &[Effect]); 9] = [
        (None, &[]),
        (NonePendingOut, &[Effect::Send(Unsubscribe)]),
        (NonePendingIn, &[Effect::Send(Unsubscribed)]),
        (
            NonePendingOutIn,
            &[Effect::Send(Unsubscribe), Effect::Send(Unsubscribed)],
        ),
        (To, &[Effect::Send(Unsubscribe)]),
        (
            ToPendingIn,
            &[Effect::Send(Unsubscribe), Effect::Send(Unsubscribed)],
        ),
        (From, &[Effect::SendUnavailable, Effect::Send(Unsubscribed)]),
        (
            FromPendingOut,
            &[
                Effect::SendUnavailable,
                Effect::Send(Unsubscribe),
                Effect::Send(Unsubscribed),
            ],
        ),
        (
            Both,
            &[
                Effect::SendUnavailable,
                Effect::Send(Unsubscribe),
                Effect::Send(Unsubscribed),
            ],
        ),
    ];
    for (before, effects) in expected {
        let (item, pending_in) = stored(before);
        let step = remove(&item, pending_in);
        assert!(step.removed);
        assert_eq!(step.effects.last(), Some(&Effect::PushRemoval));
        assert_eq!(
            &step.effects[..step.effects.len() - 1],
            effects,
            "{before:?}"
        );
        assert_eq!(step.pending == Pending::Clear, before.is_pending_in());
    }
}

#[test]
fn kinds_are_read_as_written() {
    for kind in [Subscribe, Subscribed, Unsubscribe, Unsubscribed] {
        assert_eq!(SubscriptionKind::from_type(Some(kind.as_str())), Some(kind));
    }
    assert_eq!(SubscriptionKind::from_type(Some("probe")), Option::None);
    assert_eq!(SubscriptionKind::from_type(Option::None), Option::None);
}

/// One user's server: roster item for the other user and stored request.
#[derive(Default)]
struct Side {
    item: Option<RosterItem>,
    pending_in: bool,
}

impl Side {
    /// Stores the step and gives the subscription stanzas that leave.
    fn apply(&mut self, step: Step, sent: SubscriptionKind) -> Vec<SubscriptionKind> {
        match step.pending {
            Pending::Keep => {}
            Pending::Store => self.pending_in = true,
            Pending::Clear => self.pending_in = false,
        }
        if step.removed {
            self.item = Option::None;
        }
        if let Some(item) = step.item {
            self.item = Some(item);
        }
        assert_eq!(State::of(self.item.as_ref(), self.pending_in), step.state);
        let leaves = |effect: &Effect| match effect {
            Effect::Route => Some(sent),
            Effect::Send(kind) => Some(*kind),
            _ => Option::None,
        };
        step.effects.iter().filter_map(leaves).collect()
    }

    fn state(&self) -> State {
        State::of(self.item.as_ref(), self.pending_in)
    }
}

proptest! {
    /// Whatever two users do one after the other, both servers agree afterwards on who sees whom and who waits.
    #[test]
    fn both_sides_agree(acts in prop::collection::vec((any::<bool>(), 0_usize..5), 1..60)) {
        let mut sides = [Side::default(), Side::default()];
        for (first, act) in acts {
            let (mut actor, mut other) = if first { (0, 1) } else { (1, 0) };
            let kind = [Subscribe, Subscribed, Unsubscribe, Unsubscribed].get(act).copied();
            let side = &mut sides[actor];
            let step = match (kind, side.item.clone()) {
                (Some(kind), item) => outbound(kind, &contact(), item.as_ref(), side.pending_in),
                (Option::None, Some(item)) => remove(&item, side.pending_in),
                (Option::None, Option::None) => continue,
            };
            let mut under_way = side.apply(step, kind.unwrap_or(Unsubscribe));
            let mut hops = 0;
            while !under_way.is_empty() {
                hops += 1;
                prop_assert!(hops < 10, "the servers answer each other for ever");
                let mut answers = Vec::new();
                for kind in under_way.drain(..) {
                    let side = &mut sides[other];
                    let step = inbound(kind, &contact(), side.item.clone().as_ref(), side.pending_in);
                    answers.extend(side.apply(step, kind));
                }
                under_way = answers;
                std::mem::swap(&mut actor, &mut other);
            }
            for (mine, theirs) in [(0, 1), (1, 0)] {
                let (mine, theirs) = (sides[mine].state(), sides[theirs].state());
                prop_assert_eq!(mine.subscription().is_to(), theirs.subscription().is_from());
                prop_assert_eq!(mine.is_pending_out(), theirs.is_pending_in());
            }
        }
    }
}
