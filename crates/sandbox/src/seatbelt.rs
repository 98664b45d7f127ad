//! The same walls in the words of macOS: a profile for `sandbox-exec -p PROFILE -- COMMAND` (Seatbelt).
//!
//! It is generated and tested as text. No part of this program starts anything on macOS yet, and it was never run there:
//! until somebody has, that system refuses every command, as all but Linux do. Where Seatbelt cannot say what is asked
//! for, the profile must say less is allowed, never more.

use std::path::{Path, PathBuf};

use crate::{Confined, Network};

/// What programs need of the system besides files. Rules that come later win.
const HEAD: &str = "(version 1)
(deny default)
(allow process-fork)
(allow process-exec*)
(allow signal (target same-sandbox))
(allow process-info* (target same-sandbox))
(allow sysctl-read)
(allow pseudo-tty)
(allow mach-lookup (global-name \"com.apple.system.opendirectoryd.libinfo\"))
(allow file-read*)
(allow file-ioctl (regex #\"^/dev/tty\"))
(allow file-write* (literal \"/dev/null\") (literal \"/dev/zero\") (literal \"/dev/tty\") (regex #\"^/dev/ttys[0-9]+$\"))
";

/// The profile for `confined`, whose paths must be resolved: Seatbelt compares real paths.
///
/// There is no network of its own on macOS, so with [`Network::LoopbackOnly`] and [`Network::Proxied`] there is none at
/// all; the host's loopback is where its servers are. Nor are there private views: caches stay read-only, and `temp` is
/// writable at its own place.
///
/// # Errors
/// A path that a profile cannot hold: not UTF-8, or with a control character.
pub fn profile(confined: &Confined) -> Result<String, PathBuf> {
    let mut profile = HEAD.to_owned();
    let shown = |root: &&PathBuf| !confined.protected.contains(root);
    for path in confined.writable.iter().filter(shown).chain(&confined.temp) {
        profile += &format!("(allow file-write* (subpath {}))\n", quoted(path)?);
    }
    for path in &confined.protected {
        profile += &format!("(deny file-write* (subpath {}))\n", quoted(path)?);
        // Renamed away together with its directory it would be protected no more.
        for ancestor in path.ancestors().skip(1).take_while(|ancestor| is_below_a_root(ancestor, confined)) {
            profile += &format!("(deny file-write-unlink (literal {}))\n", quoted(ancestor)?);
        }
    }
    for path in &confined.hidden {
        profile += &format!("(deny file-read* file-write* (subpath {}))\n", quoted(path)?);
    }
    for path in &confined.denied_programs {
        profile += &format!("(deny process-exec* file-read* (literal {}))\n", quoted(path)?);
    }
    // Set-user-ID programs would leave the sandbox with other rights; none is made.
    profile += "(deny file-write-setugid)\n";
    if confined.network == Network::Host {
        profile += "(allow network*)\n(allow system-socket)\n";
    }
    Ok(profile)
}

/// Whether `path` lies in a writable directory, which itself cannot be renamed anyway.
fn is_below_a_root(path: &Path, confined: &Confined) -> bool {
    confined.writable.iter().any(|root| path.starts_with(root) && path != root)
}

fn quoted(path: &Path) -> Result<String, PathBuf> {
    let text = path.to_str().filter(|text| !text.chars().any(char::is_control)).ok_or(path)?;
    Ok(format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Confinement;

    fn confined() -> Confined {
        Confined {
            writable: vec!["/Users/u/a \"b\"".into(), "/opt/shown".into()],
            real: vec![],
            protected: vec!["/Users/u/a \"b\"/.git/hooks".into(), "/opt/shown".into()],
            hidden: vec!["/Users/u/.ssh".into()],
            in_git: vec![],
            denied_programs: vec!["/usr/bin/su".into()],
            caches: vec!["/Users/u/.cache".into()],
            temp: Some("/private/t\\x".into()),
            state: None,
            network: Network::LoopbackOnly,
            weak: false,
        }
    }

    #[test]
    fn a_profile_says_what_is_asked_for() {
        let rules = r#"(allow file-write* (subpath "/Users/u/a \"b\""))
(allow file-write* (subpath "/private/t\\x"))
(deny file-write* (subpath "/Users/u/a \"b\"/.git/hooks"))
(deny file-write-unlink (literal "/Users/u/a \"b\"/.git"))
(deny file-write* (subpath "/opt/shown"))
(deny file-read* file-write* (subpath "/Users/u/.ssh"))
(deny process-exec* file-read* (literal "/usr/bin/su"))
(deny file-write-setugid)
"#;
        assert_eq!(profile(&confined()), Ok(format!("{HEAD}{rules}")));
        let host = Confined { network: Network::Host, ..confined() };
        assert_eq!(profile(&host), Ok(format!("{HEAD}{rules}(allow network*)\n(allow system-socket)\n")));
        let proxied = Confined { network: Network::Proxied, ..confined() };
        assert_eq!(profile(&proxied), profile(&confined()), "without a network of its own there is none");
    }

    #[test]
    fn what_is_read_only_allows_no_write() {
        let Confinement::Confined(read_only) = Confinement::read_only(&["/Users/u/w".into()]) else { panic!() };
        let text = profile(&read_only).unwrap();
        assert!(!text.replace(HEAD, "").contains("allow"), "{text}");
    }

    #[test]
    fn a_path_that_could_end_its_string_is_refused_or_escaped() {
        use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
        for bytes in [&b"/a\nb"[..], b"/a\xff", b"/a\0b", b"/a\x1b"] {
            let path = PathBuf::from(OsStr::from_bytes(bytes));
            assert_eq!(profile(&Confined { hidden: vec![path.clone()], ..confined() }), Err(path));
        }
    }

    #[test]
    fn brackets_and_quotes_are_in_balance() {
        let text = profile(&confined()).unwrap();
        for line in text.lines() {
            let (mut depth, mut inside, mut escaped) = (0, false, false);
            for letter in line.chars() {
                match letter {
                    _ if escaped => escaped = false,
                    '\\' => escaped = true,
                    '"' => inside = !inside,
                    '(' if !inside => depth += 1,
                    ')' if !inside => depth -= 1,
                    _ => {}
                }
            }
            assert_eq!((depth, inside), (0, false), "{line}");
        }
    }
}
