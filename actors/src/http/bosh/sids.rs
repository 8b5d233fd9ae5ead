//! Which session a sid names.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::carrier::BoshSession;
use crate::supervise::Slot;

/// Bytes of chance in a sid (XEP-0124 §7.2: unpredictable).
const CHANCE: usize = 16;

/// The sessions of a node by sid. Clones share one table, bounded by `http.bosh.max_sessions`.
#[derive(Clone, Debug, Default)]
pub struct Sids(Arc<Mutex<HashMap<Box<str>, Place>>>);

/// What a sid leads to.
#[derive(Debug)]
struct Place {
    /// None until the actor has started.
    session: Option<Slot<BoshSession>>,
    is_encrypted: bool,
}

impl Sids {
    /// Takes a new sid unless `most` are taken. Requests of the session have to come as encrypted as this one.
    pub(super) fn take(&self, most: u32, is_encrypted: bool) -> Option<Sid> {
        let mut chance = [0; CHANCE];
        getrandom::fill(&mut chance).ok()?;
        let digits = chance.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        let digits = digits.filter_map(|digit| char::from_digit(digit.into(), 16));
        let text: Box<str> = digits.collect::<String>().into();
        let mut places = self.0.lock();
        if places.len() >= most as usize || places.contains_key(&text) {
            return None;
        }
        let place = Place {
            session: None,
            is_encrypted,
        };
        places.insert(text.clone(), place);
        Some(Sid {
            sids: self.clone(),
            text,
        })
    }

    /// The session of this sid, for a request that comes encrypted or not: who has read a sid on the way can not
    /// use it where others read along (XEP-0124 §15.1).
    pub(super) fn find(&self, sid: &str, is_encrypted: bool) -> Option<Slot<BoshSession>> {
        let places = self.0.lock();
        let place = places.get(sid)?;
        let is_safe = is_encrypted || !place.is_encrypted;
        place.session.clone().filter(|_| is_safe)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.lock().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The sid of one session, given back on drop.
#[derive(Debug)]
pub(super) struct Sid {
    sids: Sids,
    text: Box<str>,
}

impl Sid {
    /// The sid as the client is told it.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// Lets requests find the session.
    pub(super) fn lead_to(&self, session: Slot<BoshSession>) {
        if let Some(place) = self.sids.0.lock().get_mut(&self.text) {
            place.session = Some(session);
        }
    }
}

impl Drop for Sid {
    fn drop(&mut self) {
        self.sids.0.lock().remove(&self.text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sids_are_bounded_and_come_back_on_drop() {
        let sids = Sids::default();
        let (one, two) = (sids.take(2, false).unwrap(), sids.take(2, true).unwrap());
        assert_eq!(one.as_str().len(), CHANCE * 2);
        assert_ne!(one.as_str(), two.as_str());
        assert!(sids.take(2, false).is_none());
        drop(one);
        assert_eq!(sids.len(), 1);
        assert!(sids.take(2, false).is_some());
        assert!(sids.find(two.as_str(), true).is_none(), "not started");
    }
}
