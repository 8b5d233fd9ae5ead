//! What the reference says of definitions.

/// Everything about a kind of definition but how it is read.
#[derive(Debug)]
pub(crate) struct Spec {
    /// The word behind `%`.
    pub(crate) keyword: &'static str,
    /// How it is written.
    pub(crate) syntax: &'static str,
    /// What it defines, in Markdown.
    pub(crate) summary: &'static str,
    /// Its options and what they mean.
    pub(crate) options: &'static [(&'static str, &'static str)],
    /// Scripts with tests of their own.
    pub(crate) examples: &'static [&'static str],
}

/// All definitions, in the order of the reference.
pub(crate) const ALL: &[Spec] = &[ZONE, LIST, SEARCH, PATTERN, RATE];

const ZONE: Spec = Spec {
    keyword: "ZONE",
    syntax: "%ZONE name: member, member ...",
    summary: "Hosts, bare JIDs and full JIDs, separated by commas or blanks. A host stands for itself and all of its users, not for \
              subdomains. The zone `$local` needs no definition: it is all hosts of this server.",
    options: &[],
    examples: &[
        "%ZONE office: example.com, partner.example, boss@example.org

ENTERING: office
BOUNCE=not-allowed

%TEST strangers stay outside, members do not meet a border:
<message from='romeo@example.net/x' to='juliet@example.com'/>
expect: bounce not-allowed
<message from='a@partner.example/x' to='juliet@example.com'/>
expect: none
<message from='boss@example.org/x' to='juliet@example.com'/>
expect: none
<message from='a@sub.partner.example/x' to='juliet@example.com'/>
expect: bounce not-allowed
",
    ],
};

const LIST: Spec = Spec {
    keyword: "LIST",
    syntax: "%LIST name: memory, file:/path or https://address (option: value, option: value)",
    summary: "A set of texts that `CHECK LIST` and `SCAN` look up byte for byte. A list in `memory` is empty at first and lives \
              until a restart. A file has an entry on each line and is read again when it changes. A list over HTTP is \
              fetched, and its last good copy is kept on disk. `ADD TO` and `REMOVE FROM` change lists in memory and, \
              beside the file, lists of files. A value can not hold a comma.",
    options: &[
        ("limit: 1000", "Of what rules add, so many entries are kept; the oldest makes room. A million if it is not said."),
        ("missing: ignore", "A file that is not there is an empty list. Without it the script is not loaded."),
        ("filter: bare+lower", "Applied in this order to what is added and looked up: `upper`, `lower`, `bare` and `prep` (of JIDs), `md5`, `sha1`, \
            `sha256` (raw digests), `log` (nothing). Entries of files and of HTTP are taken as they are."),
        ("hash: sha256", "HTTP: what is looked up is hashed first, and entries are digests in lower-case hexadecimal digits. `md5`, `sha1`, `sha224`, \
            `sha256`, `sha384`, `sha512`."),
        ("ttl: 3600", "HTTP: seconds until the list is fetched again; 0 is never. 3600 if it is not said."),
        ("pattern: <li>(.-)</li>", "HTTP: a Lua pattern whose matches, or their first capture, are the entries. Without it each line is one."),
        ("checkcert: always", "HTTP: `always`, `when-sni` (the same) or `never`, which accepts any certificate. `checkcerts` is the same option."),
        ("when_unknown: skip", "HTTP: what a condition comes to while the list has never been fetched: `not-listed`, `listed`, `skip` or \
            `match`, as in `firewall.when_unknown`."),
    ],
    examples: &[
        "%LIST caught: memory (limit: 2, filter: bare)

INSPECT: body#=catch me
ADD TO=caught $<@from>

CHECK LIST: caught contains $<@from>
DROP.

%TEST the oldest entry makes room:
<message from='a@example.net/x' to='juliet@example.com'><body>catch me</body></message>
expect: drop
<message from='b@example.net/x' to='juliet@example.com'><body>catch me</body></message>
expect: drop
<message from='c@example.net/x' to='juliet@example.com'><body>catch me</body></message>
expect: drop
<message from='a@example.net/y' to='juliet@example.com'/>
expect: none
<message from='b@example.net/y' to='juliet@example.com'/>
expect: drop
",
        "%LIST blocked: file:/etc/portcullis/blocked.txt (missing: ignore)

CHECK LIST: blocked contains $<@from|host>
DROP.

%TEST entries are compared as a whole:
list blocked: spam.example
<message from='a@spam.example/x' to='juliet@example.com'/>
expect: drop
<message from='a@more.spam.example/x' to='juliet@example.com'/>
expect: none
",
        "%LIST servers: https://lists.example/servers.html (ttl: 900, pattern: <li>(.-)</li>, checkcert: always, when_unknown: not-listed)
%LIST accounts: https://lists.example/accounts.txt (hash: sha256)

CHECK LIST: servers contains $<@from|host>
DROP.

CHECK LIST: accounts contains $<@from|bare>
DROP.

%TEST both are looked up: drop
list servers: spam.example
list accounts: pest@example.net
<message from='a@spam.example/x' to='juliet@example.com'/>
<message from='pest@example.net/x' to='juliet@example.com'/>
",
    ],
};

