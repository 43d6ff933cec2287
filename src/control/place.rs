//! Where a data folder's daemon listens, and the secret that opens its port. Server and client agree here.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::{SocketAddr, UnixStream};
use std::path::{Path, PathBuf};

use subtle::ConstantTimeEq;

/// Name of the socket in the data folder.
const SOCKET: &str = "control.sock";
/// Name of the token's file in the data folder.
const TOKEN: &str = "control.token";
/// Random bytes in a token.
const SECRET_BYTES: usize = 32;

/// Why the way to the control API is not as it must be.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// A file could not be read, made or removed.
    #[error("{what} {}: {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process answers on the socket.
    #[error("another process answers on {}: stop it first, or use another --data-dir", .0.display())]
    InUse(PathBuf),
    /// Something that is not a socket lies where the socket should be.
    #[error("{} is not a socket, so it was not made by Nightdesk: move it away", .0.display())]
    Foreign(PathBuf),
    /// Others can read the file, or it is someone else's.
    #[error("{} {why}: it could be forged; stop the daemon, remove the file, and start the daemon again", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The token's file does not hold a token.
    #[error("{} does not hold a token: start the daemon again, it writes a new one", .0.display())]
    NoToken(PathBuf),
    /// No random numbers.
    #[error("the system gave no random numbers for the token: {0}")]
    Random(getrandom::Error),
}

impl PlaceError {
    pub(super) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }
}

/// The socket of a data folder's daemon. A folder whose path is too long for a socket address has its socket in the
/// user's runtime folder, under a name made from the path.
pub fn socket_path(data_dir: &Path) -> PathBuf {
    let inside = data_dir.join(SOCKET);
    if SocketAddr::from_pathname(&inside).is_ok() {
        return inside;
    }
    let whole = fs::canonicalize(data_dir).or_else(|_| std::path::absolute(data_dir)).unwrap_or_else(|_| data_dir.to_owned());
    let name = format!("nightdesk-{:016x}.sock", xxhash_rust::xxh3::xxh3_64(whole.as_os_str().as_bytes()));
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|d| d.is_absolute()).map(|d| d.join(&name));
    match runtime {
        Some(path) if SocketAddr::from_pathname(&path).is_ok() => path,
        _ => PathBuf::from(format!("/tmp/nightdesk-{}", own_uid())).join(name),
    }
}

/// The token's file of a data folder.
pub fn token_path(data_dir: &Path) -> PathBuf {
    data_dir.join(TOKEN)
}

/// Whose process this is.
pub(super) fn own_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Makes room for a socket: its folder exists and is ours, and a socket left over by a dead process is gone.
pub(super) fn clear_socket(path: &Path) -> Result<(), PlaceError> {
    if let Some(folder) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(PlaceError::io("cannot make", folder))?;
        // The data folder is the user's choice, and may be a link; outside of it anyone could have been there first.
        let inside = path.file_name().is_some_and(|n| n == SOCKET);
        let seen = if inside { fs::metadata(folder) } else { fs::symlink_metadata(folder) };
        let seen = seen.map_err(PlaceError::io("cannot read", folder))?;
        let exposed = |why| Err(PlaceError::Exposed { path: folder.to_owned(), why });
        if seen.uid() != own_uid() {
            return exposed("belongs to another user");
        }
        if !seen.is_dir() {
            return exposed("is not a folder");
        }
        if !inside && seen.permissions().mode() & 0o077 != 0 {
            return exposed("is open to other users");
        }
    }
    match fs::symlink_metadata(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(PlaceError::io("cannot read", path)(e)),
        Ok(seen) if !seen.file_type().is_socket() => Err(PlaceError::Foreign(path.to_owned())),
        Ok(_) => match UnixStream::connect(path) {
            Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path).map_err(PlaceError::io("cannot remove", path)),
            // Also a full queue or a socket of another user: someone is there.
            _ => Err(PlaceError::InUse(path.to_owned())),
        },
    }
}

/// The secret of one boot that opens the port. It is neither shown nor logged.
#[derive(Clone)]
pub struct Token(String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(hidden)")
    }
}

