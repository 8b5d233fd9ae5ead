//! `portcullis firewall`: each command in a file of its own.

mod check;
mod counters;
mod explain;
mod fmt;
mod mark;
mod shadow;
mod test;
mod trace;
mod trial;

use std::process::ExitCode;

use clap::Subcommand;
use portcullis_config::Sources;

use super::configured;

/// The rules: check, try, explain and watch them, and mark users.
#[derive(Subcommand)]
pub(super) enum FirewallCommand {
    /// Report every mistake of scripts, run their tests, and warn of what looks wrong. Needs no node and no
    /// configuration.
    ///
    /// Exits with 0 if they can be loaded, 78 if not, and 1 if there are warnings and --deny-warnings is given.
    Check(check::Check),
    /// Write scripts in their canonical layout; comments and meaning stay.
    ///
    /// Exits with 0 if all is well, 78 if a script can not be read, and 1 if --check finds one that is not laid out.
    Fmt(fmt::Fmt),
    /// Show how often each rule was evaluated and matched, when it matched last, and what it cost.
    Counters(counters::Counters),
    /// Try scripts on live traffic before they decide anything.
    #[command(subcommand)]
    Shadow(shadow::ShadowCommand),
    /// Mark a user, as the action MARK USER does.
    Mark(mark::Mark),
    /// Take a mark off a user, as the action UNMARK USER does.
    Unmark(mark::Mark),
    /// Show the users of a host that have a mark, with the time of marking.
    Marked(mark::Marked),
    /// Run stanzas from standard input through scripts, count them and tell which rule decided on each.
    Test(test::Test),
    /// Tell what scripts, or the running node, do with a stanza: rule by rule, condition by condition.
    Explain(explain::Explain),
    /// Show what the running node's rules do with stanzas, as they do it.
    Trace(trace::Trace),
}

/// Does what is asked; a command that needs the configuration reads it by [`configured`].
pub(super) fn run(sources: &Sources, command: FirewallCommand) -> ExitCode {
    match command {
        FirewallCommand::Check(check) => check::check(sources, &check),
        FirewallCommand::Fmt(fmt) => fmt::fmt(&fmt),
        FirewallCommand::Counters(wish) => {
            configured(sources, |config| counters::counters(config, wish))
        }
        FirewallCommand::Shadow(command) => {
            configured(sources, |config| shadow::shadow(config, command))
        }
        FirewallCommand::Mark(mark) => configured(sources, |config| mark::mark(config, mark)),
        FirewallCommand::Unmark(mark) => configured(sources, |config| mark::unmark(config, mark)),
        FirewallCommand::Marked(marked) => {
            configured(sources, |config| mark::marked(config, marked))
        }
        FirewallCommand::Test(test) => configured(sources, |config| test::test(config, &test)),
        FirewallCommand::Explain(explain) => {
            configured(sources, |config| explain::explain(config, &explain))
        }
        FirewallCommand::Trace(trace) => configured(sources, |config| trace::trace(config, trace)),
    }
}
