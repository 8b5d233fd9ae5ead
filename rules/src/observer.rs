//! Watching a run: what `explain`, traces and tests are told.

/// Told what a run does, in order. All methods do nothing unless they are written.
pub trait Observer {
    /// True to be told of every condition of every rule: then no rule is left out by an index.
    fn wants_all(&self) -> bool {
        false
    }

    /// A chain of a script is entered.
    fn chain(&mut self, _script: &str, _chain: &str) {}

    /// A condition was evaluated: the line as written, and whether it held (`NOT` included).
    fn condition(&mut self, _text: &str, _holds: bool) {}

    /// An action is about to run: the line as written.
    fn action(&mut self, _script: &str, _line: u32, _text: &str) {}

    /// `TAG TRACE` was run.
    fn tag(&mut self, _tag: &str) {}
}
