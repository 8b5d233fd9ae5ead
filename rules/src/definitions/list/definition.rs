//! The text behind `%LIST name:`.

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};
use xmpp::jid::Jid;

use crate::address::split;
use crate::diagnostic::Code;
use crate::lua_pattern::{Mode, Pattern};
use crate::refusal::Refusal;

/// Where a list comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backend {
    /// Empty at start.
    Memory,
    /// The lines of a file.
    File {
        /// The path as written.
        path: String,
        /// True if a file that is not there is an empty list: any value of `missing` does that, `ignore` is the
        /// one to write.
        may_be_missing: bool,
    },
    /// Fetched over HTTP.
    Http {
        /// The address.
        url: String,
        /// Seconds until it is fetched again; 0 is never.
        ttl: u64,
        /// Lua pattern whose matches are the entries; by lines if there is none.
        pattern: Option<String>,
        /// False if certificates are not to be verified.
        verify_certificate: bool,
    },
}

/// A hash function of lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    /// MD5
    Md5,
    /// SHA-1
    Sha1,
    /// SHA-224
    Sha224,
    /// SHA-256
    Sha256,
    /// SHA-384
    Sha384,
    /// SHA-512
    Sha512,
}

impl Hash {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "md5" => Self::Md5,
            "sha1" => Self::Sha1,
            "sha224" => Self::Sha224,
            "sha256" => Self::Sha256,
            "sha384" => Self::Sha384,
            "sha512" => Self::Sha512,
            _ => return None,
        })
    }

    /// The digest as bytes.
    #[must_use]
    pub fn digest(self, text: &[u8]) -> Vec<u8> {
        match self {
            Self::Md5 => Md5::digest(text).to_vec(),
            Self::Sha1 => Sha1::digest(text).to_vec(),
            Self::Sha224 => Sha224::digest(text).to_vec(),
            Self::Sha256 => Sha256::digest(text).to_vec(),
            Self::Sha384 => Sha384::digest(text).to_vec(),
            Self::Sha512 => Sha512::digest(text).to_vec(),
        }
    }

    /// The digest in lower-case hexadecimal digits.
    #[must_use]
    pub fn hex(self, text: &[u8]) -> String {
        const DIGITS: [char; 16] = [
            '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
        ];
        let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or('0');
        self.digest(text)
            .into_iter()
            .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
            .collect()
    }
}

/// A function that every text goes through before it is added or looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// ASCII letters to upper case.
    Upper,
    /// ASCII letters to lower case.
    Lower,
    /// The digest, as bytes.
    Hash(Hash),
    /// The normalised form of a JID.
    Prep,
    /// The bare form of a JID.
    Bare,
    /// The text itself; the original logs it.
    Log,
}

impl Filter {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "upper" => Self::Upper,
            "lower" => Self::Lower,
            "md5" => Self::Hash(Hash::Md5),
            "sha1" => Self::Hash(Hash::Sha1),
            "sha256" => Self::Hash(Hash::Sha256),
            "prep" => Self::Prep,
            "bare" => Self::Bare,
            "log" => Self::Log,
            _ => return None,
        })
    }

    pub(super) fn apply(self, text: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Upper => Some(text.to_ascii_uppercase()),
            Self::Lower => Some(text.to_ascii_lowercase()),
            Self::Hash(hash) => Some(hash.digest(text)),
            Self::Log => Some(text.to_vec()),
            Self::Prep => {
                let jid = Jid::new(std::str::from_utf8(text).ok()?).ok()?;
                Some(jid.as_str().as_bytes().to_vec())
            }
            Self::Bare => {
                let parts = split(std::str::from_utf8(text).ok()?)?;
                Some(parts.bare.as_bytes().to_vec())
            }
        }
    }
}

/// What a `%LIST` definition says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListDefinition {
    /// Where it comes from.
    pub backend: Backend,
    /// Entries that rules may have added at one time.
    pub limit: Option<usize>,
    /// Applied in order to what is added or looked up.
    pub filters: Vec<Filter>,
    /// Applied to what is looked up; entries are hexadecimal digests.
    pub hash: Option<Hash>,
    /// What a condition on it comes to before it was ever loaded; `None`: what [`crate::Options`] say.
    pub when_unknown: Option<WhenUnknown>,
}

