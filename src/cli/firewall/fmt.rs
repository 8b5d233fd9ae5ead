//! `portcullis firewall fmt`: scripts in their canonical layout.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, anyhow};
use clap::Args;
use rules::format::format;

use crate::cli::EXIT_CONFIG;
use crate::output;

/// Exit status where `--check` finds a script that is not laid out.
const EXIT_DIFFERS: u8 = 1;
/// Largest script, in bytes.
const MAX_BYTES: u64 = 16 << 20;

/// Which scripts, and where to.
#[derive(Args)]
pub(in crate::cli) struct Fmt {
    /// Scripts; `-` reads standard input and writes standard output.
    #[arg(required = true, value_name = "SCRIPT")]
    scripts: Vec<PathBuf>,
    /// Write nothing; name the scripts that are not laid out.
    #[arg(long, conflicts_with = "stdout")]
    check: bool,
    /// Write to standard output instead of the files.
    #[arg(long)]
    stdout: bool,
}

/// Lays all scripts out; one with mistakes is left as it is.
pub(super) fn fmt(fmt: &Fmt) -> ExitCode {
    let mut has_failed = false;
    let mut differs = false;
    for path in &fmt.scripts {
        match one(fmt, path) {
            Ok(is_changed) => differs |= is_changed,
            Err(error) => {
                has_failed = true;
                output::problem(&format!("{error:#}"));
            }
        }
    }
    match (has_failed, differs && fmt.check) {
        (true, _) => ExitCode::from(EXIT_CONFIG),
        (false, true) => ExitCode::from(EXIT_DIFFERS),
        (false, false) => ExitCode::SUCCESS,
    }
}

/// Lays one script out; true if that changes it.
fn one(fmt: &Fmt, path: &Path) -> Result<bool> {
    let is_stdin = path.as_os_str() == "-";
    let name = if is_stdin {
        "standard input".to_owned()
    } else {
        path.display().to_string()
    };
    let text = if is_stdin {
        read(io::stdin().lock())
    } else {
        File::open(path).map_err(Into::into).and_then(read)
    };
    let text = text.with_context(|| format!("{name} can not be read"))?;
    let laid_out = format(&text).map_err(|errors| {
        let shown = errors.iter().map(|error| error.render(&name, &text));
        anyhow!("{}", shown.collect::<Vec<_>>().join("\n"))
    })?;
    let is_changed = laid_out != text;
    if fmt.check {
        if is_changed {
            output::line(&name)?;
        }
    } else if is_stdin || fmt.stdout {
        // An empty script stays empty, so that it is in its layout.
        if let Some(lines) = laid_out.strip_suffix('\n') {
            output::line(lines)?;
        }
    } else if is_changed {
        replace(path, &laid_out).with_context(|| format!("{name} can not be written"))?;
    }
    Ok(is_changed)
}

fn read(source: impl Read) -> Result<String> {
    let mut bytes = Vec::new();
    source.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(anyhow!("it is longer than {} MiB", MAX_BYTES >> 20));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        anyhow!("byte {at} is not UTF-8: save it as UTF-8 first")
    })
}

/// Puts a new file with the same permissions in the place of the old one, all at once.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    // A link stays one: the file behind it is replaced.
    let path = path.canonicalize()?;
    let permissions = fs::metadata(&path)?.permissions();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let fresh = path.with_file_name(format!(".{name}.{}.new", std::process::id()));
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&fresh)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.set_permissions(permissions)?;
            file.sync_all()
        })
        .and_then(|()| fs::rename(&fresh, &path));
    if written.is_err() {
        // What could not be put in its place is no use to anybody.
        let _gone = fs::remove_file(&fresh);
    }
    written
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn wish(path: &Path, check: bool) -> Fmt {
        Fmt {
            scripts: vec![path.to_owned()],
            check,
            stdout: false,
        }
    }

    #[test]
    fn a_file_is_replaced_with_its_permissions() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.pfw");
        let link = directory.path().join("link.pfw");
        fs::write(&path, "  drop.\r\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(one(&wish(&link, true), &link).unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "  drop.\r\n");
        assert!(one(&wish(&link, false), &link).unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "DROP.\n");
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o640
        );
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert!(!one(&wish(&link, true), &link).unwrap());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_file_with_mistakes_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.pfw");
        fs::write(&path, "  DORP.\n").unwrap();
        let error = one(&wish(&path, false), &path).unwrap_err().to_string();
        assert!(
            error.contains("a.pfw:1:3") && error.contains("did you mean"),
            "{error}"
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), "  DORP.\n");
        fs::write(&path, b"\xff").unwrap();
        assert!(one(&wish(&path, false), &path).is_err());
    }
}
