//! Answering requests, in the order of their numbers.

use std::time::Duration;

use bytes::Bytes;

use super::{Exchange, Open};
use crate::bosh::response::{Payload, Response, TerminalCondition, write_terminate};

impl<T> Exchange<T> {
    /// Answers every request whose time has come.
    pub(super) fn settle(&mut self, now: Duration) {
        while !self.is_over && self.is_due(now) {
            let Some(open) = self.open.pop_front() else {
                return;
            };
            self.answer(open, now);
        }
    }

    /// Whether the request that has waited longest is to be answered now.
    fn is_due(&self, now: Duration) -> bool {
        let Some(front) = self.open.front() else {
            return false;
        };
        if self.farewell.is_some() {
            return true;
        }
        if !self.input.has_taken(front.fed) {
            return false;
        }
        if self.is_leaving {
            // The last one hears how the stream ends.
            return self.open.len() > 1;
        }
        let is_reachable = front.carrier.is_some();
        let is_worth_it = is_reachable && (!self.output.is_empty() || now >= front.due);
        if !self.is_created {
            return is_worth_it;
        }
        let is_crowded = self.open.len() > self.terms.hold as usize;
        is_worth_it || is_crowded || front.is_hurried
    }

    /// Answers with all that waits, unless the answer would not arrive.
    fn answer(&mut self, open: Open<T>, now: Duration) {
        let Some(carrier) = open.carrier else {
            if self.farewell.is_none() {
                self.keep(
                    open.rid,
                    self.response(open.rid).finish_with(&Payload::default()),
                );
            }
            return;
        };
        let is_final = self.farewell.is_some()
            && match self.is_leaving {
                true => self.open.is_empty(),
                false => self.output.is_empty(),
            };
        let bytes = match (is_final, open.is_pause) {
            (true, _) => self.final_words(),
            (false, true) => self.response(open.rid).finish_with(&Payload::default()),
            (false, false) => self.bring(open.rid),
        };
        self.is_created = true;
        self.quiet = now;
        self.keep(open.rid, bytes.clone());
        self.answers.push_back((carrier, bytes));
        if is_final && self.open.is_empty() {
            self.fail(TerminalCondition::ItemNotFound, None);
        }
    }

    /// The response that brings all that waits.
    fn bring(&mut self, rid: u64) -> Bytes {
        let output = std::mem::take(&mut self.output);
        if let Some(last) = self.last.as_mut().filter(|last| last.rid == rid) {
            last.has_brought = !output.is_empty();
        }
        self.response(rid).finish_with(&output)
    }

    /// What every response to this request says.
    fn response(&self, rid: u64) -> Response {
        let response = Response::default();
        if !self.is_created {
            let response = response.creating(&self.sid, &self.terms, self.header.as_ref());
            return match self.terms.has_acks {
                true => response.acknowledging(rid),
                false => response,
            };
        }
        let received = self.next - 1;
        match self.terms.has_acks && received != rid {
            true => response.acknowledging(received),
            false => response,
        }
    }

    /// The response that says how the stream ended.
    fn final_words(&mut self) -> Bytes {
        let condition = self.farewell.and_then(|farewell| farewell.condition);
        let mut output = std::mem::take(&mut self.output);
        if condition == Some(TerminalCondition::RemoteStreamError) {
            output.push_standalone(self.error.as_deref().unwrap_or_default());
        }
        Response::default().ending(condition).finish_with(&output)
    }

    /// Keeps an answer for the case that its connection broke.
    fn keep(&mut self, rid: u64, answer: Bytes) {
        self.kept.push_back((rid, answer));
        while self.kept.len() as u64 > self.terms.requests() {
            self.kept.pop_front();
        }
    }

    /// Ends the session here: whoever waits is told why, `carrier` too.
    pub(super) fn fail(&mut self, condition: TerminalCondition, carrier: Option<T>) {
        let open = std::mem::take(&mut self.open);
        let early = std::mem::take(&mut self.early);
        let open = open.into_iter().filter_map(|open| open.carrier);
        let early = early.into_values().filter_map(|(_, carrier)| carrier);
        for carrier in open.chain(early).chain(carrier) {
            self.answers
                .push_back((carrier, write_terminate(condition)));
        }
        self.is_over = true;
    }
}
