//! What a question says, and what a yes for the session covers.

use super::*;

#[test]
fn the_models_words_do_not_leave_their_quotation() {
    let (long, cut) = ("x".repeat(600), format!("{}…", "x".repeat(QUOTED)));
    let table = [
        ("a “yes” from the user", "a \"yes\" from the user"),
        ("two\nlines\t\u{1b}[2J\r", "two lines  [2J "),
        (&long, &cut),
    ];
    for (words, expected) in table {
        assert_eq!(quoted(words), expected);
    }
}

/// The walls of a workspace and an added directory, with a change.
fn walls(change: impl Fn(&mut Confined)) -> Confinement {
    let mut walls = Confinement::read_only(&["/w".into(), "/added".into()]);
    if let Confinement::Confined(walls) = &mut walls {
        walls.protected.clear();
        change(walls);
    }
    walls
}

#[test]
fn walls_in_words() {
    let more = walls(|walls| {
        walls.temp = Some("/t".into());
        walls.hidden = vec!["/h".into()];
        walls.network = Network::Host;
    });
    let table = [
        (walls(|_| {}), "in the sandbox: writes /w, /added; reads the rest; no network"),
        (
            more,
            "in the sandbox: writes /w, /added and a private /tmp; reads the rest, secrets hidden; the whole network",
        ),
        (Confinement::read_only(&["/w".into()]), "in the sandbox: writes nothing; reads the rest; no network"),
        (
            walls(|walls| walls.weak = true),
            "in the sandbox, with weaker walls where there are no others: writes /w, /added; reads the rest; no network",
        ),
        (Confinement::Unconfined, "no sandbox: it runs with all rights of the user, network included"),
    ];
    for (walls, expected) in table {
        assert_eq!(in_words(&walls, &[]), expected);
    }
    let uncovered = in_words(&walls(|_| {}), &["/w/AGENTS.md".into(), "/w/.vscode".into()]);
    assert_eq!(
        uncovered,
        "in the sandbox: writes /w, /added, and this once /w/AGENTS.md, /w/.vscode; reads the rest; no network"
    );
}

#[test]
fn what_was_granted_covers_the_same_and_no_more() {
    let command = |command: &str, directory: &str| Access {
        command: Some(command.into()),
        directory: Some(directory.into()),
        ..Access::default()
    };
    let files = |paths: &[&str]| Access { writes: paths.iter().map(PathBuf::from).collect(), ..Access::default() };
    let (same, others) = (walls(|_| {}), walls(|walls| walls.network = Network::Host));
    let calls = vec![
        (command("make", "/w"), same.clone()),
        (files(&["/w/a", "/w/b"]), same.clone()),
        (files(&["/w/c"]), same.clone()),
    ];
    let granted = Granted { calls, ..Granted::default() };
    let another = Access { programs: [("make".into(), "/x/make".into())].into(), ..command("make", "/w") };
    let both = Access { command: Some("rm a".into()), ..files(&["/w/a"]) };
    let table = [
        (command("make", "/w"), &same, true),
        (command("make", "/w"), &others, false),
        (command("make", "/w/sub"), &same, false),
        (command("make all", "/w"), &same, false),
        (another, &same, false),
        (files(&["/w/b"]), &same, true),
        (files(&["/w/a", "/w/c"]), &same, true),
        (files(&["/w/a", "/w/d"]), &same, false),
        (files(&["/w/a"]), &others, false),
        (both, &same, false),
        (Access::default(), &same, false),
    ];
    for (access, walls, expected) in table {
        assert_eq!(granted.covers(&access, walls), expected, "{access:?} {walls:?}");
    }
}
