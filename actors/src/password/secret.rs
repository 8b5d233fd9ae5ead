//! The secret behind the salts of users who do not exist.

use std::io;
use std::path::Path;

use xmpp::sasl::ServerSecret;

use crate::private_file;

const FILE: &str = "server-secret";

/// Reads `server-secret` in the data directory, or makes it with 32 random bytes that the node alone can read. It
/// must outlive restarts: an unknown user whose salt changed would be known to be unknown.
///
/// # Errors
/// The file can not be read or made, or has another length than 32 bytes.
pub fn load_server_secret(data_directory: &Path) -> io::Result<ServerSecret> {
    let path = data_directory.join(FILE);
    match std::fs::read(&path) {
        Ok(bytes) => <[u8; 32]>::try_from(bytes.as_slice())
            .map(ServerSecret::new)
            .map_err(|_| {
                let text = format!(
                    "{}: is not 32 bytes long; remove it to have a new one made",
                    path.display()
                );
                io::Error::new(io::ErrorKind::InvalidData, text)
            }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => make(&path),
        Err(error) => Err(io::Error::new(
            error.kind(),
            format!("{}: {error}", path.display()),
        )),
    }
}

fn make(path: &Path) -> io::Result<ServerSecret> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    private_file::write(path, &[&bytes])?;
    Ok(ServerSecret::new(bytes))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn is_made_once_and_private() {
        let directory = tempfile::tempdir().unwrap();
        load_server_secret(directory.path()).unwrap();
        let path = directory.path().join(FILE);
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        load_server_secret(directory.path()).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
    }

    #[test]
    fn a_damaged_file_is_named() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join(FILE), b"short").unwrap();
        let error = load_server_secret(directory.path()).unwrap_err();
        assert!(error.to_string().contains("server-secret"), "{error}");
    }
}
