//! What stands in the parentheses of a list and has no effect: the original ignores it, and so do we, but say it.

use super::definition::{Backend, inside};

/// A sentence for each part of a definition's options that means nothing to such a list.
pub(crate) fn strays(value: &str, backend: &Backend) -> Vec<String> {
    let known = match backend {
        Backend::Memory => &["limit", "filter"][..],
        Backend::File { .. } => &["missing", "filter"],
        Backend::Http { .. } => &[
            "ttl",
            "pattern",
            "hash",
            "checkcert",
            "checkcerts",
            "when_unknown",
            "filter",
        ],
    };
    let parts = inside(value).unwrap_or_default().split(',');
    let parts = parts.map(str::trim).filter(|part| !part.is_empty());
    parts
        .filter_map(|part| match part.split_once(':') {
            None => Some(format!(
                "`{part}` is ignored: a value ends at the next comma, and this is no option"
            )),
            Some((key, _)) if known.contains(&key) => None,
            Some((key, _)) => Some(format!(
                "the option `{key}` is ignored: such a list has {}",
                known.join(", ")
            )),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definitions::list::definition::parse;

    fn said(value: &str) -> Vec<String> {
        strays(value, &parse(value).expect("a definition").backend)
    }

    #[test]
    fn what_has_no_effect_is_said() {
        assert!(said("memory").is_empty());
        assert!(said("memory (limit: 5, filter: lower+bare)").is_empty());
        assert!(said("http://h/x (ttl: 60, pattern: a:b, when_unknown: skip)").is_empty());
        assert!(said("memory (ttl: 5)")[0].contains("`ttl`"));
        assert!(said("file:/x (missing: ignore, limits: 5)")[0].contains("`limits`"));
        let cut = said("http://h/x (pattern: \"url\",\"([^\"]+)\")");
        assert!(cut[0].contains("ends at the next comma"), "{cut:?}");
    }
}