/// What a condition that asks a list comes to while nobody knows what is in the list: it has never been loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenUnknown {
    /// As if the list were empty, like the original.
    #[default]
    NotListed,
    /// As if everything were in the list.
    Listed,
    /// The condition does not hold, with `NOT` or without: the rule is skipped.
    Skip,
    /// The condition holds, with `NOT` or without: the other conditions of the rule decide.
    Match,
}

impl WhenUnknown {
    /// The values in the order of the documentation.
    pub const ALL: [Self; 4] = [Self::NotListed, Self::Listed, Self::Skip, Self::Match];

    /// The value of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }

    /// How it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotListed => "not-listed",
            Self::Listed => "listed",
            Self::Skip => "skip",
            Self::Match => "match",
        }
    }

    /// What the condition comes to.
    pub(crate) const fn holds(self, is_negated: bool) -> bool {
        match self {
            Self::NotListed => is_negated,
            Self::Listed => !is_negated,
            Self::Skip => false,
            Self::Match => true,
        }
    }
}

/// Reads a definition's value.
pub(crate) fn parse(value: &str) -> Result<ListDefinition, Refusal> {
    let source = value.split(char::is_whitespace).next().unwrap_or_default();
    let options = options(value);
    let option = |name: &str| {
        options
            .iter()
            .rev()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| *value)
    };
    let length = value.bytes().take_while(u8::is_ascii_alphanumeric).count();
    let word = value.get(..length).unwrap_or_default();
    let backend = match word {
        "memory" => Backend::Memory,
        "file" if source == "file:" => {
            return Err(Refusal::invalid("the list has no file").help("write file:/path"));
        }
        "file" => Backend::File {
            path: source.strip_prefix("file:").unwrap_or(source).to_owned(),
            may_be_missing: option("missing").is_some(),
        },
        "http" | "https" => http(source, &option)?,
        "" => {
            return Err(
                Refusal::invalid("the list has no type").help("write memory, file:/path or a URL")
            );
        }
        "pubsubitemid" => {
            return Err(Refusal::new(
                Code::Unsupported,
                "lists of type 'pubsubitemid' are not supported yet",
            ));
        }
        other => {
            return Err(Refusal::invalid(format!("Unknown list type '{other}'"))
                .help("the types are memory, file, http and https"));
        }
    };
    Ok(ListDefinition {
        limit: match (&backend, option("limit")) {
            (Backend::Memory, Some(limit)) => Some(parse_limit(limit)?),
            _ => None,
        },
        hash: match (&backend, option("hash")) {
            (Backend::Http { .. }, Some(name)) => Some(Hash::named(name).ok_or_else(|| {
                Refusal::invalid(format!("invalid hash function: {name}"))
                    .help("the functions are md5, sha1, sha224, sha256, sha384 and sha512")
            })?),
            _ => None,
        },
        when_unknown: option("when_unknown")
            .map(|word| parse_when_unknown(&backend, word))
            .transpose()?,
        filters: option("filter")
            .map(parse_filters)
            .transpose()?
            .unwrap_or_default(),
        backend,
    })
}

fn http<'v>(url: &str, option: &dyn Fn(&str) -> Option<&'v str>) -> Result<Backend, Refusal> {
    let ttl = option("ttl").unwrap_or("3600");
    let ttl = ttl
        .trim()
        .parse::<f64>()
        .ok()
        .filter(|ttl| ttl.is_finite() && *ttl >= 0.0)
        .ok_or_else(|| {
            Refusal::invalid(format!(
                "invalid ttl for <{url}> (expected number of seconds)"
            ))
        })?;
    if let Some(pattern) = option("pattern")
        && let Err(error) = Pattern::new(pattern.as_bytes(), Mode::Iterate)
    {
        return Err(
            Refusal::new(Code::Pattern, format!("invalid pattern for <{url}>"))
                .help(error.to_string()),
        );
    }
    let verify = option("checkcert")
        .or(option("checkcerts"))
        .unwrap_or("when-sni");
    if !["always", "never", "when-sni"].contains(&verify) {
        return Err(Refusal::invalid(format!("invalid checkcert: {verify}"))
            .help("write always, never or when-sni"));
    }
    Ok(Backend::Http {
        url: url.to_owned(),
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked to be a number from 0 on; `as` saturates"
        )]
        ttl: ttl.ceil() as u64,
        pattern: option("pattern").map(str::to_owned),
        verify_certificate: verify != "never",
    })
}

