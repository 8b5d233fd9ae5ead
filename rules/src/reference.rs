//! The reference of the language, from the tables of conditions and actions.

use std::fmt::Write as _;

use crate::check::TEST_STATEMENTS;
use crate::context::STATEMENTS;
use crate::definitions::spec;
use crate::{MAX_STANZAS, MAX_TESTS, actions, conditions};

/// `docs/rules-reference.md` as it should be.
#[must_use]
pub fn render() -> String {
    let mut out = String::from(
        "# Rules reference\n\nGenerated from the source of definitions, conditions and actions; do not edit. Every example runs as a test. The \
         [guide](rules.md) begins with what rules are for.\n\n## Definitions\n",
    );
    definitions(&mut out);
    out.push_str("\n## Conditions\n");
    for spec in conditions::ALL {
        section(&mut out, spec.name, spec.syntax, spec.summary);
        for example in spec.examples {
            let verb = if example.holds {
                "Holds for"
            } else {
                "Does not hold for"
            };
            if !example.definitions.is_empty() {
                append(
                    &mut out,
                    format_args!(
                        "\n```\n{}\n\n{}\n```\n\n",
                        example.definitions.trim_end(),
                        example.line
                    ),
                );
            } else {
                append(&mut out, format_args!("\n`{}`\n\n", example.line));
            }
            append(&mut out, format_args!("{verb}\n`{}`\n", example.stanza));
        }
    }
    out.push_str("\n## Actions\n");
    for spec in actions::ALL {
        section(
            &mut out,
            &spec.name.replace('_', " "),
            spec.syntax,
            spec.summary,
        );
        append(
            &mut out,
            format_args!("\n```pfw\n{}\n```\n", spec.example.trim_end()),
        );
    }
    tests(&mut out);
    out
}

fn definitions(out: &mut String) {
    for spec in spec::ALL {
        let name = format!("%{}", spec.keyword);
        section(out, &name, spec.syntax, spec.summary);
        if !spec.options.is_empty() {
            out.push_str("\n| option | meaning |\n|---|---|\n");
        }
        for (option, meaning) in spec.options {
            append(out, format_args!("| `{option}` | {meaning} |\n"));
        }
        for example in spec.examples {
            append(out, format_args!("\n```pfw\n{}\n```\n", example.trim_end()));
        }
    }
}

/// A script with a test, for the reference; it loads as it stands.
const TESTED: &str = "%LIST spammers: file:/etc/portcullis/spammers.txt
%RATE slow: 1 (burst 2)

KIND: message
CHECK LIST: spammers contains $<@from|host>
BOUNCE=policy-violation (Go away)

KIND: message
NOT IN ROSTER?
LIMIT: slow on $<@from|bare>
DROP.

%TEST spam is refused: bounce policy-violation
list spammers: spam.example
<message from='a@spam.example/x' to='juliet@example.com'/>

%TEST strangers are slowed down, friends are not: pass
roster juliet@example.com: romeo@example.net both
<message from='romeo@example.net/x' to='juliet@example.com'>
  <body>Hello</body>
</message>
repeat: 5
<message from='paris@example.net/x' to='juliet@example.com'/>
repeat: 2
<message from='paris@example.net/x' to='juliet@example.com'/>
expect: drop
by: LIMIT: slow on $<@from|bare>
wait: 10s
<message from='paris@example.net/x' to='juliet@example.com'/>
";

fn tests(out: &mut String) {
    append(
        out,
        format_args!(
            "\n## Tests\n\nA script may hold its own tests. `%TEST name: verdict` begins one, an empty line ends it. It runs \
             when the script is checked or loaded, and a script whose test fails is not loaded. Below the first \
             line stand stanzas, each beginning with `<` and ending with the line that completes it, and \
             statements: about the world before the stanzas that see it, about what is expected below the \
             stanza. The verdict of the first line holds for all stanzas without an `expect` of their own, \
             and may be left out.\n\nA test runs the rules of its own script, and what these use of other \
             scripts. It never sees or changes what the running server holds: lists hold what the test says, \
             limiters start full, and state lasts from stanza to stanza of one test. A script has at most {MAX_TESTS} \
             tests, which send at most {MAX_STANZAS} stanzas. Scripts with tests are no scripts of mod_firewall any \
             more.\n\n```pfw\n{TESTED}```\n"
        ),
    );
    for (syntax, summary) in TEST_STATEMENTS {
        append(out, format_args!("\n`{syntax}`\n\n{summary}\n"));
    }
    append(
        out,
        format_args!(
            "\n## Contexts\n\nThe world that a stanza meets, for tests and for trying scripts out: one statement on a \
             line, with comments and continuation as in scripts. What is not said is deduced from the stanza: it comes \
             from a client if its `from` is an account of a local host, from this server if it has none or \
             that of a local host, else from a server.\n"
        ),
    );
    for statement in STATEMENTS {
        append(
            out,
            format_args!("\n`{}`\n\n{}\n", statement.syntax, statement.summary),
        );
    }
}

fn section(out: &mut String, name: &str, syntax: &str, summary: &str) {
    append(
        out,
        format_args!("\n### {name}\n\n    {syntax}\n\n{summary}\n"),
    );
}

fn append(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing into a string can not fail.
    if out.write_fmt(text).is_err() {
        out.push('\n');
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::{LoadError, Loader, Options, Source, compile};

    struct Empty;

    impl Loader for Empty {
        fn read(&self, _: &str) -> Result<Vec<u8>, LoadError> {
            Ok(Vec::new())
        }
    }

    #[test]
    fn the_script_with_tests_loads_and_they_pass() {
        let source = Source {
            name: "tested.pfw".into(),
            text: TESTED.into(),
        };
        let compiled = compile("x.example", &[source], &Options::default(), &Empty, None);
        let report = &compiled.reports[0];
        assert_eq!(report.render(true), "");
        assert_eq!(report.tests.len(), 2);
    }
}
