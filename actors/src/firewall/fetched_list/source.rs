//! Where a fetched list comes from, and what of its options matters to its contents: lists that agree in both share them.

use std::fmt;
use std::time::SystemTime;

use rules::definitions::list::definition::{Backend, ListDefinition};
use rules::definitions::list::http::{EntryReader, Schedule};
use url::Url;

use crate::firewall::world::timestamp;

/// A source with its options.
#[derive(Debug)]
pub(in crate::firewall) struct FetchSource {
    pub(super) url: Url,
    pub(super) name: String,
    pub(super) reader: EntryReader,
    pub(super) schedule: Schedule,
}

impl FetchSource {
    /// What a definition says; the error is for the operator.
    pub(in crate::firewall) fn new(definition: &ListDefinition) -> Result<Self, String> {
        let now = timestamp(SystemTime::now());
        let (Backend::Http { url, .. }, Some(schedule)) =
            (&definition.backend, Schedule::new(definition, now))
        else {
            return Err("no list that is fetched".to_owned());
        };
        let url = address(url)?;
        Ok(Self {
            name: format!("{url}{}", options(&definition.backend)),
            url,
            reader: EntryReader::new(definition),
            schedule,
        })
    }
}

impl fmt::Display for FetchSource {
    /// The address in normal form and the options as a script would have them; the defaults are nothing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

fn address(text: &str) -> Result<Url, String> {
    let url = Url::parse(text)
        .map_err(|error| format!("{text} is no address ({error}): write http://host/path"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(format!("{text} is no http address: write http://host/path"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "the address holds a user or a password, which reports would show: leave them out"
                .to_owned(),
        );
    }
    Ok(url)
}

fn options(backend: &Backend) -> String {
    let Backend::Http {
        ttl,
        pattern,
        verify_certificate,
        ..
    } = backend
    else {
        return String::new();
    };
    let mut options = Vec::new();
    if *ttl != 3600 {
        options.push(format!("ttl: {ttl}"));
    }
    options.extend(
        pattern
            .as_ref()
            .map(|pattern| format!("pattern: {pattern}")),
    );
    if !verify_certificate {
        options.push("checkcert: never".to_owned());
    }
    match options.is_empty() {
        true => String::new(),
        false => format!(" ({})", options.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition(url: &str, ttl: u64, pattern: Option<&str>) -> ListDefinition {
        ListDefinition {
            backend: Backend::Http {
                url: url.to_owned(),
                ttl,
                pattern: pattern.map(str::to_owned),
                verify_certificate: pattern.is_none(),
            },
            limit: None,
            filters: Vec::new(),
            hash: None,
            when_unknown: None,
        }
    }

    #[test]
    fn sources_are_told_apart_by_address_and_options() {
        let name = |url, ttl, pattern| {
            FetchSource::new(&definition(url, ttl, pattern))
                .unwrap()
                .to_string()
        };
        assert_eq!(
            name("HTTP://Lists.Example/a", 3600, None),
            "http://lists.example/a"
        );
        assert_eq!(
            name("https://h/", 60, Some("%a+")),
            "https://h/ (ttl: 60, pattern: %a+, checkcert: never)"
        );
    }

    #[test]
    fn addresses_that_lead_nowhere_are_refused() {
        for bad in [
            "http://",
            "http",
            "https://user:secret@h/",
            "http://h:99999/",
        ] {
            let refused = FetchSource::new(&definition(bad, 1, None)).unwrap_err();
            assert!(!refused.contains("secret"), "{refused}");
        }
    }
}
