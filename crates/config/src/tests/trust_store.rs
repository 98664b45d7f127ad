//! What is trusted, written and read again; and files that cannot be relied on.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::{Hash, TrustStore, Verdict, revoke, trust};

const ROOT: &str = "/home/u/a project";
const FILE: &str = ".codex/config.toml";
/// Of `abc`: FIPS 180-2, appendix B.1.
const ABC: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

fn home() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn files(files: &[(&str, &str)]) -> Vec<(PathBuf, Hash)> {
    files.iter().map(|(path, text)| (path.into(), Hash::of(text.as_bytes()))).collect()
}

fn verdict(home: &TempDir, root: &str, file: &str, text: &str) -> &'static str {
    let store = TrustStore::read(home.path()).unwrap();
    match store.verdict(Path::new(root), Path::new(file), &Hash::of(text.as_bytes())) {
        Verdict::Trusted => "trusted",
        Verdict::Changed(at) => {
            assert!(at.starts_with("20") && at.ends_with('Z'), "{at}");
            "changed"
        }
        Verdict::Unknown => "unknown",
    }
}

#[test]
fn bytes_are_trusted_not_names() {
    let home = home();
    let nested = "sub/.codex/config.toml";
    assert_eq!(verdict(&home, ROOT, FILE, "abc"), "unknown");
    trust(home.path(), Path::new(ROOT), &files(&[(FILE, "abc")])).unwrap();
    trust(home.path(), Path::new(ROOT), &files(&[(nested, "one")])).unwrap();
    let table = [
        (ROOT, FILE, "abc", "trusted"),
        (ROOT, FILE, "abc\n", "changed"),
        (ROOT, nested, "one", "trusted"),
        // The same bytes elsewhere mean something else.
        (ROOT, ".codex/config.local.toml", "abc", "unknown"),
        ("/home/u", FILE, "abc", "unknown"),
        ("/home/u/a project/sub", FILE, "one", "unknown"),
    ];
    for (root, file, text, expected) in table {
        assert_eq!(verdict(&home, root, file, text), expected, "{root} {file} {text}");
    }
    // Trusted again as it is now: the other file stays trusted.
    trust(home.path(), Path::new(ROOT), &files(&[(FILE, "new")])).unwrap();
    assert_eq!([verdict(&home, ROOT, FILE, "new"), verdict(&home, ROOT, FILE, "abc")], ["trusted", "changed"]);
    assert_eq!(verdict(&home, ROOT, nested, "one"), "trusted");
    assert_eq!(revoke(home.path(), Path::new(ROOT)), Ok(true));
    assert_eq!(revoke(home.path(), Path::new(ROOT)), Ok(false));
    assert_eq!(verdict(&home, ROOT, FILE, "new"), "unknown");
}

#[test]
fn the_file_is_the_users_alone_and_people_can_read_it() {
    let home = home();
    let inner = home.path().join("codex");
    assert_eq!(revoke(&inner, Path::new(ROOT)), Ok(false));
    assert!(!inner.exists(), "nothing is made to take nothing away");
    trust(&inner, Path::new(ROOT), &files(&[(FILE, "abc")])).unwrap();
    let file = inner.join("trust.toml");
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(&inner).unwrap().count(), 1);
    let text = fs::read_to_string(&file).unwrap();
    let at = text.lines().find_map(|line| line.strip_prefix("trusted_at = \"")?.strip_suffix('"')).unwrap();
    assert!(at.parse::<jiff::Timestamp>().is_ok(), "{at}");
    let rest: Vec<_> = text.lines().filter(|line| !line.starts_with(['#', 't']) && !line.is_empty()).collect();
    let expected = [
        "[projects.\"/home/u/a project\"]".to_owned(),
        "[projects.\"/home/u/a project\".files]".to_owned(),
        format!("\".codex/config.toml\" = \"{ABC}\""),
    ];
    assert_eq!(rest, expected);
    // Where it lies elsewhere it stays there.
    fs::rename(&file, home.path().join("elsewhere")).unwrap();
    symlink("../elsewhere", &file).unwrap();
    trust(&inner, Path::new("/other"), &files(&[(FILE, "x")])).unwrap();
    assert!(fs::symlink_metadata(&file).unwrap().is_symlink());
    assert_eq!(TrustStore::read(&inner).unwrap().projects().count(), 2);
}

