//! How lines are laid out, and what people get wrong in them.

use super::random::Random;

const ODD: &[&str] = &[
    "FOO: x",
    "KIND:",
    "KIND",
    "INSPECT: body#!=x",
    "INSPECT: body#$~/=x",
    "INSPECT:",
    "COUNT: p in s",
    "COUNT: p in s => 1",
    "COUNT: p  in s > 1",
    "SCAN: s",
    "SCAN: s for p in nolist",
    "CHECK LIST: l  contains x",
    "CHECK LIST: nolist contains x",
    "PAYLOAD:",
    "PAYLOAD:  urn:a",
    "FROM:  juliet@remote.example",
    "TO:",
    "FROM?",
    "FROM: <*>@",
    "TO: /x",
    "TO: bob@example.com/",
    "FROM: a@b@c",
    "FROM: <<a[>>@<*>",
    "INSPECT: body#~=[a",
    "INSPECT: body#~=(a",
    "NOT NOT PAYLOAD: urn:a",
    "NOT",
    "NOTKIND: message",
    "kind: message",
    "ENTERING: nozone",
    "LEAVING: z z",
    "TIME: 9-10",
    "TIME: 9am",
    "TIME: am-pm",
    "DAY:",
    "DAY: someday",
    "LIMIT: with_line",
    "LIMIT: nolimit",
    "LIMIT: r  on x",
    "ORIGIN MARKED: m m",
    "ORIGIN MARKED: 2m",
    "ORIGIN MARKED: m (xs)",
    "IN ROSTER: no",
    "IN ROSTER GROUP:",
    "FROM GROUP:",
    "CROSSING GROUPS: x",
    "TO ROLE:",
    "EXPLODE.",
    "LOG.",
    "LOG=",
    "LOG=$(",
    "LOG=$<@from|nope>",
    "LOG=$<@from|>",
    "LOG=[loud] x",
    "LOG=[INFO ] a",
    "BOUNCE=nonsense",
    "STRIP.",
    "STRIP=body urn:a b",
    "STRIP=body ",
    "MARK ORIGIN= m",
    "MARK ORIGIN=2m",
    "MARK ORIGIN=a-b",
    "ADD TO=l",
    "ADD TO=nolist x",
    "ADD TO=l  x",
    "COPY.",
    "REDIRECT.",
    "REPLY.",
    "FORWARD.",
    "JUMP CHAIN.",
    "INJECT=<a",
    "INJECT=text",
    "INJECT=<a/><b/>",
    "UNMARK USER.",
    "%BLAH x: y",
    "%zone v: a",
    "%ZONE 2v: a",
    "%ZONE v",
    "%ZONE v :a",
    "% ZONE v: a",
    "%ZONE  v:a b",
    "%ZONE v:< /lists/members",
    "%ZONE v:< /lists/none",
    "%LIST v: nothing",
    "%LIST v: memory (limit: x)",
    "%LIST v: memory (filter: nope)",
    "%LIST v: file:/lists/none",
    "%LIST v: http://lists.example/none (ttl: x)",
    "%LIST v: http://lists.example/none (hash: nope)",
    "%LIST v: http://lists.example/none (pattern: [)",
    "%PATTERN v: [",
    "%PATTERN v: a(",
    "%PATTERN v: x[a",
    "%PATTERN v:",
    "%PATTERN v: \\\\d\\t%",
    "%SEARCH v:",
    "%RATE v: x",
    "%RATE v: 1 (burst)",
    "::user/",
    "::nochain",
    "::Deliver",
    "; a comment",
    "# a comment \\",
    "\u{feff}KIND: message",
];

/// Joins lines to a script; `trouble` lines of a hundred are odd in themselves or in their place.
pub(crate) fn with_trouble(random: &mut Random, lines: Vec<String>, trouble: usize) -> String {
    let mut script = String::new();
    for line in lines {
        if random.percent(trouble) {
            match random.below(4) {
                0 | 1 => {
                    script.push_str(random.pick(ODD));
                    script.push('\n');
                }
                // A blank line that is missing, or one too many.
                2 if line.is_empty() => continue,
                3 => script.push('\n'),
                _ => {}
            }
        }
        script.push_str(&laid_out(random, &line));
        script.push('\n');
    }
    if random.percent(10) {
        script.truncate(script.trim_end().len());
    }
    if random.percent(trouble.min(2)) {
        script.push_str("KIND: message \\");
    }
    script
}

/// White space that does not matter, continuations, comments between.
fn laid_out(random: &mut Random, line: &str) -> String {
    match random.below(60) {
        0 => format!("  {line} \t"),
        1 => format!("{line}\r"),
        2 => format!("# comment\n{line}"),
        3 | 4 if line.len() > 6 && !line.ends_with('\\') => {
            let at = random.between(1, line.len() - 2);
            match (line.get(..at), line.get(at..)) {
                (Some(start), Some(end)) => format!("{start}\\\n   {end}"),
                _ => line.to_owned(),
            }
        }
        _ => line.to_owned(),
    }
}
