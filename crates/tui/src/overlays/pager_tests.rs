//! The pager: what is seen after which keys, search, and what is copied.

use std::collections::BTreeMap;

use codex_protocol::{CommandExecutionStatus, ThreadItem, UserInput};

use super::*;
use crate::overlays::testing::{SIZES, press, said, screen};

/// Lines with their numbers, in one part.
fn lines(count: usize) -> Pager {
    Pager::new("Lines", vec![PagerEntry::rows((0..count).map(|n| Row::plain(&format!("line {n}."))).collect())])
}

fn items(count: usize) -> Pager {
    let item = |n: usize| match n % 2 {
        0 => ThreadItem::UserMessage {
            id: n.to_string(),
            content: vec![UserInput::Text { text: format!("question {n}.\u{1b}[2J") }],
        },
        _ => ThreadItem::CommandExecution {
            id: n.to_string(),
            command: format!("run {n}."),
            cwd: "/w".into(),
            status: CommandExecutionStatus::Completed,
            command_actions: Vec::new(),
            aggregated_output: Some((0..50).map(|line| format!("output {n}:{line}.\n")).collect()),
            exit_code: Some(0),
            duration_ms: Some(5),
            source: codex_protocol::CommandExecutionSource::default(),
        },
    };
    Pager::new("Items", (0..count).map(|n| PagerEntry::item(item(n))).collect())
}

fn shown(pager: &Pager, size: (usize, usize)) -> String {
    screen(pager, size).join("\n")
}

#[test]
fn keys_scroll() {
    // On 12 rows there are 10 lines: the first that is seen after these keys.
    let table = [
        ("", 0),
        ("down", 1),
        ("j j k", 1),
        ("up", 0),
        ("pagedown", 9),
        ("space b", 0),
        ("ctrl+f ctrl+f pageup", 9),
        ("d", 5),
        ("d u", 0),
        ("G", 90),
        ("end", 90),
        ("G down pagedown", 90),
        ("G k", 89),
        ("G g", 0),
        ("G home", 0),
    ];
    for (keys, first) in table {
        let mut pager = lines(100);
        screen(&pager, (40, 12));
        press(&mut pager, keys);
        let rows = screen(&pager, (40, 12));
        assert_eq!(rows[1], format!("  line {first}."), "{keys}");
        assert_eq!(rows.len(), 12, "{keys}");
        assert_eq!(rows[10], format!("  line {}.", first + 9), "{keys}");
    }
    let pager = lines(100).at_end();
    assert_eq!(screen(&pager, (40, 12))[1], "  line 90.");
    let mut pager = lines(100).at_end();
    screen(&pager, (40, 12));
    press(&mut pager, "up");
    assert_eq!(screen(&pager, (40, 12))[1], "  line 89.");
}

#[test]
fn every_line_is_seen_once_whatever_the_size() {
    for size in [(80, 24), (40, 12), (200, 60), (20, 5)] {
        for make in [|| lines(200), || items(20)] {
            let mut pager = make();
            screen(&pager, size);
            press(&mut pager, "G");
            let end = screen(&pager, size);
            press(&mut pager, "g");
            let mut all: Vec<String> = screen(&pager, size)[1..size.1 - 1].to_vec();
            for _ in 0..5000 {
                press(&mut pager, "down");
                let now = screen(&pager, size);
                // One row further, as long as there is one.
                if now[1..size.1 - 1] == all[all.len() - (size.1 - 2)..] {
                    break;
                }
                assert_eq!(now[1..size.1 - 2], all[all.len() - (size.1 - 3)..], "{size:?}");
                all.push(now[size.1 - 2].clone());
            }
            assert_eq!(all[all.len() - (size.1 - 2)..], end[1..size.1 - 1], "{size:?}");
        }
    }
}

#[test]
fn what_is_searched_is_found_and_marked() {
    let table = [
        ("/ 7 7 . enter", "line 77.", true),
        ("/ L I N E enter", "line 0.", false),
        ("/ l i n e space 9 enter n", "line 90.", true),
        ("/ l i n e space 9 enter n N", "line 9.", true),
        // Round about.
        ("/ l i n e space 9 9 enter n", "line 99.", true),
        ("G / l i n e space 3 . enter", "line 3.", true),
        ("/ 4 2 . enter N", "line 42.", true),
        ("/ x esc down", "line 1.", false),
        ("/ n o n e enter", "`none` is not there", false),
    ];
    for (keys, seen, marked) in table {
        let mut pager = lines(100);
        screen(&pager, (40, 12));
        press(&mut pager, keys);
        assert!(shown(&pager, (40, 12)).contains(seen), "{keys}: {}", shown(&pager, (40, 12)));
        let look = Look { width: 40, theme: Theme::Ansi };
        let rows = pager.live(Size { columns: 40, rows: 12 }, &look).rows;
        let found = rows.iter().flat_map(|row| &row.spans).any(|span| span.style.reverse);
        assert_eq!(found, marked, "{keys}");
    }
}

