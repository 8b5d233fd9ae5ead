//! The firewall language: parsed, checked, compiled and evaluated.
//!
//! [`compile`] turns the scripts of one host into a [`Ruleset`] and says everything that is wrong with them at
//! once. [`Ruleset::run`] runs a chain for a stanza: it asks [`Facts`] about the world and answers with an
//! [`Outcome`], the verdict and the effects that are to be carried out in order. A run never waits: what it may
//! ask of accounts that are not at hand is in [`Ruleset::needs`], to be read before.
//!
//! ```
//! use rules::{NoFiles, Options, Source, Verdict, compile, world::World};
//! use xmpp::{stanza::Stanza, xml::Limits};
//!
//! let source = Source { name: "a.pfw".into(), text: b"KIND: message\nFROM: spam.example\nDROP.\n".to_vec() };
//! let compiled = compile("example.com", &[source], &Options::default(), &NoFiles, None);
//! assert!(!compiled.reports[0].has_errors());
//!
//! let stanza = Stanza::from_xml(b"<message from='spam.example' to='a@example.com'/>", &Limits::default()).unwrap();
//! let outcome = compiled.ruleset.run("deliver", &stanza, &World::default());
//! assert_eq!(outcome.verdict, Verdict::Drop);
//! ```
//!
//! Invariants: no I/O and no clock here (files come through [`Loader`], time through [`Facts`]); every run has a
//! step budget; nothing in a script or a stanza makes this crate panic; what can not be evaluated is dropped.

#[macro_use]
mod bitset;

mod actions;
mod address;
mod check;
mod conditions;
pub mod context;
mod counters;
mod counts;
pub mod definitions;
mod diagnostic;
mod dry_run;
mod events;
pub mod explain;
mod expression;
mod facts;
pub mod format;
mod index;
mod jid_pattern;
mod limiter;
mod loader;
pub mod lua_pattern;
mod marks;
mod observer;
mod options;
mod outcome;
mod path;
mod program;
pub mod reference;
mod refusal;
mod run;
mod scope;
mod shipped;
pub mod syntax;
mod table;
#[cfg(feature = "vectors")]
pub mod vectors;
mod watch;
pub mod world;

pub use check::{
    Compiled, MAX_STANZAS, MAX_TESTS, Report, ScriptState, Source, TestResult, compile,
};
pub use counters::{BYTES_PER_RULE, ChainTotals, RuleTotals};
pub use counts::{ChainCount, RuleCount};
pub use diagnostic::{Code, Diagnostic, Severity};
pub use explain::Explanation;
pub use facts::{
    CountryField, Facts, Needs, Origin, OriginKind, SessionName, Subscription, Timestamp,
};
pub use limiter::{Limiter, LimiterStatus, RateDefinition};
pub use loader::{LoadError, Loader, NoFiles};
pub use observer::{ChainEnd, Held, Observer, Seen, Watched};
pub use options::{ExtraChain, Options};
pub use outcome::{Decision, Effect, Fault, FaultKind, LogLevel, Outcome, Verdict};
pub use program::{Ruleset, RunLimits};
pub use shipped::{SHIPPED, shipped};
