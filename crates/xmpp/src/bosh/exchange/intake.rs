//! Taking requests in, in the order of their numbers.

use std::time::Duration;

use super::{Exchange, FIRST_WAIT, Latest, Open};
use crate::bosh::{MAX_RID, request::Request, response::TerminalCondition};

impl<T> Exchange<T> {
    /// Takes a request that came over `carrier`.
    pub fn request(&mut self, request: Request, carrier: T, now: Duration) {
        if self.is_over {
            return self.fail(TerminalCondition::ItemNotFound, Some(carrier));
        }
        if request.rid < self.next {
            self.repeat(request.rid, carrier, now);
        } else if !self.is_expected(&request) {
            self.fail(TerminalCondition::ItemNotFound, Some(carrier));
        } else {
            let next = request.rid;
            self.early.insert(next, (request, Some(carrier)));
            while let Some((request, carrier)) = self.early.remove(&self.next) {
                self.next += 1;
                if let Err(condition) = self.admit(request, carrier, now) {
                    return self.fail(condition, None);
                }
                self.settle(now);
            }
        }
        self.settle(now);
    }

    /// Whether the number is in the window (XEP-0124 §14.2).
    fn is_expected(&self, request: &Request) -> bool {
        request.rid <= MAX_RID && request.rid - self.next < self.allowed(request)
    }

    /// Requests that may be under way with this one: one more to pause or to leave (XEP-0124 §11).
    fn allowed(&self, request: &Request) -> u64 {
        let is_excused = request.pause.is_some() || request.is_last;
        self.terms.requests() + u64::from(is_excused)
    }

    /// A request that was there before, in another connection (XEP-0124 §14.3).
    fn repeat(&mut self, rid: u64, carrier: T, now: Duration) {
        if let Some(open) = self.open.iter_mut().find(|open| open.rid == rid) {
            open.carrier = Some(carrier);
            open.due = now + self.terms.wait;
            return;
        }
        match self.kept.iter().find(|(kept, _)| *kept == rid) {
            Some((_, answer)) => {
                self.answers.push_back((carrier, answer.clone()));
                if !self.is_attended() {
                    self.quiet = now;
                }
            }
            None => self.fail(TerminalCondition::ItemNotFound, Some(carrier)),
        }
    }

    /// Takes the request in whose turn it is.
    fn admit(
        &mut self,
        request: Request,
        carrier: Option<T>,
        now: Duration,
    ) -> Result<(), TerminalCondition> {
        let rid = request.rid;
        let is_right = self
            .keys
            .admit(request.key.as_deref(), request.new_key.as_deref());
        let is_moderate = is_right && !self.is_overactive(&request, now);
        self.last = Some(Latest {
            rid,
            at: now,
            is_empty: request.is_empty(),
            has_brought: false,
        });
        self.pause = None;
        let open = Open {
            rid,
            carrier,
            fed: 0,
            due: now + self.wait(),
            is_hurried: false,
            is_pause: request.pause.is_some(),
        };
        // Behind those that precede it, so that it hears of its own fault too.
        self.open.push_back(open);
        match (is_right, is_moderate) {
            (false, _) => return Err(TerminalCondition::ItemNotFound),
            (_, false) => return Err(TerminalCondition::PolicyViolation),
            _ => {}
        }
        if let Some(ack) = request.ack {
            self.kept.retain(|(kept, _)| *kept > ack);
        }
        if let Some(pause) = request.pause {
            self.begin_pause(pause)?;
        }
        self.feed(&request);
        Ok(())
    }

    /// How long the request that is taken in now is held.
    fn wait(&self) -> Duration {
        match self.is_created {
            true => self.terms.wait,
            false => self.terms.wait.max(FIRST_WAIT),
        }
    }

    /// Answers all that is held, and lets the client be silent for this long (XEP-0124 §10).
    fn begin_pause(&mut self, pause: Duration) -> Result<(), TerminalCondition> {
        if pause > self.terms.max_pause {
            return Err(TerminalCondition::PolicyViolation);
        }
        self.pause = Some(pause);
        for open in &mut self.open {
            open.is_hurried = true;
        }
        Ok(())
    }

    /// Gives the session what the request brought. One that brings nothing is a sign of life, as a blank is over TCP.
    fn feed(&mut self, request: &Request) {
        let mut header = Vec::new();
        match &request.header {
            Some(restart) => restart.write_to(&mut header),
            None if request.is_empty() => header.push(b' '),
            None => {}
        }
        self.input.feed(&header);
        self.input.feed(&request.payload);
        if request.is_last && !self.is_leaving {
            self.is_leaving = true;
            self.input.feed(b"</stream:stream>");
        }
        let fed = self.input.fed();
        if let Some(open) = self.open.back_mut() {
            open.fed = fed;
        }
    }

    /// Whether the client asks too often (XEP-0124 §11, §12). It is asked before the request is among those open.
    fn is_overactive(&self, request: &Request, now: Duration) -> bool {
        let under_way = self.open.len() as u64 + 1;
        if under_way > self.allowed(request) {
            return true;
        }
        let Some(last) = self.last.filter(|_| request.is_empty()) else {
            return false;
        };
        let is_soon = now.saturating_sub(last.at) < self.terms.polling;
        let is_needless = match self.terms.is_polling() {
            true => last.is_empty && !last.has_brought,
            false => under_way == self.terms.requests(),
        };
        is_soon && is_needless
    }
}