fn parse_when_unknown(backend: &Backend, word: &str) -> Result<WhenUnknown, Refusal> {
    if !matches!(backend, Backend::Http { .. }) {
        return Err(Refusal::invalid(
            "`when_unknown` has no meaning here: only lists over http can be unknown",
        )
        .help("leave it out"));
    }
    WhenUnknown::named(word.trim()).ok_or_else(|| {
        Refusal::invalid(format!("invalid when_unknown: {word}"))
            .help("write not-listed, listed, skip or match")
    })
}

fn parse_limit(text: &str) -> Result<usize, Refusal> {
    let limit = text.trim().parse::<f64>().map_err(|_| {
        Refusal::invalid("Invalid list limit").help("limit is the number of entries, from 1 on")
    })?;
    if limit < 1.0 {
        return Err(Refusal::invalid("cache size must be greater than zero")
            .help("limit is the number of entries, from 1 on"));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be at least 1; `as` saturates"
    )]
    let limit = limit as usize;
    Ok(limit.min(super::MAX_ADDED))
}

fn parse_filters(text: &str) -> Result<Vec<Filter>, Refusal> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|name| !name.is_empty())
        .map(|name| {
            Filter::named(name).ok_or_else(|| {
                Refusal::invalid(format!("Unknown list filter: {name}"))
                    .help("the filters are upper, lower, md5, sha1, sha256, prep, bare and log")
            })
        })
        .collect()
}

/// What stands in parentheses behind the first word.
pub(super) fn inside(value: &str) -> Option<&str> {
    let at = value.find(char::is_whitespace)?;
    let rest = value.get(at..)?.trim_start().strip_prefix('(')?;
    rest.rfind(')').and_then(|end| rest.get(..end))
}

/// `(key: value, key: value)` behind the first word; a value ends at the next comma.
fn options(value: &str) -> Vec<(&str, &str)> {
    let Some(mut inside) = inside(value) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    while let Some(colon) = inside.find(':') {
        let key = inside.get(..colon).unwrap_or_default();
        let key = match key.ends_with("when_unknown") {
            true => "when_unknown",
            false => key
                .rsplit(|c: char| !c.is_ascii_alphanumeric())
                .next()
                .unwrap_or_default(),
        };
        let value = inside.get(colon + 1..).unwrap_or_default();
        let value = value.strip_prefix(' ').unwrap_or(value);
        let end = value.find(',').unwrap_or(value.len());
        if !key.is_empty() && end > 0 {
            found.push((key, value.get(..end).unwrap_or_default()));
        }
        inside = value.get(end..).unwrap_or_default();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_filter_is_empty_for_the_next() {
        let filtered = |value: &str, text: &[u8]| {
            let definition = parse(value).expect("a definition");
            definition.filtered(text).map(|text| text.into_owned())
        };
        assert_eq!(filtered("memory (filter: prep)", b"<>@"), None);
        let next = filtered("memory (filter: prep+upper)", b"<>@");
        assert_eq!(next, Some(Vec::new()));
        assert_eq!(filtered("memory (filter: upper+prep)", b"<>@"), None);
    }

    #[test]
    fn options_end_at_commas() {
        let list = parse("http://h/x (ttl: 60, pattern: \"d\" *\"([^\"]+)\", hash: sha1)")
            .expect("a list");
        assert_eq!(list.hash, Some(Hash::Sha1));
        assert_eq!(list.when_unknown, None);
        let cautious = parse("http://h/x (ttl: 60, when_unknown: skip)").expect("a list");
        assert_eq!(cautious.when_unknown, Some(WhenUnknown::Skip));
        assert_eq!(
            list.backend,
            Backend::Http {
                url: "http://h/x".into(),
                ttl: 60,
                pattern: Some("\"d\" *\"([^\"]+)\"".into()),
                verify_certificate: true,
            }
        );
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in [
            "",
            "/etc/x",
            "ftp:x",
            "memory (limit: 0)",
            "memory (limit: x)",
            "memory (filter: nope)",
            "memory (when_unknown: skip)",
            "http://h/x (when_unknown: perhaps)",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn hex_is_lower_case() {
        assert_eq!(
            Hash::Sha1.hex(b""),
            "da39a3ee5e6b4b0d3255bfef95601890afd80709"
        );
    }
}
