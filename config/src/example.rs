//! Renders the reference and the commented example from the declarations of the keys.

use crate::equals;
use crate::schema::{Key, Preset, ROOT, SectionSpec};

const REFERENCE_HEAD: &str = "\
# Configuration

This reference is generated from the program's own declarations (`config/src/`).

## Files and layers

`portcullis --config FILE` reads that file; without it the first of `./portcullis.toml` and
`/etc/portcullis/portcullis.toml` that exists, and none at all if neither does. A start without any
configuration works. The file is TOML. Five layers are laid over each other, the weakest first:

1. the defaults below, with the host `localhost` if no file names a host and the listener `clients`
   if no file names a listener;
2. the file;
3. `conf.d/*.toml` beside the file, in the order of their names;
4. environment variables: `PORTCULLIS__NODE__ARBITERS=2` sets `node.arbiters`. Numbers are digits, lists
   are separated by commas. Hosts, whose names have dots, can not be reached this way;
5. `--set key.path=value` on the command line, as often as needed:
   `--set 'host.\"example.com\".registration.enabled=true'`. A value that begins with `[`, `{` or a
   quotation mark is read as TOML.

Tables of two layers are merged key by key; a list replaces the list below it. Relative paths in a file
start at the directory of the main file, those from the environment and the command line at the
directory that the program was started in.

Every mistake of every layer is reported at once, with its file and line, and nothing is opened:

```text
portcullis: config error: listener.clients.tls.timeuot: unknown key, did you mean `timeout` (portcullis.toml:7)
```

The exit status is then 78. `portcullis check` reports the same, and the mistakes of all firewall scripts.

## Values

A duration is `\"500ms\"`, `\"30s\"`, `\"5m\"`, `\"1h\"`, `\"2d\"`, or a number of seconds. A size is
`\"10kB\"` (1000 bytes), `\"64KiB\"` (1024 bytes), `MB`, `MiB`, `GB`, `GiB`, or a number of bytes. A rate is
a number of events per `s`, `m`, `h` or `d`: `\"3/h\"`.

## Reload

`portcullis reload` and SIGHUP read the configuration again. If it has a mistake, nothing changes. Each
key says when a change holds: *at once*, for *new connections*, after the *listening sockets are
reopened* (which happens by itself and keeps the sessions), or only after a *restart*; a reload that
would need a restart says so and leaves that key as it was.

## Other servers

The keys of the network layer say under *Elsewhere* what Prosody and Stalwart call the same thing. One of their names in our
file is an error that names ours.

";

const EXAMPLE_HEAD: &str = "\
# portcullis.toml: every key with its default, commented out.
#
# This file is generated from the program's own declarations. docs/configuration.md says what the
# values may be and what a reload does with them. `portcullis check --config FILE` finds mistakes.
";

/// The reference, `docs/configuration.md`.
#[must_use]
pub fn reference() -> String {
    let mut text = REFERENCE_HEAD.to_owned();
    for section in ROOT.tables {
        reference_section(section, "", &mut text);
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

fn reference_section(section: &SectionSpec, above: &str, text: &mut String) {
    let path = path(section, above, &placeholder(section));
    if !section.keys.is_empty() || !section.doc.is_empty() {
        text.push_str(&format!("## `[{path}]`\n\n"));
        push_wrapped(text, section.doc, "");
        text.push('\n');
    }
    for key in section.keys {
        text.push_str(&format!("### `{path}.{}`\n\n", key.name));
        push_wrapped(text, key.doc, "");
        text.push_str(&format!("\n- Values: {}\n", markdown(&values(key))));
        text.push_str(&format!("- Default: {}\n", default_of(key)));
        text.push_str(&format!("- Change: {}\n", key.reload.describe()));
        let key = format!("{path}.{}", key.name);
        match equals::elsewhere(&key) {
            Some(names) => text.push_str(&format!("- Elsewhere: {names}\n")),
            None if equals::concerns(&key) => text.push_str("- Elsewhere: no equal\n"),
            None => {}
        }
        text.push('\n');
    }
    for inner in section.tables {
        reference_section(inner, &path, text);
    }
}

fn values(key: &Key) -> String {
    key.accepts.describe()
}

/// Quoted TOML and wildcards, in code marks.
fn markdown(text: &str) -> String {
    text.replace("\"*\"", "`\"*\"`")
        .replace("*:5222", "\\*:5222")
}

fn default_of(key: &Key) -> String {
    match key.preset {
        Preset::Value(toml) => format!("`{toml}`"),
        Preset::Unset(meaning) => meaning.to_owned(),
        Preset::Required => "none, the key must be there".to_owned(),
    }
}

/// The commented example, `config/portcullis.toml`.
#[must_use]
pub fn example() -> String {
    let mut text = EXAMPLE_HEAD.to_owned();
    for section in ROOT.tables {
        example_section(section, "", &mut text);
    }
    text
}

fn example_section(section: &SectionSpec, above: &str, text: &mut String) {
    let path = path(section, above, section.named.unwrap_or_default());
    text.push('\n');
    push_wrapped(text, section.doc, "# ");
    text.push_str(&format!("#[{path}]\n"));
    for key in section.keys {
        text.push('\n');
        push_wrapped(text, key.doc, "# ");
        match key.preset {
            Preset::Value(toml) => text.push_str(&format!("#{} = {toml}\n", key.name)),
            Preset::Unset(meaning) => {
                push_wrapped(text, &format!("Default: {meaning}."), "# ");
                text.push_str(&format!("#{} = {}\n", key.name, key.example));
            }
            Preset::Required => text.push_str(&format!("#{} = {}\n", key.name, key.example)),
        }
    }
    for inner in section.tables {
        example_section(inner, &path, text);
    }
}

fn placeholder(section: &SectionSpec) -> String {
    match section.name {
        "host" => "\"<domain>\"".to_owned(),
        _ if section.named.is_some() => "<name>".to_owned(),
        _ => String::new(),
    }
}

fn path(section: &SectionSpec, above: &str, name: &str) -> String {
    let mut path = String::new();
    for part in [above, section.name, name] {
        if !part.is_empty() {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(part);
        }
    }
    path
}

/// Lines of at most 100 characters, each after `prefix`.
fn push_wrapped(text: &mut String, paragraph: &str, prefix: &str) {
    const WIDTH: usize = 100;
    let mut line = prefix.to_owned();
    for word in paragraph.split_whitespace() {
        if line.len() > prefix.len() && line.chars().count() + 1 + word.chars().count() > WIDTH {
            text.push_str(line.trim_end());
            text.push('\n');
            line = prefix.to_owned();
        }
        if line.len() > prefix.len() {
            line.push(' ');
        }
        line.push_str(word);
    }
    text.push_str(line.trim_end());
    text.push('\n');
}
