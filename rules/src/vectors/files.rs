//! Reading a folder of vectors: the one place of this crate that touches files, and only for tests.

use std::path::Path;

use super::VectorError;

/// Names and texts of the `*.json` files in a folder, sorted by name.
#[expect(
    clippy::disallowed_methods,
    reason = "vectors are files, and they are never part of a running node"
)]
pub(super) fn json_files(directory: &Path) -> Result<Vec<(String, String)>, VectorError> {
    let failed = |error| VectorError::Read(directory.display().to_string(), error);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            let name = path.display().to_string();
            let text = std::fs::read_to_string(&path)
                .map_err(|error| VectorError::Read(name.clone(), error))?;
            found.push((name, text));
        }
    }
    found.sort();
    Ok(found)
}
