//! `codex demo`: passes, leaves what it is asked to leave, and fails where it must.

use std::fs;

use crate::support::codex;

fn demo(arguments: &[&str]) -> (Option<i32>, String, String) {
    let home = tempfile::tempdir().unwrap();
    let output = codex(home.path()).arg("demo").args(arguments).output().unwrap();
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0, "the user's own home was touched");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn it_finds_and_fixes_the_bug() {
    let place = tempfile::tempdir().unwrap();
    let keep = place.path().join("kept");
    let (code, stdout, stderr) = demo(&["--keep", keep.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stdout.contains("All tests pass"), "{stdout}");
    for expected in
        ["scripted", "$ sh test.sh", "FAIL", "all tests passed", "+while [ $# -gt 0 ]; do", "OPENAI_API_KEY"]
    {
        assert!(stderr.contains(expected), "{expected} is missing:\n{stderr}");
    }
    assert!(fs::read_to_string(keep.join("project/sum.sh")).unwrap().contains("-gt 0"));
    assert!(keep.join("home/sessions").is_dir());
}

#[test]
fn it_fails_where_it_must() {
    let used = tempfile::tempdir().unwrap();
    fs::write(used.path().join("file"), "").unwrap();
    let table: [(&[&str], i32, &str); 3] = [
        (&["-s", "read-only"], 1, "The demo failed"),
        (&["--sabotage"], 1, "The demo failed"),
        (&["--keep", used.path().to_str().unwrap()], 2, "is not empty"),
    ];
    for (arguments, expected, words) in table {
        let (code, _, stderr) = demo(arguments);
        assert_eq!(code, Some(expected), "{arguments:?}: {stderr}");
        assert!(stderr.contains(words), "{arguments:?}: {stderr}");
    }
}
