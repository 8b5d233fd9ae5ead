//! `FROM COUNTRY`: where the far end is, as GeoIP sees it.

use crate::conditions::{Condition, Example, Parameter, Spec};
use crate::explain::sight::Sight;
use crate::facts::{CountryField, Needs};
use crate::refusal::Refusal;
use crate::run::Run;
use crate::scope::Scope;

/// What stands for an address that GeoIP does not know.
const UNKNOWN: &str = "--";

pub(crate) const SPEC: Spec = Spec {
    name: "FROM COUNTRY",
    parameter: Parameter::Optional,
    syntax: "FROM COUNTRY: SE, FROM COUNTRY: SWE or FROM COUNTRY: field=VALUE",
    summary: "GeoIP places the origin's address in this country: two letters (`code`), three letters (`code3`), or a field and its value (`continent=EU`). Unknown addresses are in `--`. Without a value: the country is known.",
    examples: &[
        Example {
            definitions: "",
            line: "FROM COUNTRY: se",
            stanza: "<message from='a@remote.example'/>",
            holds: true,
        },
        Example {
            definitions: "",
            line: "FROM COUNTRY: USA",
            stanza: "<message from='a@remote.example'/>",
            holds: false,
        },
    ],
    parse,
};

#[derive(Debug)]
struct FromCountry {
    field: CountryField,
    expected: Option<String>,
}

fn parse(_: &mut Scope<'_>, value: Option<&str>) -> Result<Box<dyn Condition>, Refusal> {
    let unknown = || {
        Refusal::invalid("Unknown country code type")
            .help("write two or three letters, or code=, code3= or continent=")
    };
    let Some(text) = value else {
        return Ok(Box::new(FromCountry {
            field: CountryField::Code,
            expected: None,
        }));
    };
    let (field, expected) = match text.split_once('=') {
        Some((field, expected)) => (field.trim().to_ascii_lowercase(), expected.trim()),
        None if text.len() == 2 => ("code".to_owned(), text),
        None if text.len() == 3 => ("code3".to_owned(), text),
        None => return Err(unknown()),
    };
    let field = match field.as_str() {
        "code" => CountryField::Code,
        "code3" => CountryField::Code3,
        "continent" => CountryField::Continent,
        _ => return Err(unknown()),
    };
    Ok(Box::new(FromCountry {
        field,
        expected: Some(expected.to_ascii_uppercase()),
    }))
}

impl Condition for FromCountry {
    fn holds(&self, run: &mut Run<'_>) -> bool {
        let found = run
            .origin
            .ip
            .and_then(|ip| run.facts.country(ip, self.field));
        let found = found.as_deref().unwrap_or(UNKNOWN);
        match &self.expected {
            Some(expected) => found == expected,
            None => found != UNKNOWN,
        }
    }

    fn seen(&self, run: &mut Run<'_>, sight: &mut Sight) {
        sight.add("address of the origin", run.origin.ip);
    }

    fn needs(&self) -> Needs {
        Needs::COUNTRY
    }
}
