//! Keys: of the composer, of the pager, and those that lend the terminal to other programs.

use std::{fs, os::unix::fs::PermissionsExt};

use serde_json::json;

use super::terminal::Terminal;
use crate::{
    approvals::{last_request, run},
    support::Place,
};

#[test]
fn ctrl_t_shows_the_whole_transcript_and_searches_it() {
    let rows: Vec<String> = (1..=200).map(|number| format!("line {number} of the output")).collect();
    let command = format!("printf '%s\\n' {}", rows.iter().map(|row| format!("'{row}'")).collect::<Vec<_>>().join(" "));
    let place = Place::new(json!([run(&command), { "text": "That was all." }]));
    let mut terminal = Terminal::start(&place, &["-a", "on-request", "go"], 24, 80);
    terminal.until("That was all.").rest();
    assert!(!terminal.all().contains("line 97 of the output"), "it is folded");
    terminal.press("\x14", "Transcript");
    // All items are opened by their key; what is searched for is found wherever it is.
    terminal.press("/", "search");
    terminal.press("line 97 of\r", "line 97 of the output");
    terminal.press("q", "Ask, or /help");
    assert_eq!(terminal.all().matches("That was all.").count(), 1, "{}", terminal.all());
}

#[test]
fn ctrl_g_opens_the_editor_on_what_is_typed() {
    let place = Place::new(json!([{ "text": "It is read." }]));
    let editor = place.home.join("editor");
    fs::write(&editor, "#!/bin/sh\ncp \"$1\" \"$CODEX_HOME/seen\"\nprintf 'written\\nby the editor\\n' > \"$1\"\n")
        .unwrap();
    fs::set_permissions(&editor, fs::Permissions::from_mode(0o755)).unwrap();
    let mut terminal = Terminal::with(&place, &[], &[("EDITOR", editor.to_str().unwrap())], (24, 80));
    terminal.until("Ask, or /help").until(" · approval ");
    terminal.press("a draft", "› a draft");
    terminal.press("\x07", "by the editor");
    assert_eq!(fs::read_to_string(place.home.join("seen")).unwrap(), "a draft");
    terminal.press("\r", "It is read.");
    assert!(last_request(&place).contains("written\\nby the editor"), "{}", last_request(&place));
}

#[test]
fn a_file_is_found_by_a_few_letters() {
    let place = Place::new(json!([{ "text": "It is read." }]));
    fs::create_dir_all(place.workspace.join("src/deep")).unwrap();
    fs::write(place.workspace.join("src/deep/number_theory.rs"), "").unwrap();
    fs::write(place.workspace.join("src/other.rs"), "").unwrap();
    let mut terminal = Terminal::open(&place, &[]);
    terminal.press("read @numth", "src/deep/number_theory.rs");
    terminal.press("\t", "› read @src/deep/number_theory.rs");
    terminal.press("now\r", "It is read.");
    assert!(last_request(&place).contains("read @src/deep/number_theory.rs now"), "{}", last_request(&place));
}

#[test]
fn what_was_said_before_comes_back_in_another_session() {
    let place = Place::new(json!([]));
    let mut terminal = Terminal::open(&place, &[]);
    terminal.press("a certain question\r", "Done.").rest();
    terminal.send("/quit\r");
    terminal.end();
    let mut terminal = Terminal::open(&place, &[]);
    terminal.press("\x12", "");
    terminal.press("certain", "a certain question");
}

#[test]
fn several_lines_are_one_message() {
    let place = Place::new(json!([]));
    let mut terminal = Terminal::open(&place, &[]);
    terminal.press("one\ntwo", "  two");
    terminal.press("\x1b[200~\nthree\nfour\x1b[201~", "  four");
    terminal.press("\r", "Done.");
    assert!(last_request(&place).contains("one\\ntwo\\nthree\\nfour"), "{}", last_request(&place));
    assert_eq!(place.server.requests().len(), 1);
}

/// A desktop whose clipboard holds what the script `wl-paste` says.
fn with_clipboard(place: &Place, script: Option<&str>) -> Terminal {
    let programs = place.home.join("programs");
    fs::create_dir(&programs).unwrap();
    // What starts the program in its terminal is found there, too.
    std::os::unix::fs::symlink("/usr/bin/setsid", programs.join("setsid")).unwrap();
    if let Some(script) = script {
        fs::write(programs.join("wl-paste"), format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(programs.join("wl-paste"), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let variables = [("PATH", programs.to_str().unwrap()), ("WAYLAND_DISPLAY", "wayland-9")];
    let mut terminal = Terminal::with(place, &[], &variables, (24, 80));
    terminal.until("Ask, or /help").until(" · approval ");
    terminal
}

#[test]
fn ctrl_v_takes_the_picture_of_the_clipboard() {
    let place = Place::new(json!([{ "text": "It is seen." }]));
    let png = r"printf '\211PNG\r\n\032\n\000\000\000\rIHDR\000\000\000\001\000\000\000\001\010\006\000\000\000'";
    let mut terminal = with_clipboard(&place, Some(&format!("[ \"$*\" = '--type image/png' ] && {png}")));
    terminal.press("what is \x16", "› what is [Image #1 clipboard-");
    terminal.press("?\r", "It is seen.");
    let request = last_request(&place);
    assert!(request.contains("data:image/png;base64,iVBORw0KGgo"), "{request}");
}

#[test]
fn without_a_picture_it_says_so_and_nothing_is_lost() {
    let table = [
        (Some("echo 'Nothing is copied' >&2; exit 1"), "there is no picture in the clipboard"),
        (Some("echo text"), "there is no picture in the clipboard"),
        (None, "install `wl-paste` (package wl-clipboard)"),
    ];
    for (script, said) in table {
        let place = Place::new(json!([]));
        let mut terminal = with_clipboard(&place, script);
        terminal.press("half", "› half");
        terminal.press("\x16", said).until("› half");
        assert!(!place.home.join("pictures").exists());
    }
}
