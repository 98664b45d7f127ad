//! Pastes, pictures, drafts.

use std::{fs, time::Instant};

use super::*;

#[test]
fn a_long_paste_is_one_character_until_it_is_sent() {
    let mut composer = composer("see |");
    let long: String = (0..123).map(|line| format!("line {line}\r\n")).collect();
    composer.paste(&long);
    press(&mut composer, "\" end\"");
    assert_eq!(composer.text(), "see [Pasted text #1, 123 lines] end");
    composer.paste(&"x".repeat(2000));
    assert_eq!(composer.text(), "see [Pasted text #1, 123 lines] end[Pasted text #2, 2000 characters]");
    press(&mut composer, "backspace");
    assert_eq!(composer.text(), "see [Pasted text #1, 123 lines] end");
    press(&mut composer, "ctrl+a alt+f right");
    press(&mut composer, "right \"!\"");
    assert_eq!(composer.text(), "see [Pasted text #1, 123 lines]! end");
    assert_eq!(composer.draft().text, format!("see {}! end", long.replace('\r', "")));
    // It is cut, inserted and undone as any other character, and still there when the text before it was sent.
    press(&mut composer, "ctrl+a ctrl+k");
    composer.take();
    press(&mut composer, "ctrl+y");
    assert_eq!(composer.text(), "see [Pasted text #1, 123 lines]! end");
    assert!(composer.take().text.contains("line 122\n! end"));
}

#[test]
fn a_short_paste_is_text() {
    for (pasted, expected) in
        [("a\r\nb\rc\td", "a\nb\nc\td|"), ("\u{10f000}", "\u{fffd}|"), ("/no.png", "/no.png|"), ("", "|")]
    {
        let mut composer = composer("|");
        composer.paste(pasted);
        assert_eq!(state(&composer), expected);
    }
}

#[test]
fn ten_megabytes_are_pasted_and_sent_whole() {
    let text = "some text of a log that goes on\n".repeat(10 << 20 >> 5);
    let begun = Instant::now();
    let mut composer = composer("|");
    composer.paste(&text);
    composer.live(&crate::look::Look { width: 80, theme: crate::theme::Theme::Ansi }, 10);
    let pasted = begun.elapsed();
    assert_eq!(composer.text(), "[Pasted text #1, 327680 lines]");
    let draft = composer.take();
    assert!(draft.text == text);
    eprintln!("{pasted:?} to paste, {:?} in all", begun.elapsed());
    // Nothing draws it character by character when it comes back either.
    composer.set(draft);
    assert_eq!(composer.text(), "[Pasted text #1, 327680 lines]");
}

#[test]
fn pictures_are_named_in_the_text_and_go_along() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    for name in ["a.png", "b \u{1b}[2J.jpg"] {
        fs::write(path(name), "x").unwrap();
    }
    let mut composer = composer("|");
    composer.paste(&path("a.png"));
    assert_eq!(composer.text(), "[Image #1 a.png]");
    // Numbers follow the order of the text.
    press(&mut composer, "home");
    composer.paste(&format!("'{}'", path("b \u{1b}[2J.jpg")));
    press(&mut composer, "\" and \"");
    let shown = "[Image #1 b \\u{1b}[2J.jpg] and [Image #2 a.png]";
    assert_eq!(composer.text(), shown);
    let draft = composer.draft();
    assert_eq!(
        (draft.text.as_str(), draft.pictures.as_slice()),
        (shown, &[path("b \u{1b}[2J.jpg"), path("a.png")][..])
    );
    // A draft that is put back is the same, and a picture is one character again.
    composer.set(draft.clone());
    assert_eq!(composer.draft(), draft);
    press(&mut composer, "end backspace");
    assert_eq!(composer.draft().pictures, [path("b \u{1b}[2J.jpg")]);
    // One whose name was changed in an editor goes along all the same.
    composer.set(Draft { text: "look".into(), pictures: vec![path("a.png")] });
    assert_eq!(composer.text(), "look[Image #1 a.png]");
}

#[test]
fn a_draft_that_is_put_in_place_can_be_undone() {
    let mut composer = composer("written|");
    composer.set(Draft { text: "other\r\ntext".into(), pictures: Vec::new() });
    assert_eq!(state(&composer), "other\ntext|");
    press(&mut composer, "ctrl+_");
    assert_eq!(state(&composer), "written|");
    assert_eq!(composer.take().text, "written");
    assert!(composer.is_empty() && composer.draft().is_empty());
    press(&mut composer, "ctrl+_");
    assert_eq!(state(&composer), "|");
}

#[test]
fn what_is_completed_is_put_in_place() {
    let table = [
        ("/mo|", "/model ", "/model |"),
        ("/mo|del", "/model ", "/model |"),
        ("/model g|", "gpt-5", "/model gpt-5|"),
        ("see @sr|c and", "@src/lib.rs", "see @src/lib.rs| and"),
        ("no| token", "x", "no| token"),
    ];
    for (text, with, expected) in table {
        let mut composer = composer(text);
        composer.replace_token(with);
        assert_eq!(state(&composer), expected, "{text}");
    }
}
