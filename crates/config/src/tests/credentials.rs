//! Keys that are kept: for whom, where, and that they show nowhere.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::Environment;
use crate::credentials::{Keeper, check_key, credentials_file, forget_keys, is_open_to_others, keep_key, kept};

const KEY: &str = "sk-s3cret";
const SERVER: &str = "https://a.example/v1";

fn environment(home: &Path) -> Environment {
    Environment::from_pairs([("CODEX_HOME", home)])
}

#[test]
fn what_cannot_be_a_key_is_refused_without_showing_it() {
    assert_eq!(check_key("  sk-1\r\n"), Ok("sk-1"));
    for (typed, said) in [
        ("", "empty"),
        (" \n\t", "empty"),
        ("s3cret x", "a blank"),
        ("s3cret\nx", "line break"),
        ("s3cret\u{1b}[2J", "control character"),
        ("s3cretä", "beyond ASCII"),
        (&"s3cret".repeat(4000), "longer than"),
    ] {
        let error = check_key(typed).unwrap_err();
        assert!(error.contains(said) && error.contains("nothing was stored") && !error.contains("s3cret"), "{error}");
    }
}

#[test]
fn a_key_is_kept_for_the_user_alone_and_forgotten() {
    let base = tempfile::tempdir().unwrap();
    let home = base.path().join("new/home");
    let environment = environment(&home);
    let found = |provider: &str, server: &str| kept(&environment, provider, server);
    assert_eq!(found("a", SERVER), Ok(None));
    keep_key(&environment, ("a", SERVER), "old", Keeper::File).unwrap();
    keep_key(&environment, ("a", SERVER), KEY, Keeper::File).unwrap();
    keep_key(&environment, ("b c", "http://b.example:8080"), "other", Keeper::File).unwrap();
    let file = credentials_file(&home);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(&home).unwrap().permissions().mode() & 0o777, 0o700);
    assert!(!is_open_to_others(&home));
    assert_eq!(found("a", SERVER), Ok(Some((KEY.into(), Keeper::File))));
    assert_eq!(found("a", "https://a.example:443/other/"), Ok(Some((KEY.into(), Keeper::File))));
    assert_eq!(found("b c", "http://b.example:8080/v1"), Ok(Some(("other".into(), Keeper::File))));

    // A file that was opened to others is replaced by one that is not.
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(is_open_to_others(&home));
    assert_eq!(forget_keys(&environment, Some("none")).unwrap(), Vec::<String>::new());
    assert_eq!(forget_keys(&environment, Some("a")).unwrap(), ["a"]);
    assert!(!is_open_to_others(&home));
    assert_eq!(found("a", SERVER), Ok(None));
    assert_eq!(forget_keys(&environment, None).unwrap(), ["b c"]);
    assert!(!file.exists());
    assert_eq!(fs::read_dir(&home).unwrap().count(), 0, "nothing is left beside it");
}

/// A link may lead to a file that others read, or that a repository holds.
#[test]
fn a_link_in_the_place_of_the_file_is_not_written_through() {
    let home = tempfile::tempdir().unwrap();
    let other = home.path().join("other");
    fs::write(&other, "").unwrap();
    std::os::unix::fs::symlink(&other, credentials_file(home.path())).unwrap();
    keep_key(&environment(home.path()), ("a", SERVER), KEY, Keeper::File).unwrap();
    assert_eq!(fs::read_to_string(&other).unwrap(), "");
    assert!(credentials_file(home.path()).symlink_metadata().unwrap().is_file());
}

#[test]
fn a_key_goes_to_the_server_that_it_was_given_for_alone() {
    let home = tempfile::tempdir().unwrap();
    let environment = environment(home.path());
    keep_key(&environment, ("a", SERVER), KEY, Keeper::File).unwrap();
    for other in
        ["http://a.example/v1", "https://a.example:8443/v1", "https://b.example/v1", "https://a.example.b/v1", "x"]
    {
        let error = kept(&environment, "a", other).unwrap_err().to_string();
        assert!(
            error.contains("was given for https://a.example,") && error.contains("codex login --provider a"),
            "{error}"
        );
        assert!(!error.contains(KEY), "{error}");
    }
}

#[test]
fn a_file_that_is_not_in_order_is_told_without_showing_it() {
    let home = tempfile::tempdir().unwrap();
    let environment = environment(home.path());
    for (text, line) in [
        ("[a]\nserver = \"x\"\napi_key = s3cret\n", "line 3 "),
        ("[a]\nserver = \"x\"\ns3cret = 1\n", "line 3 "),
        ("[a]\nserver = 3\n", "line 2 "),
        ("a = \"s3cret\"\n", "line 1 "),
    ] {
        fs::write(credentials_file(home.path()), text).unwrap();
        let error = kept(&environment, "a", SERVER).unwrap_err().to_string();
        assert!(error.contains(line) && !error.contains("s3cret"), "{text}: {error}");
        assert!(keep_key(&environment, ("a", SERVER), KEY, Keeper::File).is_err());
        assert_eq!(fs::read_to_string(credentials_file(home.path())).unwrap(), text);
    }
    assert_eq!(forget_keys(&environment, None), Ok(Vec::new()));
    assert!(!credentials_file(home.path()).exists());
    assert_eq!(forget_keys(&environment, None), Ok(Vec::new()));
}

#[test]
fn without_a_keyring_nothing_is_kept_anywhere() {
    let home = tempfile::tempdir().unwrap();
    let error = keep_key(&environment(home.path()), ("a", SERVER), KEY, Keeper::Keyring).unwrap_err().to_string();
    assert!(error.contains("DBUS_SESSION_BUS_ADDRESS is not set") && !error.contains(KEY), "{error}");
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
    // What is kept in one that is not there any more is an error, not a key that is missing.
    fs::write(credentials_file(home.path()), format!("[a]\nserver = \"{}\"\nkeyring = true\n", "https://a.example"))
        .unwrap();
    let error = kept(&environment(home.path()), "a", SERVER).unwrap_err().to_string();
    assert!(error.contains("the key of `a` is in the keyring: there is none here"), "{error}");
    assert!(forget_keys(&environment(home.path()), None).is_err());
    assert!(credentials_file(home.path()).exists());
}
