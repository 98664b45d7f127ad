//! The list of sessions: what it shows, and what its keys want.

use serde_json::json;

use super::*;
use crate::overlays::testing::{SIZES, press, said, screen};

fn thread(id: &str, name: Option<&str>, preview: &str, cwd: &str, updated_at: i64) -> Thread {
    serde_json::from_value(json!({
        "id": id, "sessionId": id, "cliVersion": "0", "createdAt": 0, "updatedAt": updated_at, "cwd": cwd, "name": name,
        "ephemeral": false, "modelProvider": "openai", "preview": preview, "projectId": null, "source": "cli",
        "status": { "type": "notLoaded" }, "turns": [],
    }))
    .unwrap()
}

fn sessions_of(all: bool) -> Sessions {
    let list = vec![
        thread("id-1", None, "Fix the tests", "/w/one", 999_990),
        thread("id-2", None, "Write a\u{1b}[2J parser", "/w/t\u{202e}wo", 996_000),
        thread("id-3", Some("Blank"), " ", "/w/one", 700_000),
        thread("id-4", None, " ", "/w/one", 600_000),
    ];
    Sessions::at(list, all, Timestamp::from_second(1_000_000).unwrap())
}

#[test]
fn it_is_shown() {
    let table: [(&str, bool, &str); 6] = [
        (
            "",
            false,
            "Sessions of this directory\n  search: \n› Fix the tests       just now · id-1\n  \
             Write a[2J parser   1 h ago · id-2 · Write a\\u{1b}[2J parser\n  Blank               3 d ago · id-3 ·  \n  \
             (nothing was said)  4 d ago · id-4\n\
             ↑ ↓ choose · enter take · esc leave · tab all directories · ctrl+r rename · ctrl+o lay aside · ctrl+x delete",
        ),
        ("", true, "1 h ago · /w/t\\u{202e}wo · id-2"),
        ("x y z", false, "  nothing is like this\n"),
        ("down ctrl+r", false, "  new name: "),
        ("down down ctrl+x", false, "  delete for good: Blank? y yes · n no"),
        ("ctrl+x n", false, "↑ ↓ choose"),
    ];
    for (keys, all, expected) in table {
        let mut sessions = sessions_of(all);
        press(&mut sessions, keys);
        let shown = screen(&sessions, (130, 24)).join("\n");
        assert!(shown.contains(expected), "{keys}: {expected}\n{shown}");
        SIZES.iter().for_each(|size| drop(screen(&sessions, *size)));
    }
    // No key is cut off on a usual screen.
    let shown = screen(&sessions_of(false), (80, 24)).join(" ");
    assert!(shown.contains("ctrl+x delete") || shown.contains("ctrl+x   delete"), "{shown}");
    let none = Sessions::at(Vec::new(), false, Timestamp::UNIX_EPOCH);
    assert!(screen(&none, (80, 24)).join("\n").contains("  there are none\n"));
}

#[test]
fn keys_choose_and_manage() {
    let table = [
        ("enter", r#"closes ResumeThread("id-1")"#),
        ("down enter", r#"closes ResumeThread("id-2")"#),
        ("up enter", r#"closes ResumeThread("id-4")"#),
        ("end enter", r#"closes ResumeThread("id-4")"#),
        ("end home enter", r#"closes ResumeThread("id-1")"#),
        ("pagedown enter", r#"closes ResumeThread("id-4")"#),
        ("p a r s e r enter", r#"closes ResumeThread("id-2")"#),
        ("b l a n k enter", r#"closes ResumeThread("id-3")"#),
        ("i d - 4 enter", r#"closes ResumeThread("id-4")"#),
        ("x y z enter", ""),
        ("x y z ctrl+u enter", r#"closes ResumeThread("id-1")"#),
        ("p a", ""),
        ("p a r", r#"Fetch(Said { term: "par", all: false })"#),
        ("tab", "closes Fetch(Sessions { all: true })"),
        ("esc", "closes "),
        ("down ctrl+r n e w enter", r#"Manage(Rename { id: "id-2", name: "new" })"#),
        ("ctrl+r n esc esc", "closes "),
        ("ctrl+o", r#"Manage(Archive("id-1"))"#),
        ("x y z ctrl+o", ""),
        ("x y z ctrl+r enter", ""),
        ("ctrl+x y", r#"Manage(Delete("id-1"))"#),
        ("ctrl+x n y", ""),
        ("ctrl+x enter", ""),
        ("ctrl+x enter enter", r#"closes ResumeThread("id-1")"#),
    ];
    for (keys, expected) in table {
        let mut sessions = sessions_of(false);
        screen(&sessions, (80, 24));
        let outcome = press(&mut sessions, keys);
        assert_eq!(said(&outcome), expected, "{keys}");
    }
}

#[test]
fn what_was_said_is_found_after_what_is_listed() {
    let mut sessions = sessions_of(false);
    press(&mut sessions, "p a r s e r");
    let found = || {
        let result = |thread, snippet: &str| ThreadSearchResult { snippet: snippet.into(), thread };
        vec![
            result(thread("id-2", None, "Write a parser", "/w", 0), "a parser"),
            result(thread("id-9", None, "Long ago", "/w", 996_000), "…the parser broke…"),
        ]
    };
    sessions.said("pars", &mut found());
    assert!(!screen(&sessions, (80, 24)).join("\n").contains("Long ago"), "that was asked for something else");
    sessions.said("parser", &mut found());
    let shown = screen(&sessions, (80, 24)).join("\n");
    assert!(shown.contains("parser  1 h ago · id-2 · ") && shown.contains("Long ago"), "{shown}");
    assert!(shown.contains("…the parser broke… · 1 h ago"), "{shown}");
    assert_eq!(said(&press(&mut sessions, "down enter")), r#"closes ResumeThread("id-9")"#);
    press(&mut sessions, "x");
    assert!(!screen(&sessions, (80, 24)).join("\n").contains("Long ago"));
}

#[test]
fn what_was_done_is_seen() {
    let mut sessions = sessions_of(false);
    sessions.managed(&Manage::Rename { id: "id-2".into(), name: " new ".into() });
    sessions.managed(&Manage::Archive("id-1".into()));
    sessions.managed(&Manage::Delete("id-4".into()));
    let shown = screen(&sessions, (80, 24)).join("\n");
    assert!(shown.contains("› new    1 h ago · id-2 · ") && shown.contains("\n  Blank  3 d ago"), "{shown}");
    assert!(!shown.contains("id-1") && !shown.contains("id-4"), "{shown}");
}

#[test]
fn what_is_chosen_is_seen_in_a_long_list() {
    let list: Vec<Thread> =
        (0..100).map(|n| thread(&format!("id-{n}"), None, &format!("session {n}!"), "/w", 0)).collect();
    for keys in ["end", "pagedown pagedown", "up up", "down down down", "end pageup", "5 7 !"] {
        for size in [(80, 24), (40, 12), (80, 5)] {
            let mut picker = Sessions::at(list.clone(), false, Timestamp::from_second(0).unwrap());
            screen(&picker, size);
            press(&mut picker, keys);
            let shown = screen(&picker, size);
            let chosen: Vec<&String> = shown.iter().filter(|row| row.starts_with('›')).collect();
            assert_eq!(chosen.len(), 1, "{keys} {size:?}: {shown:?}");
            let taken = said(&press(&mut picker, "enter"));
            let name = chosen[0].split('!').next().unwrap().trim_start_matches("› session ");
            assert!(taken.contains(&format!("\"id-{name}\"")), "{keys}: {chosen:?} {taken}");
        }
    }
}
