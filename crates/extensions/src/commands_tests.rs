//! Own commands: what becomes of a text with places, and which files are commands.

use std::{fs, os::unix::fs::symlink};

use super::*;

fn told(pieces: &[Piece]) -> String {
    let told = pieces.iter().map(|piece| match piece {
        Piece::Text(text) => text.clone(),
        Piece::File { path, .. } => format!("<file {path}>"),
        Piece::Run(line) => format!("<run {line}>"),
    });
    told.collect()
}

fn expand(body: &str, arguments: &str) -> Result<Vec<Piece>, String> {
    CommandFile { body: body.to_owned(), ..CommandFile::default() }.expand(arguments)
}

#[test]
fn what_was_typed_is_put_into_its_places_once() {
    let table = [
        ("Fix it", "", "Fix it"),
        ("Fix it", "now please", "Fix it\n\nnow please"),
        ("Fix $ARGUMENTS!", "the 'big one'", "Fix the 'big one'!"),
        ("$1 and $2, not $3.", "one 'two words'", "one and two words, not ."),
        ("$1", "$2 @x !`y` $ARGUMENTS", "$2"),
        ("$ARGUMENTS", "$1 @/etc/passwd !`id`", "$1 @/etc/passwd !`id`"),
        ("$$1 $10 $HOME $x $", "a", "$1 $10 $HOME $x $\n\na"),
        ("$FILE by $1", "FILE=a.rs me OTHER=1", "a.rs by me"),
        ("$1", "don't", "don't"),
        ("see @src/a.rs, (@b) and a@b.c @ @\"c d\".", "", "see <file src/a.rs>, (<file b>) and a@b.c @ <file c d>."),
        ("review @$1", "x.rs", "review <file x.rs>"),
        ("- !`git diff $1`\nWait!`no` !`` !`a\nb`", "a b", "- <run git diff a>\nWait!`no` !`` !`a\nb`"),
        ("größe $1 日本 @é", "ü", "größe ü 日本 <file é>"),
    ];
    for (body, arguments, expected) in table {
        let expanded = told(&expand(body, arguments).unwrap());
        assert_eq!(expanded, expected, "{body} with {arguments}");
    }
}

#[test]
fn what_was_typed_is_not_multiplied_without_bound() {
    let typed = "x".repeat(100 << 10);
    for place in ["$ARGUMENTS ", "$1 ", "!`echo $1`\n", "!`echo \"$1\"`\n", "@$1\n"] {
        // Once is never too much.
        assert!(expand(place, &"x".repeat(1 << 20)).is_ok(), "{place}");
        let refused = expand(&place.repeat(5), &typed).unwrap_err();
        assert!(refused.contains("256 KiB"), "{place}: {refused}");
    }
    // A line that has quotes of its own costs no more than one that has none.
    let lines = |count: usize| expand(&"!`echo \"$1 $ARGUMENTS\"`\n".repeat(count), &typed);
    assert!(lines(3).is_ok() && lines(4).is_err());
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a shell is what reads it")]
fn what_was_typed_never_becomes_another_command() {
    let bodies = [
        "!`printf '[%s]' $1`",
        "!`printf [%s] $1`",
        "!`printf '[%s]' \"$1\" # \"$1\"`",
        "!`printf \"[%s]\" \"$(echo \"$1\")\"`",
    ];
    let typed = [
        "x",
        "\"; touch made; #\"",
        "'$(touch made)'",
        "'a\ntouch made'",
        "'\"; touch made; echo \"'",
        "';' touch made",
    ];
    for body in bodies {
        for arguments in typed {
            let directory = tempfile::tempdir().unwrap();
            let [Piece::Run(line)] = &expand(body, arguments).unwrap()[..] else { panic!("{body}") };
            let (program, words) = ("bash", ["-c", line]);
            let ran = std::process::Command::new(program).args(words).current_dir(directory.path()).output().unwrap();
            assert!(!directory.path().join("made").exists(), "{body} with {arguments}: {line}");
            let first = shlex::split(arguments).unwrap().remove(0);
            let out = String::from_utf8(ran.stdout).unwrap();
            // A value without quotes is words to the shell.
            let bare = |text: &str| text.replace(['[', ']'], "").split_whitespace().collect::<String>();
            assert_eq!(bare(&out), bare(&first), "{body}: {line}");
        }
    }
    let all = expand("!`git log $ARGUMENTS`", "-n '5 6'").unwrap();
    assert_eq!(told(&all), "<run git log -n '5 6'>");
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a shell is what reads it")]
fn the_directory_of_a_plugin_is_neither_a_place_nor_another_command() {
    let name = "p !`touch made` '; touch made; \"$(touch made) $1";
    for line in
        ["cat ${CLAUDE_PLUGIN_ROOT}/notes", "cat \"${CODEX_PLUGIN_ROOT}/notes\"", "cat \"${PLUGIN_ROOT}\"/notes $1"]
    {
        let body = format!("See ${{CLAUDE_PLUGIN_ROOT}}/notes:\n!`{line}`");
        let (_kept, base) = tree(&[(&format!("{name}/commands/a.md"), &body), (&format!("{name}/notes"), "written")]);
        let root = base.join(name);
        let (commands, warnings) = load(&[Source::plugin("p", root.join("commands"), &root)], &|_| true);
        assert!(warnings.is_empty(), "{warnings:?}");
        let pieces = commands[0].read().unwrap().expand("").unwrap();
        let [Piece::Text(text), Piece::Run(run)] = &pieces[..] else { panic!("{pieces:?}") };
        assert_eq!(*text, format!("See {}/notes:\n", root.display()));
        let ran = std::process::Command::new("bash").args(["-c", run]).current_dir(&base).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&ran.stdout), "written", "{run}: {ran:?}");
        assert!(!base.join("made").exists(), "{run}");
    }
    // It is not what was typed: that follows the text all the same.
    let file = CommandFile { body: "${PLUGIN_ROOT} $$".into(), root: Some("/p".into()), ..CommandFile::default() };
    assert_eq!(told(&file.expand("now").unwrap()), "/p $\n\nnow");
    let file = CommandFile { root: None, ..file };
    assert_eq!(told(&file.expand("").unwrap()), "${PLUGIN_ROOT} $");
}

