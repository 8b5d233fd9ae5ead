//! The subscription state machine: RFC 6121 §3 and Appendix A as tables.
//!
//! [`outbound`] handles what the user sends, [`inbound`] what the contact sends, [`remove`] the removal of an item
//! (§2.5.3). Each gives the new item, what to do with the stored request, and the effects in the order in which the
//! caller must carry them out; the new state is to be stored before the first of them.

use jid::BareJid;
use smallvec::SmallVec;

use super::{RosterItem, Subscription};

/// The four presence types that manage subscriptions (RFC 6121 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SubscriptionKind {
    /// The sender asks to see the receiver.
    Subscribe,
    /// The sender lets the receiver see it.
    Subscribed,
    /// The sender no longer wants to see the receiver.
    Unsubscribe,
    /// The sender refuses, or takes back, the receiver's view of it.
    Unsubscribed,
}

impl SubscriptionKind {
    /// Reads the `type` attribute of a presence stanza; `None` for every other type.
    pub fn from_type(type_attr: Option<&str>) -> Option<Self> {
        match type_attr? {
            "subscribe" => Some(Self::Subscribe),
            "subscribed" => Some(Self::Subscribed),
            "unsubscribe" => Some(Self::Unsubscribe),
            "unsubscribed" => Some(Self::Unsubscribed),
            _ => None,
        }
    }

    /// The word of the `type` attribute.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Subscribe => "subscribe",
            Self::Subscribed => "subscribed",
            Self::Unsubscribe => "unsubscribe",
            Self::Unsubscribed => "unsubscribed",
        }
    }
}

/// The nine states of RFC 6121 Appendix A.1, from the user's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// No subscription and no request.
    None,
    /// The user has asked.
    NonePendingOut,
    /// The contact has asked.
    NonePendingIn,
    /// Both have asked.
    NonePendingOutIn,
    /// The user sees the contact.
    To,
    /// The user sees the contact, who has asked for the same.
    ToPendingIn,
    /// The contact sees the user.
    From,
    /// The contact sees the user, who has asked for the same.
    FromPendingOut,
    /// Each sees the other.
    Both,
}

impl State {
    /// All nine, in the order of the RFC.
    pub const ALL: [Self; 9] = [
        Self::None,
        Self::NonePendingOut,
        Self::NonePendingIn,
        Self::NonePendingOutIn,
        Self::To,
        Self::ToPendingIn,
        Self::From,
        Self::FromPendingOut,
        Self::Both,
    ];

    /// The state that an item and a stored request make together. What contradicts itself (a pending request in a
    /// direction that is subscribed already) counts as subscribed.
    pub fn of(item: Option<&RosterItem>, pending_in: bool) -> Self {
        let subscription = item.map_or(Subscription::None, |item| item.subscription);
        let pending_out = item.is_some_and(|item| item.ask);
        match (subscription, pending_out, pending_in) {
            (Subscription::None, false, false) => Self::None,
            (Subscription::None, true, false) => Self::NonePendingOut,
            (Subscription::None, false, true) => Self::NonePendingIn,
            (Subscription::None, true, true) => Self::NonePendingOutIn,
            (Subscription::To, _, false) => Self::To,
            (Subscription::To, _, true) => Self::ToPendingIn,
            (Subscription::From, false, _) => Self::From,
            (Subscription::From, true, _) => Self::FromPendingOut,
            (Subscription::Both, _, _) => Self::Both,
        }
    }

    /// The agreed part.
    pub fn subscription(self) -> Subscription {
        match self {
            Self::None | Self::NonePendingOut | Self::NonePendingIn | Self::NonePendingOutIn => {
                Subscription::None
            }
            Self::To | Self::ToPendingIn => Subscription::To,
            Self::From | Self::FromPendingOut => Subscription::From,
            Self::Both => Subscription::Both,
        }
    }

    /// The user waits for the contact's answer.
    pub fn is_pending_out(self) -> bool {
        matches!(
            self,
            Self::NonePendingOut | Self::NonePendingOutIn | Self::FromPendingOut
        )
    }

    /// The contact waits for the user's answer.
    pub fn is_pending_in(self) -> bool {
        matches!(
            self,
            Self::NonePendingIn | Self::NonePendingOutIn | Self::ToPendingIn
        )
    }
}

/// Which of the user's resources receive a stanza.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Audience {
    /// Every available resource (RFC 6121 §3.1.3); with none, the stored request is delivered later.
    Available,
    /// Every resource that has asked for the roster (RFC 6121 §3.1.6, "interested").
    Interested,
}

/// One thing to do, in the order given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Route the user's stanza to the contact, with `from` and `to` made bare.
    Route,
    /// Deliver the contact's stanza to the user, with `from` made bare.
    Deliver(Audience),
    /// Push [`Step::item`] to the interested resources.
    Push,
    /// Push the removal of the item to the interested resources.
    PushRemoval,
    /// Send the contact a presence of this kind, made by the server in the user's name, bare to bare.
    Send(SubscriptionKind),
    /// Send the contact the current presence of each of the user's available resources.
    SendCurrentPresence,
    /// Send the contact `unavailable` from each of the user's available resources.
    SendUnavailable,
}

