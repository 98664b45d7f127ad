//! The tokens that open a server: one of its owner, and named ones for others. They lie in `$CODEX_HOME/serve`, which only
//! the owner can read; of the named ones only hashes do.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use codex_client::remote::token_file;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Bytes of chance in a token.
const LENGTH: usize = 32;
/// The shortest token of the user's own making, in characters.
const SHORTEST: usize = 16;

/// The tokens that open a server. Named ones are looked up where they lie, so that one that is revoked opens nothing any
/// more.
#[derive(Debug)]
pub struct Tokens {
    own: String,
    named: Option<PathBuf>,
}

/// A token that was given a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedToken {
    /// Its name.
    pub name: String,
    /// SHA-256 of it, in hexadecimal.
    hash: String,
    /// Seconds since the epoch.
    pub made_at: i64,
    /// Seconds since the epoch, after which it opens nothing any more.
    #[serde(default)]
    pub expires_at: Option<i64>,
}

impl Tokens {
    /// The tokens of `codex_home`; the owner's is made if there is none.
    ///
    /// # Errors
    /// A sentence, when they cannot be kept so that only the owner reads them.
    pub fn of(codex_home: &Path) -> Result<Self, String> {
        let path = token_file(codex_home);
        let directory = path.parent().unwrap_or(codex_home);
        make_directory(directory)?;
        let own = match fs::symlink_metadata(&path) {
            Ok(_) => read_token(&path)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let token = random()?;
                write_private(&path, format!("{token}\n").as_bytes())?;
                token
            }
            Err(error) => return Err(said(&path, &error)),
        };
        Ok(Self { own, named: Some(directory.join("tokens.json")) })
    }

    /// One token, whatever it is; no others.
    ///
    /// # Errors
    /// A sentence, when it is too short to keep anybody out.
    pub fn only(token: String) -> Result<Self, String> {
        if token.len() < SHORTEST || !token.chars().all(|c| c.is_ascii_graphic()) {
            return Err(format!("the token is not {SHORTEST} or more characters of ASCII without spaces"));
        }
        Ok(Self { own: token, named: None })
    }

    /// The owner's token.
    pub fn own(&self) -> &str {
        &self.own
    }

    /// The owner's token, if it was made here: nobody can guess it.
    pub(crate) fn own_of_chance(&self) -> Option<&str> {
        let is_made = self.named.is_some() && self.own.len() == 2 * LENGTH;
        (is_made && self.own.bytes().all(|digit| digit.is_ascii_hexdigit())).then_some(&self.own)
    }

    /// Whether the token opens the server. Takes the same time for all that do not.
    pub fn knows(&self, token: &str) -> bool {
        self.knows_hash(&hash(token))
    }

    /// As [`Tokens::knows`], of the [`hash`] of a token.
    pub(crate) fn knows_hash(&self, given: &str) -> bool {
        let named = self.named.as_deref().map(read_named).transpose().ok().flatten().unwrap_or_default();
        let now = now();
        let valid = named.iter().filter(|named| named.expires_at.is_none_or(|end| now < end));
        let hashes = valid.map(|named| named.hash.clone()).chain([hash(&self.own)]);
        // All of them are looked at.
        hashes.fold(false, |known, hash| known | same(&hash, given))
    }
}

/// Makes a token for `name`, which is said this once.
///
/// # Errors
/// A sentence, when the name is taken or it cannot be kept.
pub fn add_token(codex_home: &Path, name: &str, expires_at: Option<i64>) -> Result<String, String> {
    let named = |c: char| c.is_ascii_alphanumeric() || "-_.@".contains(c);
    if name.is_empty() || name.len() > 64 || !name.chars().all(named) {
        return Err(format!("`{name}` is no name of a token: 1 to 64 letters, digits and `-_.@`"));
    }
    let path = Tokens::of(codex_home)?.named.unwrap_or_default();
    let mut tokens = read_named(&path)?;
    if tokens.iter().any(|token| token.name == name) {
        return Err(format!("there is a token `{name}` already; `codex serve token revoke {name}` forgets it"));
    }
    let token = random()?;
    tokens.push(NamedToken { name: name.to_owned(), hash: hash(&token), made_at: now(), expires_at });
    write_named(&path, &tokens)?;
    Ok(token)
}

/// The named tokens.
///
/// # Errors
/// A sentence, when they cannot be read.
pub fn list_tokens(codex_home: &Path) -> Result<Vec<NamedToken>, String> {
    read_named(&token_file(codex_home).with_file_name("tokens.json"))
}

/// Forgets a token: it opens nothing any more. That of the owner has no name; without a file, the next start makes another.
///
/// # Errors
/// A sentence, when there is none of this name, or the rest cannot be kept.
pub fn revoke_token(codex_home: &Path, name: &str) -> Result<(), String> {
    let path = token_file(codex_home).with_file_name("tokens.json");
    let mut tokens = read_named(&path)?;
    let before = tokens.len();
    tokens.retain(|token| token.name != name);
    if tokens.len() == before {
        return Err(format!("there is no token `{name}`; `codex serve token list` shows all"));
    }
    write_named(&path, &tokens)
}

