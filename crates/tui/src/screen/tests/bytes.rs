//! What is written, byte by byte: one write for each frame, and no sequence that needs to know where the screen is.

use proptest::prelude::*;

use super::{Written, live, random_cases, rows, terminal};
use crate::{
    picture::{Picture, Protocol},
    screen::{Capabilities, Screen},
    text::{Color, ColorDepth, Live, Row, Size, Span, Style},
};

const SIZE: Size = Size { columns: 20, rows: 6 };

/// What frames of `lives` write, each by itself.
fn written(terminal: Capabilities, lives: &[Live]) -> Vec<String> {
    let mut out = Written::default();
    let mut screen = Screen::inline(&mut out, SIZE, terminal);
    let mut ends = Vec::new();
    for live in lives {
        screen.frame(live, SIZE).unwrap();
        ends.push(screen.out.bytes.len());
    }
    let mut begin = 0;
    let pieces = ends.into_iter().map(|end| {
        let piece = String::from_utf8(out.bytes[begin..end].to_vec()).unwrap();
        begin = end;
        piece
    });
    pieces.collect()
}

/// The middle of a frame.
fn middle(frame: &str) -> &str {
    let inner = frame.strip_prefix("\x1b[?2026h\x1b[?25l").and_then(|frame| frame.strip_suffix("\x1b[?2026l"));
    inner.unwrap_or_else(|| panic!("no marks: {frame:?}"))
}

#[test]
fn only_what_differs_is_written() {
    let table: &[(&[&str], &[&str], &str)] = &[
        (&["> a"], &["> a"], ""),
        (&["> a"], &["> ab"], "\r\x1b[3Cb\r\x1b[4C\x1b[?25h"),
        (&["> ab"], &["> a"], "\r\x1b[3C\x1b[K\r\x1b[3C\x1b[?25h"),
        (&["one", "> a"], &["two", "> a"], "\x1b[A\rtwo\x1b[B\r\x1b[3C\x1b[?25h"),
        (&["> a"], &["> a", "below"], "\r\nbelow\r\x1b[5C\x1b[?25h"),
        (&["> a", "below"], &["> a"], "\r \x1b[J\r\x1b[K\x1b[A\r\x1b[3C\x1b[?25h"),
        // Not in the middle of what is not ASCII, and the column is said anew behind it.
        (&["日本x"], &["日木x"], "\r\x1b[K日木\r\x1b[4Cx\r\x1b[5C\x1b[?25h"),
        (&["a日本x"], &["a日本y"], "\r\x1b[C\x1b[K日本\r\x1b[5Cy\r\x1b[6C\x1b[?25h"),
        (&["日本xy"], &["日本xz"], "\r\x1b[5C\x1b[Kz\r\x1b[6C\x1b[?25h"),
        // A blank at the end is not written.
        (&["> a"], &["> a "], "\r\x1b[4C\x1b[?25h"),
    ];
    for (before, after, expected) in table {
        let frames = written(terminal(true), &[live(before), live(after)]);
        let got = if frames[1].is_empty() { "" } else { middle(&frames[1]) };
        assert_eq!(got, *expected, "{before:?} {after:?}");
    }
}

#[test]
fn styles_are_as_many_as_the_terminal_has() {
    let bold = Style::plain().bold();
    let red = Style::color(Color::Rgb(255, 0, 0));
    let row = Row::new("a", bold).with("b", bold.over(red)).with("c", red).with("d", Style::plain());
    let table = [
        (ColorDepth::True, "\x1b[1ma\x1b[38;2;255;0;0mb\x1b[0;38;2;255;0;0mc\x1b[0md"),
        (ColorDepth::Indexed, "\x1b[1ma\x1b[38;5;196mb\x1b[0;38;5;196mc\x1b[0md"),
        (ColorDepth::Ansi, "\x1b[1ma\x1b[91mb\x1b[0;91mc\x1b[0md"),
        (ColorDepth::None, "\x1b[1mab\x1b[0mcd"),
    ];
    for (colors, expected) in table {
        let live = Live { rows: vec![row.clone()], cursor: None };
        let frames = written(Capabilities { colors, ..terminal(true) }, &[live]);
        assert_eq!(middle(&frames[0]), format!("{expected}\r"), "{colors:?}");
    }
}