const SEARCH: Spec = Spec {
    keyword: "SEARCH",
    syntax: "%SEARCH name: path",
    summary: "A place in stanzas, as for `INSPECT`, that `SCAN` and `COUNT` look through. A path that ends at an element is its XML; what is \
              not there is an empty text.",
    options: &[],
    examples: &["%SEARCH link: {jabber:x:oob}x/url#
%PATTERN program: %.exe$

COUNT: program in link > 0
BOUNCE=policy-violation (No programs, please)

%TEST programs are refused: bounce policy-violation
<message from='romeo@example.net/x' to='juliet@example.com'><x xmlns='jabber:x:oob'><url>https://x.example/a.exe</url></x></message>

%TEST pictures are not: none
<message from='romeo@example.net/x' to='juliet@example.com'><x xmlns='jabber:x:oob'><url>https://x.example/a.png</url></x></message>
"],
};

const PATTERN: Spec = Spec {
    keyword: "PATTERN",
    syntax: "%PATTERN name: lua-pattern",
    summary: "A Lua pattern for `SCAN` and `COUNT`. `%a` is a letter, `%d` a digit, `%s` white space, `%w` a letter or digit, a capital the \
              opposite; `[...]` a set; `*`, `+`, `-` and `?` repeat the item before them; `( )` captures; `%` before punctuation takes it \
              literally. It is checked completely when the script is loaded.",
    options: &[],
    examples: &["%SEARCH body: body#
%PATTERN number: %d%d%d%d[ -]?%d%d%d%d[ -]?%d%d%d%d[ -]?%d%d%d%d

COUNT: number in body >= 1
BOUNCE=policy-violation (This looks like the number of a card)

%TEST numbers of cards stay here: bounce policy-violation
<message from='romeo@example.net/x' to='juliet@example.com'><body>4000 1234-56789010 is mine</body></message>

%TEST other numbers do not: none
<message from='romeo@example.net/x' to='juliet@example.com'><body>call 4000 1234</body></message>
"],
};

const RATE: Spec = Spec {
    keyword: "RATE",
    syntax: "%RATE name: events-per-second (burst seconds) (entries number) (allow overflow)",
    summary: "A bucket, or with `LIMIT: name on ...` one for each value, that is refilled all the time. It holds rate times burst events, at \
              least one.",
    options: &[
        (
            "(burst 5)",
            "The events of so many seconds may come at once; fractions are allowed. 1 if it is not said.",
        ),
        (
            "(entries 4096)",
            "So many values are kept; more count as over the limit. `firewall.multirate_cache_limit` if it is not said.",
        ),
        (
            "(allow overflow)",
            "In a full table the oldest value is forgotten instead.",
        ),
    ],
    examples: &["%RATE slow: 0.5 (burst 4) (entries 2)
%RATE forgetful: 0.5 (burst 4) (entries 2) (allow overflow)

KIND: message
LIMIT: slow on $<@from|bare>
DROP.

KIND: iq
LIMIT: forgetful on $<@from|bare>
DROP.

%TEST two at once, then one in two seconds:
<message from='a@example.net/x' to='juliet@example.com'/>
repeat: 2
expect: none
<message from='a@example.net/x' to='juliet@example.com'/>
expect: drop
wait: 2s
<message from='a@example.net/x' to='juliet@example.com'/>
expect: none

%TEST a full table refuses new values, or forgets old ones:
<message from='a@example.net/x' to='juliet@example.com'/>
<message from='b@example.net/x' to='juliet@example.com'/>
<message from='c@example.net/x' to='juliet@example.com'/>
expect: drop
<iq type='get' id='1' from='a@example.net/x' to='juliet@example.com'/>
<iq type='get' id='1' from='b@example.net/x' to='juliet@example.com'/>
<iq type='get' id='1' from='c@example.net/x' to='juliet@example.com'/>
expect: none
"],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_definition_is_described() {
        let mut described: Vec<&str> = ALL.iter().map(|spec| spec.keyword).collect();
        let mut known = super::super::KEYWORDS.to_vec();
        described.sort_unstable();
        known.sort_unstable();
        assert_eq!(described, known);
    }

    #[test]
    fn every_option_stands_in_an_example() {
        for spec in ALL {
            for (option, _) in spec.options {
                let word = option.split([':', ' ']).next().unwrap_or_default();
                let is_shown = spec.examples.iter().any(|example| example.contains(word));
                assert!(is_shown, "%{}: {option}", spec.keyword);
            }
        }
    }
}
