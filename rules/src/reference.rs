//! The reference of the language, from the tables of conditions and actions.

use std::fmt::Write as _;

use crate::{actions, conditions};

/// `docs/rules-reference.md` as it should be.
#[must_use]
pub fn render() -> String {
    let mut out = String::from(
        "# Rules reference\n\nGenerated from the source of the conditions and actions; do not edit. Every example runs as a test.\n\n## Conditions\n",
    );
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
            format_args!("\n```\n{}\n```\n", spec.example.trim_end()),
        );
    }
    out
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