/// What becomes of the contact's stored request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pending {
    /// Leave it as it is.
    Keep,
    /// Store the stanza in hand, complete with its children (RFC 6121 §3.1.3).
    Store,
    /// Forget it: it was answered or withdrawn.
    Clear,
}

/// What follows from one stanza or removal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The state afterwards.
    pub state: State,
    /// The item to store, or `None` if it stays as it is. It may be new: the contact was not in the roster before.
    pub item: Option<RosterItem>,
    /// The item is to be deleted; then [`Self::item`] is `None`.
    pub removed: bool,
    /// What becomes of the stored request.
    pub pending: Pending,
    /// What to do once the above is stored. Empty: the stanza is ignored.
    pub effects: SmallVec<[Effect; 4]>,
}

/// The user sends `kind` to `contact`.
pub fn outbound(
    kind: SubscriptionKind,
    contact: &BareJid,
    item: Option<&RosterItem>,
    pending_in: bool,
) -> Step {
    let before = State::of(item, pending_in);
    let approved = item.is_some_and(|item| item.approved);
    let mut draft = Draft::new(contact, item, pending_in);
    match (kind, outbound_table(kind, before)) {
        (SubscriptionKind::Subscribe | SubscriptionKind::Unsubscribe, row) => {
            draft.state = row.state;
            draft.effects.push(Effect::Route);
            draft.push_if_changed();
        }
        (
            SubscriptionKind::Subscribed,
            Row {
                applies: true,
                state,
            },
        ) => {
            draft.state = state;
            draft.effects.push(Effect::Route);
            draft.push_if_changed();
            draft.effects.push(Effect::SendCurrentPresence);
        }
        (SubscriptionKind::Subscribed, _) if !before.subscription().is_from() => {
            draft.approved = true;
            draft.push_if_changed();
        }
        (SubscriptionKind::Unsubscribed, Row { applies, state }) => {
            draft.state = state;
            draft.approved = false;
            // Before the subscription ends at the contact's side, or that side would ignore it.
            if before.subscription().is_from() {
                draft.effects.push(Effect::SendUnavailable);
            }
            if applies {
                draft.effects.push(Effect::Route);
            }
            if applies || approved {
                draft.push_if_changed();
            }
        }
        (SubscriptionKind::Subscribed, _) => {}
    }
    draft.finish()
}

/// The contact sends `kind` to the user.
pub fn inbound(
    kind: SubscriptionKind,
    contact: &BareJid,
    item: Option<&RosterItem>,
    pending_in: bool,
) -> Step {
    let before = State::of(item, pending_in);
    let mut draft = Draft::new(contact, item, pending_in);
    if kind == SubscriptionKind::Subscribe && before.subscription().is_from() {
        // The contact's server has lost count: tell it again (RFC 6121 §3.1.3).
        draft
            .effects
            .push(Effect::Send(SubscriptionKind::Subscribed));
        draft.effects.push(Effect::SendCurrentPresence);
        return draft.finish();
    }
    if kind == SubscriptionKind::Subscribe && draft.approved {
        draft.state = approve(before);
        draft
            .effects
            .push(Effect::Send(SubscriptionKind::Subscribed));
        draft.push_if_changed();
        draft.effects.push(Effect::SendCurrentPresence);
        return draft.finish();
    }
    let Row { applies, state } = inbound_table(kind, before);
    if !applies {
        return draft.finish();
    }
    draft.state = state;
    if kind == SubscriptionKind::Subscribe {
        draft.effects.push(Effect::Deliver(Audience::Available));
        return draft.finish();
    }
    draft.effects.push(Effect::Deliver(Audience::Interested));
    draft.push_if_changed();
    if kind == SubscriptionKind::Unsubscribe && before.subscription().is_from() {
        draft.effects.push(Effect::SendUnavailable);
    }
    draft.finish()
}

/// The user removes `item` from the roster (RFC 6121 §2.5.3): subscriptions and requests of both directions end.
/// For a contact that is not in the roster there is nothing to call; the answer is `item-not-found`.
pub fn remove(item: &RosterItem, pending_in: bool) -> Step {
    let before = State::of(Some(item), pending_in);
    let mut effects = SmallVec::new();
    if before.subscription().is_from() {
        effects.push(Effect::SendUnavailable);
    }
    if before.subscription().is_to() || before.is_pending_out() {
        effects.push(Effect::Send(SubscriptionKind::Unsubscribe));
    }
    if before.subscription().is_from() || before.is_pending_in() {
        effects.push(Effect::Send(SubscriptionKind::Unsubscribed));
    }
    effects.push(Effect::PushRemoval);
    Step {
        state: State::None,
        item: None,
        removed: true,
        pending: if pending_in {
            Pending::Clear
        } else {
            Pending::Keep
        },
        effects,
    }
}

/// A cell of Appendix A: whether the stanza is routed or delivered, and the state afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Row {
    applies: bool,
    state: State,
}

fn applies(state: State) -> Row {
    Row {
        applies: true,
        state,
    }
}

