//! User databases of many accounts, in the form that each server reads.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::ValueEnum;

use crate::client::{PASSWORD, user};
use crate::scram::{Hash, StoredKeys, stored_keys};

/// Who is to read them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Prosody's data directory: `localhost/accounts/NAME.dat` below the path.
    Prosody,
    /// A text dump for mnesia's `load_textfile`.
    Ejabberd,
    /// Lines of `JID PASSWORD`.
    Batch,
}

/// Iterations of the stored keys. A server does not repeat them at log-in; the client does, once.
const ROUNDS: u32 = 4096;
const SALT: &[u8] = b"one-salt-for-all";

/// Writes `count` accounts of `domain` to `path`. All have the same password and salt: log-in costs the server the same,
/// and the generator derives its keys once.
pub fn write(format: Format, count: usize, domain: &str, path: &Path) -> Result<()> {
    let keys = stored_keys(Hash::Sha1, PASSWORD, SALT, ROUNDS);
    match format {
        Format::Prosody => write_prosody(&keys, count, domain, path),
        Format::Ejabberd => write_file(path, &ejabberd(&keys, count, domain)),
        Format::Batch => write_file(path, &batch(count, domain)),
    }
}

fn write_file(path: &Path, text: &str) -> Result<()> {
    let mut file =
        BufWriter::new(File::create(path).with_context(|| format!("creating {}", path.display()))?);
    file.write_all(text.as_bytes())?;
    Ok(file.flush()?)
}

fn write_prosody(keys: &StoredKeys, count: usize, domain: &str, path: &Path) -> Result<()> {
    let folder = path.join(domain).join("accounts");
    fs::create_dir_all(&folder)?;
    let text = prosody(keys);
    for index in 0..count {
        fs::write(folder.join(format!("{}.dat", user(index))), &text)?;
    }
    Ok(())
}

fn prosody(keys: &StoredKeys) -> String {
    format!(
        "return {{\n\t[\"iteration_count\"] = {ROUNDS};\n\t[\"salt\"] = \"{}\";\n\t[\"stored_key\"] = \"{}\";\n\t[\"server_key\"] = \"{}\";\n}};\n",
        String::from_utf8_lossy(SALT),
        hex(&keys.stored_key),
        hex(&keys.server_key),
    )
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn ejabberd(keys: &StoredKeys, count: usize, domain: &str) -> String {
    let mut text = String::from(
        "{tables,[{passwd,[{disc_copies,[nonode@nohost]},{attributes,[us,password]}]}]}.\n",
    );
    let scram = format!(
        "{{scram,<<\"{}\">>,<<\"{}\">>,<<\"{}\">>,sha,{ROUNDS}}}",
        STANDARD.encode(&keys.stored_key),
        STANDARD.encode(&keys.server_key),
        STANDARD.encode(SALT),
    );
    for index in 0..count {
        text += &format!(
            "{{passwd,{{<<\"{}\">>,<<\"{domain}\">>}},{scram}}}.\n",
            user(index)
        );
    }
    text
}

fn batch(count: usize, domain: &str) -> String {
    (0..count)
        .map(|index| format!("{}@{domain} {PASSWORD}\n", user(index)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_format_holds_every_account() {
        let keys = stored_keys(Hash::Sha1, PASSWORD, SALT, 1);
        assert_eq!(
            batch(2, "localhost"),
            format!("bench0@localhost {PASSWORD}\nbench1@localhost {PASSWORD}\n")
        );
        assert_eq!(
            ejabberd(&keys, 3, "localhost")
                .matches("{passwd,{<<")
                .count(),
            3
        );
        assert!(prosody(&keys).contains("[\"stored_key\"] = \""));
        assert_eq!(hex(&[0, 255]), "00ff");
    }
}
