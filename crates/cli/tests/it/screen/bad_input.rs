//! Terminals that can do little, input that is too much, and text that would drive the terminal.

use std::{fs, io::Write as _, process::Stdio};

use serde_json::json;

use super::terminal::Terminal;
use crate::{
    approvals::{last_request, run},
    support::Place,
};

#[test]
fn without_a_terminal_it_says_what_does() {
    let place = Place::new(json!([]));
    let output = place.codex(&[]).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{said}");
    assert!(said.contains("codex exec"), "{said}");
    assert!(!place.home.join("sessions").exists());
}

#[test]
fn a_dumb_terminal_gets_lines() {
    let place = Place::new(json!([run("echo made > made"), { "text": "It is **made**." }]));
    let mut terminal = Terminal::with(&place, &[], &[("TERM", "dumb")], (24, 80));
    terminal.until("> ");
    terminal.press("go\r", "Run this command?");
    terminal.until("yes, this once");
    terminal.press("y\r", "It is made.");
    terminal.send("/quit\r");
    let (status, all) = terminal.end();
    assert!(status.success(), "{all}");
    assert_eq!(fs::read_to_string(place.workspace.join("made")).unwrap(), "made\n");
    assert!(all.contains("codex --resume 0"), "{all}");
}

#[test]
fn a_dumb_terminal_gets_no_sequence() {
    let place = Place::new(json!([{ "text": "**Bold**, [link](http://a.example) and `code`." }]));
    let mut terminal = Terminal::with(&place, &["go"], &[("TERM", "dumb")], (24, 80));
    terminal.until("code").until("> ");
    assert!(!terminal.written().contains('\x1b'), "{:?}", terminal.written());
}

#[test]
fn no_colour_where_none_is_wanted() {
    let place = Place::new(json!([{ "text": "**Bold** and `code`.\n\n```rs\nfn main() {}\n```\n" }]));
    let coloured = |written: &str| {
        let sequences = written.split("\x1b[").skip(1).filter_map(|rest| rest.split_once('m'));
        let sequences = sequences.filter(|(digits, _)| digits.chars().all(|c| c.is_ascii_digit() || ";:".contains(c)));
        let mut codes =
            sequences.flat_map(|(digits, _)| digits.split([';', ':']).map(|code| code.parse().unwrap_or(0)));
        codes.any(|code: u16| (30..=49).contains(&code) || (90..=107).contains(&code))
    };
    for (variables, expected) in [(&[][..], true), (&[("NO_COLOR", "1")][..], false)] {
        let mut terminal = Terminal::with(&place, &["go"], variables, (24, 80));
        terminal.until("› go").rest();
        assert_eq!(coloured(&terminal.written()), expected, "{variables:?}: {:?}", terminal.written());
    }
}

#[test]
fn one_column_is_enough_to_leave() {
    let place = Place::new(json!([{ "text": "A word." }]));
    for (rows, columns) in [(24, 1), (1, 80), (1, 1), (2, 3)] {
        let mut terminal = Terminal::start(&place, &["go"], rows, columns);
        terminal.until_it("anything", |screen| !screen.trim().is_empty());
        terminal.send("/quit\r");
        let (status, all) = terminal.end();
        assert!(status.success(), "{rows}x{columns}: {all}");
    }
}

#[test]
fn a_huge_paste_is_one_message() {
    let place = Place::new(json!([{ "text": "It is read." }]));
    let mut terminal = Terminal::open(&place, &[]);
    let text = "0123456789abcde\n".repeat(10 << 16);
    terminal.paste(&text);
    terminal.until("[");
    terminal.press("\r", "It is read.");
    let request = last_request(&place);
    assert!(request.matches("0123456789abcde\\n").count() >= (10 << 16) - 1, "{}", request.len());
}

#[test]
fn a_huge_line_is_shown_whole() {
    let place = Place::new(json!([{ "text": format!("begin {} end-of-it", "x".repeat(1 << 20)), "delta": 65536 }]));
    let mut terminal = Terminal::start(&place, &["go"], 24, 80);
    terminal.until("end-of-it").rest();
}

#[test]
fn output_and_names_cannot_drive_the_terminal() {
    let place = Place::new(json!([
        run(r"printf 'bad \377\376 bytes\n\033]0;title\007\033[2J\033]52;c;aGk=\007'; cat ./*evil*"),
        { "text": "The end\u{1b}[2J\u{1b}]52;c;aGk=\u{7}\u{202e} of it." },
    ]));
    let name = "evil\n\u{1b}]52;c;aGk=\u{7}.txt";
    fs::write(place.workspace.join(name), "of the file\n").unwrap();
    let mut terminal = Terminal::start(&place, &["-a", "on-request", "go"], 24, 80);
    terminal.until("of it.").rest();
    assert!(terminal.all().contains("of the file"), "{}", terminal.all());
    terminal.press("@evil", ".txt");
    let written = terminal.written();
    assert!(
        !written.contains("\x1b]52") && !written.contains("\x1b]0;") && !written.contains("\u{202e}"),
        "{written:?}"
    );
    assert!(!written.contains("\x1b[2J"), "{written:?}");
    let _ = std::io::stdout().flush();
}

#[test]
fn an_answer_of_the_terminal_is_never_taken_for_keys() {
    const ANSWER: &str = "\x1b]11;rgb:ffff/ffff/ffff\x1b\\\x1b[?62;22c";
    let place = Place::new(json!([]));
    let mut terminal = Terminal::start(&place, &["-c", "tui.theme=\"auto\""], 24, 80);
    terminal.until("Ask, or /help");
    let written = terminal.written();
    let (asked, frame) = (written.find("\x1b]11;?\x1b\\\x1b[c"), written.find("\x1b[?2026h"));
    assert!(asked.is_some() && frame < asked, "it is asked with the first frame, which waits for nothing: {written:?}");
    terminal.press(&format!("a{ANSWER}b"), "› ab");
    // It may come after the end: it is waited for then.
    let mut terminal = Terminal::start(&place, &["-c", "tui.theme=\"auto\""], 24, 80);
    terminal.answers_nothing();
    terminal.until("Ask, or /help").until(" · approval ");
    terminal.send("\x04");
    terminal.until_it("an empty screen", |screen| !screen.contains("Ask, or"));
    terminal.send(ANSWER);
    let (status, all) = terminal.end();
    assert!(status.success() && !all.contains("62;22c") && !all.contains("ffff"), "{all}");
}

#[test]
fn a_page_is_read_whole_on_a_dumb_terminal() {
    let place = Place::new(json!([]));
    let mut terminal = Terminal::with(&place, &[], &[("TERM", "dumb")], (24, 80));
    terminal.press("/help\r", "Take the answer that is chosen");
    terminal.send("/quit\r");
    let (status, all) = terminal.end();
    assert!(status.success() && all.contains("/agent") && all.contains("/vim"), "{all}");
}