/// Nothing is trusted, nothing is changed, and the user is told where and what to do.
#[test]
fn what_is_not_in_order_trusts_nothing() {
    let project = |more: &str| format!("[projects.\"{ROOT}\"]\ntrusted_at = \"2026-01-01T00:00:00Z\"\n{more}");
    let table = [
        ("x".into(), ":1:2: "),
        ("trust_everything = true".into(), ":1:1: "),
        (project("trusted = true\n"), ":3:1: "),
        (project("files = \"all\"\n"), ":3:9: "),
        (project(&format!("files.\"{FILE}\" = \"md5:1\"\n")), ":3:30: "),
        (project(&format!("files.\"{FILE}\" = \"{}\"\n", &ABC[..ABC.len() - 1])), ":3:30: "),
        (project(&format!("files.\"{FILE}\" = \"sha256:{}\"\n", "+a".repeat(32))), ":3:30: "),
        (project(&format!("files.\"{FILE}\" = \"sha256:{}\"\n", "é".repeat(32))), ":3:30: "),
        (format!("[projects.\"{ROOT}\"]\n"), ":1:1: "),
        ("\u{1b}[2J".into(), ":1:2: "),
    ];
    for (text, place) in table {
        let home = home();
        let file = home.path().join("trust.toml");
        fs::write(&file, &text).unwrap();
        let error = TrustStore::read(home.path()).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{}{place}is not in order: ", file.display())), "{text}: {error}");
        assert!(error.contains("\n  hint: repair it; or remove it") && !error.contains('\u{1b}'), "{error}");
        assert!(trust(home.path(), Path::new(ROOT), &files(&[(FILE, "abc")])).is_err(), "{text}");
        assert!(revoke(home.path(), Path::new(ROOT)).is_err(), "{text}");
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
    }
    let home = home();
    fs::create_dir(home.path().join("trust.toml")).unwrap();
    let error = TrustStore::read(home.path()).unwrap_err().to_string();
    assert!(error.contains("trust.toml: is not a file") && error.contains("hint: "), "{error}");
}

#[test]
fn what_cannot_be_named_or_written_is_not_trusted() {
    use std::os::unix::ffi::OsStrExt as _;
    let home = home();
    let odd = Path::new(std::ffi::OsStr::from_bytes(b"/p\xff"));
    let error = trust(home.path(), odd, &files(&[(FILE, "abc")])).unwrap_err().to_string();
    assert!(error.contains("not UTF-8"), "{error}");
    let nowhere = home.path().join("file");
    fs::write(&nowhere, "").unwrap();
    let error = trust(&nowhere, Path::new(ROOT), &files(&[(FILE, "abc")])).unwrap_err().to_string();
    assert!(error.contains("trust.toml: cannot be changed: "), "{error}");
    // What could not be read again is not written.
    let many: Vec<_> = (0..4000).map(|n| (format!("{n}/{FILE}"), "x")).collect();
    let many: Vec<_> = many.iter().map(|(path, text)| (path.as_str(), *text)).collect();
    let error = trust(home.path(), Path::new(ROOT), &files(&many)).unwrap_err().to_string();
    assert!(error.contains("--revoke"), "{error}");
    assert_eq!(TrustStore::read(home.path()), Ok(TrustStore::default()));
}

#[test]
fn of_two_at_once_neither_is_lost() {
    let home = home();
    std::thread::scope(|scope| {
        for n in 0..8 {
            let home = home.path();
            scope.spawn(move || trust(home, Path::new(&format!("/p{n}")), &files(&[(FILE, "abc")])).unwrap());
        }
    });
    assert_eq!(TrustStore::read(home.path()).unwrap().projects().count(), 8);
}

#[test]
fn what_changed_since_is_told() {
    let home = home();
    let root = home.path().join("p");
    fs::create_dir_all(root.join(".codex")).unwrap();
    fs::write(root.join(FILE), "abc").unwrap();
    let trusted = files(&[(FILE, "abc"), ("gone/.codex/config.toml", "x"), (".codex/config.local.toml", "y")]);
    trust(home.path(), &root, &trusted).unwrap();
    fs::write(root.join(".codex/config.local.toml"), "z").unwrap();
    let store = TrustStore::read(home.path()).unwrap();
    let (root, project) = store.projects().next().unwrap();
    let now: Vec<_> =
        project.now(root).map(|(path, same)| (path.to_str().unwrap().to_owned(), same.unwrap())).collect();
    let expected = [(".codex/config.local.toml", Some(false)), (FILE, Some(true)), ("gone/.codex/config.toml", None)];
    assert_eq!(now, expected.map(|(path, same)| (path.to_owned(), same)));
}