impl Token {
    /// Makes a new token and writes it to `path`, for the user's eyes only, in place of whatever lay there.
    pub(super) fn renew(path: &Path) -> Result<Self, PlaceError> {
        let mut secret = [0; SECRET_BYTES];
        getrandom::fill(&mut secret).map_err(PlaceError::Random)?;
        let token = Self(secret.iter().flat_map(|b| [b >> 4, b & 15]).filter_map(|n| char::from_digit(n.into(), 16)).collect());
        match fs::remove_file(path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(PlaceError::io("cannot replace", path)(e)),
            _ => {}
        }
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(PlaceError::io("cannot make", path))?;
        file.write_all(token.0.as_bytes()).map_err(PlaceError::io("cannot write", path))?;
        Ok(token)
    }

    /// Reads the token of a running daemon. A file that others could have written or read is refused.
    pub fn read(path: &Path) -> Result<Self, PlaceError> {
        let mut file = File::open(path).map_err(PlaceError::io("cannot read", path))?;
        let seen = file.metadata().map_err(PlaceError::io("cannot read", path))?;
        let exposed = |why| Err(PlaceError::Exposed { path: path.to_owned(), why });
        if seen.uid() != own_uid() {
            return exposed("belongs to another user");
        }
        if seen.permissions().mode() & 0o077 != 0 {
            return exposed("is open to other users");
        }
        let mut text = String::new();
        Read::by_ref(&mut file).take(1024).read_to_string(&mut text).map_err(PlaceError::io("cannot read", path))?;
        let text = text.trim();
        let whole = text.len() == 2 * SECRET_BYTES && text.bytes().all(|b| b.is_ascii_hexdigit());
        if whole { Ok(Self(text.to_owned())) } else { Err(PlaceError::NoToken(path.to_owned())) }
    }

    /// Whether `given` is this token, in a time that does not tell how much of it is right.
    pub(super) fn is(&self, given: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(given).into()
    }

    /// The value of the `Authorization` header.
    pub(super) fn bearer(&self) -> String {
        format!("Bearer {}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_folder_has_its_socket_elsewhere() {
        let near = socket_path(Path::new("/data/nightdesk"));
        assert_eq!(near, Path::new("/data/nightdesk/control.sock"));
        let long = PathBuf::from("/data").join("x".repeat(120));
        let far = socket_path(&long);
        assert!(SocketAddr::from_pathname(&far).is_ok() && !far.starts_with("/data"), "{far:?}");
        assert_eq!(far, socket_path(&long));
        assert_ne!(far, socket_path(&long.join("y")));
    }

    #[test]
    fn a_token_is_read_back_and_only_from_a_private_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = token_path(dir.path());
        fs::write(&path, "left over").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(Token::read(&path).unwrap_err().to_string().contains("open to other users"));
        let token = Token::renew(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert!(token.is(Token::read(&path).unwrap().0.as_bytes()));
        assert!(!token.is(&[b'0'; 64]) && !token.is(b""));
        assert!(!Token::renew(&path).unwrap().is(token.0.as_bytes()), "new each time");
        assert_eq!(format!("{token:?}"), "Token(hidden)");
        fs::write(&path, "no token").unwrap();
        assert!(matches!(Token::read(&path), Err(PlaceError::NoToken(_))));
    }

    #[test]
    fn a_folder_outside_the_data_folder_must_be_private_and_no_link() {
        let dir = tempfile::tempdir().unwrap();
        let (open, link) = (dir.path().join("open"), dir.path().join("link"));
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).unwrap();
        clear_socket(&open.join(SOCKET)).unwrap();
        let why = |path: &Path| clear_socket(&path.join("nightdesk-1.sock")).unwrap_err().to_string();
        assert!(why(&open).contains("open to other users"));
        fs::set_permissions(&open, fs::Permissions::from_mode(0o700)).unwrap();
        clear_socket(&open.join("nightdesk-1.sock")).unwrap();
        std::os::unix::fs::symlink(&open, &link).unwrap();
        assert!(why(&link).contains("not a folder"));
    }

    #[test]
    fn only_a_dead_socket_makes_room() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(SOCKET);
        clear_socket(&path).unwrap();
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        assert!(matches!(clear_socket(&path), Err(PlaceError::InUse(_))));
        drop(listener);
        assert!(path.exists());
        clear_socket(&path).unwrap();
        assert!(!path.exists());
        fs::write(&path, "mine").unwrap();
        assert!(matches!(clear_socket(&path), Err(PlaceError::Foreign(_))));
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    }
}