/// The token in a file that only its owner can read.
///
/// # Errors
/// A sentence.
pub fn read_token(path: &Path) -> Result<String, String> {
    let file = fs::File::open(path).map_err(|error| said(path, &error))?;
    let about = file.metadata().map_err(|error| said(path, &error))?;
    if about.is_file() && about.mode() & 0o077 != 0 {
        return Err(format!("{}: others can read it; `chmod 600` it", path.display()));
    }
    let mut text = String::new();
    let most = 4096;
    file.take(most).read_to_string(&mut text).map_err(|error| said(path, &error))?;
    let token = text.trim().to_owned();
    Tokens::only(token).map(|tokens| tokens.own).map_err(|why| format!("{}: {why}", path.display()))
}

fn read_named(path: &Path) -> Result<Vec<NamedToken>, String> {
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| said(path, &error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(said(path, &error)),
    }
}

fn write_named(path: &Path, tokens: &[NamedToken]) -> Result<(), String> {
    let bytes = serde_json::to_vec_pretty(tokens).map_err(|error| said(path, &error))?;
    write_private(path, &bytes)
}

/// Puts a file in place that nobody else can read.
fn write_private(path: &Path, bytes: &[u8]) -> Result<(), String> {
    let new = path.with_extension(format!("new-{}", std::process::id()));
    let write = || {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(bytes)?;
        file.sync_data()?;
        fs::rename(&new, path)
    };
    write().map_err(|error| {
        let _ = fs::remove_file(&new);
        said(path, &error)
    })
}

fn make_directory(path: &Path) -> Result<(), String> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|error| said(path, &error))?;
    let mode = fs::metadata(path).map_err(|error| said(path, &error))?.mode();
    if mode & 0o077 != 0 {
        return Err(format!("{}: others can look into it; `chmod 700` it", path.display()));
    }
    Ok(())
}

fn random() -> Result<String, String> {
    let mut bytes = [0; LENGTH];
    let source = Path::new("/dev/urandom");
    let read = fs::File::open(source).and_then(|mut file| file.read_exact(&mut bytes));
    read.map_err(|error| said(source, &error))?;
    Ok(hexadecimal(&bytes))
}

/// What is kept of a token.
pub(crate) fn hash(token: &str) -> String {
    hexadecimal(&Sha256::digest(token))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether two hashes are one; takes the same time wherever they differ.
fn same(one: &str, other: &str) -> bool {
    let differ = one.bytes().zip(other.bytes()).fold(0, |differ, (one, other)| differ | (one ^ other));
    one.len() == other.len() && differ == 0
}

fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn said(path: &Path, error: &dyn std::fmt::Display) -> String {
    format!("{}: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn tokens_open_until_they_are_revoked_or_their_time_is_up() {
        let home = tempfile::tempdir().unwrap();
        let tokens = Tokens::of(home.path()).unwrap();
        assert_eq!(Tokens::of(home.path()).unwrap().own(), tokens.own(), "it stays");
        let phone = add_token(home.path(), "phone", None).unwrap();
        let old = add_token(home.path(), "old", Some(now() - 1)).unwrap();
        let new = add_token(home.path(), "new", Some(now() + 100)).unwrap();
        assert!(add_token(home.path(), "phone", None).is_err(), "the name is taken");
        for (token, expected) in [(tokens.own(), true), (&phone, true), (&old, false), (&new, true), ("", false)] {
            assert_eq!(tokens.knows(token), expected);
        }
        let names: Vec<String> = list_tokens(home.path()).unwrap().into_iter().map(|token| token.name).collect();
        assert_eq!(names, ["phone", "old", "new"]);
        revoke_token(home.path(), "phone").unwrap();
        assert!(!tokens.knows(&phone), "at once");
        assert!(revoke_token(home.path(), "phone").is_err());
        let kept = fs::read_to_string(home.path().join("serve/tokens.json")).unwrap();
        assert!(!kept.contains(&new), "only its hash is kept");
    }

    #[test]
    fn what_others_can_read_is_no_secret() {
        let home = tempfile::tempdir().unwrap();
        let tokens = Tokens::of(home.path()).unwrap();
        let path = token_file(home.path());
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(read_token(&path).unwrap(), tokens.own());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(read_token(&path).unwrap_err().contains("chmod 600"));
        assert!(Tokens::of(home.path()).is_err());
    }

    #[test]
    fn a_token_that_can_be_guessed_is_none() {
        for short in ["", "secret", "fifteen letters", "with a space in it, and long"] {
            assert!(Tokens::only(short.into()).is_err(), "{short}");
        }
        assert!(Tokens::only("0123456789abcdef".into()).is_ok());
    }
}
