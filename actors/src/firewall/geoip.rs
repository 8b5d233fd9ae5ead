//! Where an address is: a country or city database in MaxMind's format, whole in memory, never changed.

mod iso3166;

use std::borrow::Cow;
use std::net::IpAddr;
use std::path::Path;

use maxminddb::{PathElement, Reader};
use rules::CountryField;

use super::files;

const COUNTRY: [PathElement<'_>; 2] = [PathElement::Key("country"), PathElement::Key("iso_code")];
const CONTINENT: [PathElement<'_>; 2] = [PathElement::Key("continent"), PathElement::Key("code")];

/// A database that can be looked into.
#[derive(Debug)]
pub(super) struct Database(Reader<Vec<u8>>);

impl Database {
    /// Reads a file of 256 MiB at most. Blocks: not for an arbiter.
    ///
    /// # Errors
    /// Why it can not be used, with its path.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let bytes = files::read(path).map_err(|error| error.to_string())?;
        let refused = |error| format!("{}: not a country database: {error}", path.display());
        Reader::from_source(bytes).map(Self).map_err(refused)
    }

    /// What its maker calls it: `GeoLite2-Country`.
    pub(super) fn kind(&self) -> &str {
        &self.0.metadata().database_type
    }

    /// The field in upper case; `None` for an address that the database does not place. Three letters exist for the
    /// countries of ISO 3166-1 alone.
    pub(super) fn country(&self, ip: IpAddr, field: CountryField) -> Option<Cow<'_, str>> {
        // A peer over a dual-stack socket has an IPv4 address in IPv6 clothes.
        let ip = ip.to_canonical();
        match field {
            CountryField::Code => self.text(ip, &COUNTRY),
            CountryField::Code3 => {
                let (_, alpha3) = iso3166::codes(&self.text(ip, &COUNTRY)?)?;
                Some(Cow::Borrowed(alpha3))
            }
            CountryField::Continent => self.text(ip, &CONTINENT),
        }
    }

    /// The text at `path` in the entry of `ip`. An entry that can not be decoded is none.
    fn text(&self, ip: IpAddr, path: &[PathElement<'_>]) -> Option<Cow<'_, str>> {
        let text: &str = self.0.lookup(ip).ok()?.decode_path(path).ok()??;
        let is_upper = !text.bytes().any(|byte| byte.is_ascii_lowercase());
        Some(match is_upper {
            true => Cow::Borrowed(text),
            false => Cow::Owned(text.to_ascii_uppercase()),
        })
    }
}

#[cfg(test)]
mod tests;
