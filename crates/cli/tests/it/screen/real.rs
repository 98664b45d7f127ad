//! In a real terminal, with a shell around the program.

use serde_json::json;

use super::tmux::Tmux;
use crate::{approvals::run, support::Place};

/// What the last line of the live area is made of.
fn is_status(line: &str) -> bool {
    line.contains(" · untrusted · ")
}

fn count(lines: &[String], text: &str) -> usize {
    lines.iter().filter(|line| line.contains(text)).count()
}

#[test]
fn a_whole_session_leaves_each_thing_once() {
    let place =
        Place::new(json!([run("touch made"), { "text": "The first is over." }, { "text": "The **second** is over." }]));
    let terminal = Tmux::start(&place, 80, 24);
    terminal.codex("");
    terminal.until("Ask, or /help");
    terminal.until(" · approval ");
    terminal.keys(&["-l", "make it"]);
    terminal.keys(&["Enter"]);
    terminal.until("Run this command?");
    terminal.keys(&["Down", "Up", "Enter"]);
    terminal.until("The first is over.");
    assert!(place.workspace.join("made").exists());
    terminal.until_it("the end of the turn", |lines| count(lines, "Working") == 0);
    terminal.keys(&["-l", "more"]);
    terminal.keys(&["Enter"]);
    terminal.until("The second is over.");
    terminal.until_it("the end of the turn", |lines| count(lines, "Working") == 0);
    terminal.keys(&["C-d"]);
    terminal.until_it("the shell", |lines| lines.ends_with(&["$".into()]) && count(lines, "codex --resume 0") == 1);
    let lines = terminal.lines();
    for text in ["› make it", "› more", "The first is over.", "The second is over.", "$ touch made", "codex 0."] {
        assert_eq!(count(&lines, text), 1, "{text}:\n{}", lines.join("\n"));
    }
    for text in ["Ask, or /help", "Run this command?", "Working", "this once"] {
        assert_eq!(count(&lines, text), 0, "{text}:\n{}", lines.join("\n"));
    }
    assert!(!lines.iter().any(|line| is_status(line)), "{}", lines.join("\n"));
}

#[test]
fn ctrl_z_gives_the_shell_back_and_fg_the_screen() {
    let place = Place::new(json!([{ "text": "An answer." }]));
    let terminal = Tmux::start(&place, 80, 24);
    terminal.codex("go");
    terminal.until("An answer.");
    terminal.until_it("the end of the turn", |lines| count(lines, "Working") == 0 && count(lines, "Ask, or") == 1);
    terminal.keys(&["-l", "half"]);
    terminal.until("› half");
    terminal.keys(&["C-z"]);
    terminal.until_it("the shell", |lines| lines.ends_with(&["$".into()]) && count(lines, "Stopped") == 1);
    assert_eq!(count(&terminal.lines(), "› half"), 0, "the live area is gone");
    terminal.keys(&["-l", "stty -a | grep -o ' icanon'; echo $((6*7))"]);
    terminal.keys(&["Enter"]);
    terminal.until_it("what the shell says", |lines| lines.contains(&"42".into()));
    assert!(terminal.lines().contains(&" icanon".into()), "{:#?}", terminal.lines());
    terminal.keys(&["fg", "Enter"]);
    terminal.until("› half");
    let lines = terminal.lines();
    assert_eq!(count(&lines, "An answer."), 1, "{}", lines.join("\n"));
    assert!(lines.last().is_some_and(|line| is_status(line)), "{}", lines.join("\n"));
}