/// Appendix A.2: what the user sends.
fn outbound_table(kind: SubscriptionKind, before: State) -> Row {
    use State::{
        Both, From, FromPendingOut, None, NonePendingIn, NonePendingOut, NonePendingOutIn, To,
        ToPendingIn,
    };
    match (kind, before) {
        (SubscriptionKind::Subscribe, None) => applies(NonePendingOut),
        (SubscriptionKind::Subscribe, NonePendingIn) => applies(NonePendingOutIn),
        (SubscriptionKind::Subscribe, From) => applies(FromPendingOut),
        (SubscriptionKind::Unsubscribe, NonePendingOut | To) => applies(None),
        (SubscriptionKind::Unsubscribe, NonePendingOutIn | ToPendingIn) => applies(NonePendingIn),
        (SubscriptionKind::Unsubscribe, FromPendingOut | Both) => applies(From),
        (SubscriptionKind::Subscribe | SubscriptionKind::Unsubscribe, unchanged) => {
            applies(unchanged)
        }
        (SubscriptionKind::Subscribed, NonePendingIn | NonePendingOutIn | ToPendingIn) => {
            applies(approve(before))
        }
        (SubscriptionKind::Unsubscribed, NonePendingIn | From) => applies(None),
        (SubscriptionKind::Unsubscribed, NonePendingOutIn | FromPendingOut) => {
            applies(NonePendingOut)
        }
        (SubscriptionKind::Unsubscribed, ToPendingIn | Both) => applies(To),
        (_, state) => Row {
            applies: false,
            state,
        },
    }
}

/// Appendix A.3: what the contact sends.
fn inbound_table(kind: SubscriptionKind, before: State) -> Row {
    use State::{
        Both, From, FromPendingOut, None, NonePendingIn, NonePendingOut, NonePendingOutIn, To,
        ToPendingIn,
    };
    match (kind, before) {
        (SubscriptionKind::Subscribe, None) => applies(NonePendingIn),
        (SubscriptionKind::Subscribe, NonePendingOut) => applies(NonePendingOutIn),
        (SubscriptionKind::Subscribe, To) => applies(ToPendingIn),
        (SubscriptionKind::Unsubscribe, NonePendingIn | From) => applies(None),
        (SubscriptionKind::Unsubscribe, NonePendingOutIn | FromPendingOut) => {
            applies(NonePendingOut)
        }
        (SubscriptionKind::Unsubscribe, ToPendingIn | Both) => applies(To),
        (SubscriptionKind::Subscribed, NonePendingOut) => applies(To),
        (SubscriptionKind::Subscribed, NonePendingOutIn) => applies(ToPendingIn),
        (SubscriptionKind::Subscribed, FromPendingOut) => applies(Both),
        (SubscriptionKind::Unsubscribed, NonePendingOut | To) => applies(None),
        (SubscriptionKind::Unsubscribed, NonePendingOutIn | ToPendingIn) => applies(NonePendingIn),
        (SubscriptionKind::Unsubscribed, FromPendingOut | Both) => applies(From),
        (_, state) => Row {
            applies: false,
            state,
        },
    }
}

/// The contact may see the user from now on.
fn approve(before: State) -> State {
    match before {
        State::None | State::NonePendingIn | State::From => State::From,
        State::NonePendingOut | State::NonePendingOutIn | State::FromPendingOut => {
            State::FromPendingOut
        }
        State::To | State::ToPendingIn | State::Both => State::Both,
    }
}

/// A step while it is worked out.
struct Draft<'a> {
    contact: &'a BareJid,
    old: Option<&'a RosterItem>,
    pending_in: bool,
    state: State,
    approved: bool,
    effects: SmallVec<[Effect; 4]>,
}

impl<'a> Draft<'a> {
    fn new(contact: &'a BareJid, old: Option<&'a RosterItem>, pending_in: bool) -> Self {
        let approved = old.is_some_and(|item| item.approved);
        let state = State::of(old, pending_in);
        Self {
            contact,
            old,
            pending_in,
            state,
            approved,
            effects: SmallVec::new(),
        }
    }

    fn item(&self) -> Option<RosterItem> {
        let mut item = self
            .old
            .cloned()
            .unwrap_or_else(|| RosterItem::new(self.contact.clone()));
        item.subscription = self.state.subscription();
        item.ask = self.state.is_pending_out();
        item.approved = self.approved;
        let untouched = match self.old {
            Some(old) => item == *old,
            // A request from a stranger makes no item (RFC 6121 §3.1.3).
            None => item == RosterItem::new(self.contact.clone()),
        };
        (!untouched).then_some(item)
    }

    fn push_if_changed(&mut self) {
        if self.item().is_some() {
            self.effects.push(Effect::Push);
        }
    }

    fn finish(self) -> Step {
        let pending = match (self.pending_in, self.state.is_pending_in()) {
            (false, true) => Pending::Store,
            (true, false) => Pending::Clear,
            _ => Pending::Keep,
        };
        Step {
            state: self.state,
            item: self.item(),
            removed: false,
            pending,
            effects: self.effects,
        }
    }
}

#[cfg(test)]
mod tests;