#[test]
fn links_are_written_where_they_are_known() {
    let mut row = Row::plain("see ");
    row.push(Span::new("this", Style::plain()).linked("https://example.com/"));
    let live = Live { rows: vec![row], cursor: None };
    for (links, expected) in [(true, "see \x1b]8;;https://example.com/\x1b\\this\x1b]8;;\x1b\\"), (false, "see this")] {
        let frames = written(Capabilities { links, ..terminal(true) }, std::slice::from_ref(&live));
        assert_eq!(middle(&frames[0]), format!("{expected}\r"));
    }
}

/// Room is made first, and the cursor is where it was afterwards, whatever the terminal does with it.
#[test]
fn a_picture_is_drawn_in_rows_that_were_made_for_it() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x1e\0\0\0\x3c").unwrap();
    let picture = Picture::read(file.path(), Protocol::Kitty, 20).unwrap();
    assert_eq!((picture.columns, picture.rows), (3, 3));
    let sequence = String::from_utf8(picture.sequences(Protocol::Kitty)).unwrap();
    let drawn = format!("\r\n\r\n\r\n\x1b7\x1b[3A\r\x1b[2C{sequence}\x1b8");
    for (pictures, rows, is_drawn) in
        [(Some(Protocol::Kitty), 6, true), (Some(Protocol::Kitty), 3, false), (None, 6, false)]
    {
        let mut out = Written::default();
        let mut screen = Screen::inline(&mut out, Size { rows, ..SIZE }, Capabilities { pictures, ..terminal(true) });
        screen.print(Row::picture(picture.clone()));
        screen.frame(&live(&["> "]), screen.size()).unwrap();
        screen.frame(&live(&["> x"]), screen.size()).unwrap();
        let bytes = String::from_utf8(out.bytes).unwrap();
        let times = (bytes.matches(&drawn).count(), bytes.matches("\x1b_G").count());
        assert_eq!(times, if is_drawn { (1, 1) } else { (0, 0) }, "{pictures:?} {rows}: {bytes:?}");
    }
}

#[test]
fn other_sequences_go_out_with_the_next_frame() {
    let mut out = Written::default();
    let mut screen = Screen::inline(&mut out, SIZE, terminal(true));
    screen.frame(&live(&["> "]), screen.size()).unwrap();
    screen.send(b"\x07");
    screen.frame(&live(&["> "]), screen.size()).unwrap();
    screen.frame(&live(&["> "]), screen.size()).unwrap();
    assert_eq!((out.writes, out.bytes.iter().filter(|&&byte| byte == 7).count()), (2, 1));
}

/// Every sequence in `bytes`, without its numbers.
fn sequences(bytes: &str) -> Vec<String> {
    let mut found = Vec::new();
    for piece in bytes.split('\x1b').skip(1) {
        match piece.strip_prefix('[') {
            Some(rest) => {
                let end = rest.find(|c: char| ('@'..='~').contains(&c)).unwrap();
                let sequence = &rest[..=end];
                found.push(if sequence.starts_with('?') {
                    sequence.to_owned()
                } else {
                    sequence.chars().filter(|c| !c.is_ascii_digit() && *c != ';').collect()
                });
            }
            None => found.push(piece.chars().take(1).collect()),
        }
    }
    found
}

/// Movements and erasing relative to the cursor, styles, links, and modes that a frame puts back.
const ALLOWED: &[&str] = &["A", "B", "C", "K", "J", "m", "?2026h", "?2026l", "?25h", "?25l", "?7l", "?7h", "]", "\\"];

proptest! {
    #![proptest_config(random_cases())]

    #[test]
    fn nothing_needs_to_know_where_the_screen_is(
        steps in prop::collection::vec((prop::collection::vec("[a-z 日😀é]{0,30}", 0..9), 0..4_u8), 1..12),
    ) {
        let mut out = Written::default();
        let mut screen = Screen::inline(&mut out, SIZE, terminal(true));
        let mut frames = 0;
        for (texts, kind) in &steps {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            match kind {
                0 => screen.print(rows(&texts)),
                1 => screen.resize(Size { columns: 1 + texts.len() * 3, rows: 6 }),
                2 => screen.clear(),
                _ => {}
            }
            screen.frame(&live(&texts), screen.size()).unwrap();
            frames += 1;
            prop_assert!(screen.out.writes <= frames);
        }
        let text = String::from_utf8(out.bytes).unwrap();
        for sequence in sequences(&text) {
            prop_assert!(ALLOWED.contains(&sequence.as_str()), "{sequence:?}");
        }
        prop_assert_eq!(text.matches("\x1b[?2026h").count(), out.writes);
        prop_assert_eq!(text.matches("\x1b[?2026l").count(), out.writes);
        prop_assert!(!text.contains(" \r\n"), "a blank at the end of a row");
    }
}