#[test]
fn what_is_hidden_is_found_and_opened() {
    let mut pager = items(6);
    screen(&pager, (80, 24));
    assert!(!shown(&pager, (80, 24)).contains("output 3:2."));
    press(&mut pager, "/ o u t p u t space 3 : 2 . enter");
    assert!(shown(&pager, (80, 24)).contains("output 3:2."), "{}", shown(&pager, (80, 24)));
}

#[test]
fn items_are_chosen_opened_and_copied() {
    let table = [
        ("y", "Copy(\"question 0.\\u{1b}[2J\")"),
        ("tab y", "Copy(\"question 0.\\u{1b}[2J\")"),
        ("tab tab y", "Copy(\"run 1.\\noutput 1:0.\\n"),
        ("tab tab tab shift+tab y", "Copy(\"run 1.\\noutput 1:0.\\n"),
        ("q", "closes "),
        ("esc", "closes "),
        ("ctrl+t", "closes "),
        ("ctrl+c", "closes "),
    ];
    for (keys, expected) in table {
        let mut pager = items(6);
        screen(&pager, (80, 24));
        assert!(said(&press(&mut pager, keys)).starts_with(expected), "{keys}");
    }
    let mut pager = items(6);
    screen(&pager, (80, 24));
    let closed = shown(&pager, (80, 200));
    assert!(closed.contains("… 45 more lines (enter)\n"), "{closed}");
    press(&mut pager, "tab tab enter");
    let open = shown(&pager, (80, 200));
    assert!(open.contains("output 1:0.") && open.contains("output 1:25."), "{open}");
    assert!(open.contains("▌ "), "{open}");
    press(&mut pager, "enter");
    assert_eq!(shown(&pager, (80, 200)).replace("▌ ", "  "), closed);
}

#[test]
fn it_is_drawn_at_every_size_also_with_nothing_in_it() {
    for make in [|| items(9), || lines(3), || Pager::new("\u{1b}[2J", Vec::new()), || items(9).at_end()] {
        for keys in ["", "tab", "/ x", "tab enter G", "n N y enter tab shift+tab"] {
            for size in SIZES {
                let mut pager = make();
                screen(&pager, size);
                press(&mut pager, keys);
                screen(&pager, size);
                // The screen may change its size.
                screen(&pager, (size.1, size.0));
            }
        }
    }
}

#[test]
fn the_users_keys_count_and_are_named() {
    let changes = BTreeMap::from([("pager-close".to_owned(), vec!["x".to_owned()])]);
    let mut pager = lines(3);
    pager.bind(&crate::keymap::Keymap::new(&changes).unwrap());
    assert!(shown(&pager, (80, 24)).contains("· x leave"));
    assert!(shown(&pager, (12, 24)).contains("x leave"));
    assert!(!press(&mut pager, "q").closes && press(&mut pager, "x").closes);
}

#[test]
fn what_came_before_is_asked_for_at_the_top() {
    let message = |n: usize| ThreadItem::AgentMessage { id: n.to_string(), text: format!("message {n}.") };
    let items = |range: std::ops::Range<usize>| range.map(message).collect::<Vec<_>>();
    let newest = items(20..40).into_iter().map(PagerEntry::item).collect();
    let mut pager = Pager::new("Transcript", newest).at_end().earlier_at(Some("20".into()));
    pager.earlier(&mut items(0..20), &mut None);
    assert!(shown(&pager, (80, 12)).contains("message 39."));
    assert_eq!(said(&press(&mut pager, "up pageup")), "");
    assert_eq!(said(&press(&mut pager, "g")), "Fetch(Earlier(\"20\"))");
    assert_eq!(said(&press(&mut pager, "up")), "", "once");
    let seen = |pager: &Pager| {
        let mut rows = screen(pager, (80, 12));
        // What the keys do.
        rows.pop();
        rows.join("\n")
    };
    let before = seen(&pager);
    assert!(before.contains("message 20.") && !before.contains("message 19."), "{before}");
    pager.earlier(&mut items(0..20), &mut None);
    assert_eq!(seen(&pager), before);
    press(&mut pager, "up up");
    assert!(seen(&pager).contains("message 19."));
    assert_eq!(said(&press(&mut pager, "g")), "");
    assert!(seen(&pager).contains("message 0."));
}