#[test]
fn another_size_while_an_answer_streams_loses_and_doubles_nothing() {
    let rows: Vec<String> =
        (1..=200).map(|number| format!("- row number {number} of what the model says here")).collect();
    let step = json!({ "text": rows.join("\n") + "\n\nThat is all.", "delta": 7, "chunk": 400, "pause_ms": 5 });
    let place = Place::new(json!([step]));
    let terminal = Tmux::start(&place, 80, 24);
    terminal.codex("go");
    // tmux tells of a size after a moment. What is drawn meanwhile for a screen that is much lower already goes where
    // nobody finds it; so these leave room for it.
    for (at, columns, rows) in [(5, 100, 30), (30, 90, 24), (60, 120, 30), (90, 84, 24)] {
        terminal.until(&format!("row number {at} of"));
        terminal.resize((columns, rows));
    }
    terminal.until("That is all.");
    terminal.until_it("the end of the turn", |lines| count(lines, "Working") == 0 && count(lines, "Ask, or") == 1);
    // Where nothing streams, any size will do.
    for (columns, rows) in [(40, 12), (20, 8), (120, 40), (80, 24)] {
        terminal.resize((columns, rows));
        terminal.keys(&["-l", &columns.to_string()]);
        terminal.until(&format!("› {columns}"));
        terminal.keys(&["C-c"]);
        terminal.until("Ask, or /help");
    }
    // What Ctrl+C says goes with the next key.
    terminal.keys(&["-l", "x"]);
    terminal.keys(&["BSpace"]);
    terminal.until_it("the status", |lines| lines.last().is_some_and(|line| is_status(line)));
    let lines = terminal.lines();
    let all = lines.join("\n");
    for number in 1..=200 {
        assert_eq!(all.matches(&format!("row number {number} of what")).count(), 1, "{number}:\n{all}");
    }
    assert_eq!(lines.iter().filter(|line| is_status(line)).count(), 1, "{all}");
    let numbers: Vec<u32> =
        lines.iter().filter_map(|line| line.split_once("row number ")?.1.split(' ').next()?.parse().ok()).collect();
    assert!(numbers.is_sorted(), "{numbers:?}");
}

#[test]
fn a_much_lower_screen_has_nothing_twice_of_an_answer_that_goes_on() {
    let rows: Vec<String> = (1..=60).map(|number| format!("- row number {number} of what the model says")).collect();
    for ((columns, rows_before), (to_columns, to_rows)) in
        [((100, 30), (52, 12)), ((120, 40), (38, 8)), ((100, 30), (30, 6))]
    {
        let place = Place::new(json!([{ "text": rows.join("\n") + "\n", "delta": 700, "hang": true }]));
        let terminal = Tmux::start(&place, columns, rows_before);
        terminal.codex("go");
        terminal.until("row number 60 of");
        terminal.until("Working");
        terminal.resize((to_columns, to_rows));
        terminal.keys(&["-l", "x"]);
        terminal.until("› x");
        terminal.keys(&["BSpace", "Escape"]);
        terminal
            .until_it("the end of the turn", |lines| count(lines, "Working") == 0 && count(lines, "nterrupted") == 1);
        let all = terminal.lines().join("\n");
        for number in 1..=60 {
            assert_eq!(all.matches(&format!("row number {number} of what")).count(), 1, "{number}:\n{all}");
        }
    }
}

/// One paragraph, of which the last row is always unfinished: what a much lower screen pushes out of it goes on there.
#[test]
fn a_much_lower_screen_has_no_word_twice_of_a_paragraph_that_streams() {
    let words: Vec<String> = (1..=300).map(|number| format!("word{number}")).collect();
    let text = words.join(" ") + "\n\nThat is all.";
    let place = Place::new(json!([{ "text": text, "delta": 50, "chunk": 2000, "pause_ms": 500 }]));
    let terminal = Tmux::start(&place, 100, 30);
    terminal.codex("go");
    terminal.until("word100 ");
    terminal.resize((30, 6));
    terminal.until("That is all.");
    terminal.until_it("the end of the turn", |lines| count(lines, "Working") == 0 && count(lines, "Ask, or") == 1);
    let lines = terminal.lines();
    // A word that was not whole when it was pushed out goes on in the next row.
    let shown: String = lines.iter().flat_map(|line| line.chars()).filter(|c| *c != ' ').collect();
    assert!(shown.contains(&words.concat()), "{}", lines.join("\n"));
}

#[test]
fn an_editor_gets_the_terminal_and_gives_it_back() {
    let place = Place::new(json!([{ "text": "It is read." }]));
    let terminal = Tmux::start(&place, 80, 24);
    std::fs::write(place.home.join("edit"), "read line < /dev/tty; echo \"$line\" > \"$1\"\n").unwrap();
    terminal.keys(&["-l", &format!("export EDITOR='sh {}'", place.home.join("edit").display())]);
    terminal.keys(&["Enter"]);
    terminal.codex("");
    terminal.until(" · approval ");
    terminal.keys(&["C-g"]);
    terminal.until_it("the editor", |lines| count(lines, "Ask, or /help") == 0);
    terminal.keys(&["-l", "from the editor"]);
    terminal.keys(&["Enter"]);
    terminal.until("› from the editor");
    terminal.keys(&["Enter"]);
    terminal.until("It is read.");
}