fn tree(files: &[(&str, &str)]) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let base = directory.path().canonicalize().unwrap();
    for (path, text) in files {
        let path = base.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    (directory, base)
}

#[test]
fn the_nearest_file_of_a_name_counts_and_faults_are_said() {
    let (_kept, base) = tree(&[
        ("p/.codex/commands/fix.md", "---\ndescription: Of the project\nargument-hint: [issue] [how]\n---\nFix $1"),
        ("p/.codex/commands/git/tidy.md", "# Tidy up\n\nmore"),
        ("p/.codex/commands/no keys.md", "x"),
        ("p/.codex/commands/open.md", "---\ndescription: x\n"),
        ("p/.codex/commands/notes.txt", "x"),
        ("home/commands/fix.md", "Of the user"),
        ("home/commands/mine.md", "Mine"),
        ("p/config/key", "key"),
        ("secret", "secret"),
    ]);
    symlink(base.join("secret"), base.join("p/.codex/commands/leak.md")).unwrap();
    symlink("../../config/key", base.join("p/.codex/commands/hidden.md")).unwrap();
    let hidden = vec![base.join("p/config/key")];
    let bounds = codex_workspace::Bounds { top: base.join("p"), hidden, ..Default::default() };
    let sources = [
        Source::project(base.join("p/.codex/commands"), &bounds),
        Source::user(base.join("home/commands")),
        Source::user(base.join("none")),
    ];
    let (commands, warnings) = load(&sources, &|_| true);
    let shown: Vec<String> = commands
        .iter()
        .map(|it| format!("{} ({}) {} {:?}", it.name, it.place.name(), it.description, it.argument_hint))
        .collect();
    assert_eq!(
        shown,
        [
            "fix (project) Of the project Some(\"[issue] [how]\")",
            "git:tidy (project) Tidy up None",
            "mine (user) Mine None",
        ]
    );
    let all = warnings.join("\n");
    for part in [
        "leak.md: it leads out of the project",
        "hidden.md: it is hidden from the model",
        "no keys.md: a command's name",
        "open.md: line 1:",
    ] {
        assert!(all.contains(part), "{part}: {all}");
    }
    assert_eq!(warnings.len(), 4, "{all}");
    assert_eq!(find(&commands, "prompts:mine").map(|it| it.name.as_str()), Some("mine"));
    assert_eq!(find(&commands, "tidy"), None);
}

#[test]
fn what_a_file_wants_is_read_with_it() {
    let (_kept, base) = tree(&[
        ("commands/a.md", "---\nmodel: big\nmode: plan\nallowed-tools: Bash(git *)\n---\n\nDo it\n"),
        ("commands/b.md", "---\nmode: yolo\n---\nx"),
        ("commands/c.md", "---\nmodel: x\n---\n  \n"),
        (".claude/commands/d.md", "---\nmodel: sonnet\n---\nx"),
    ]);
    let sources = ["commands", ".claude/commands"].map(|path| Source::user(base.join(path)));
    let (commands, warnings) = load(&sources, &|_| true);
    assert!(warnings.is_empty(), "{warnings:?}");
    let read = |name: &str| find(&commands, name).unwrap().read();
    let file = read("a").unwrap();
    assert_eq!((file.model.as_deref(), file.mode.as_deref(), &*file.body), (Some("big"), Some("plan"), "Do it"));
    assert!(read("b").unwrap_err().contains("b.md: `mode` is `plan` or `default`, not `yolo`"));
    assert!(read("c").unwrap_err().contains("nothing in it"));
    assert_eq!(read("d").unwrap().model, None);
}

#[test]
fn a_project_that_is_not_trusted_does_not_take_the_place_of_the_users_command() {
    let (_kept, base) = tree(&[
        ("p/.codex/commands/fix.md", "Theirs"),
        ("p/.codex/commands/only.md", "Only theirs"),
        ("home/commands/fix.md", "Mine"),
    ]);
    let sources =
        [Source::project(base.join("p/.codex/commands"), &base.join("p")), Source::user(base.join("home/commands"))];
    let shown = |trusted: bool| -> Vec<String> {
        let (commands, warnings) = load(&sources, &|_| trusted);
        assert!(warnings.is_empty(), "{warnings:?}");
        commands.iter().map(|it| format!("{}: {}", it.name, it.description)).collect()
    };
    assert_eq!(shown(true), ["fix: Theirs", "only: Only theirs"]);
    let held = "project:fix: not trusted, so your own /fix comes first: Theirs";
    assert_eq!(shown(false), ["fix: Mine", "only: Only theirs", held]);
}
