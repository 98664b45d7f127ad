//! What must hold of any bytes of a terminal, and of any Markdown as it arrives, for tests and for `fuzz/`.

use std::collections::VecDeque;

use crate::{
    look::Look,
    markdown::Stream,
    screen::{Input, Parser},
    text::{Row, harmless},
    theme::Theme,
};

/// Reads what follows the first byte as a terminal's, in pieces of that size.
///
/// # Panics
/// If the pieces make a difference.
pub fn terminal(input: &[u8]) {
    let [piece, bytes @ ..] = input else { return };
    let read = |size: usize| -> VecDeque<Input> {
        let (mut parser, mut inputs) = (Parser::default(), VecDeque::new());
        bytes.chunks(size).for_each(|piece| parser.feed(piece, &mut inputs));
        parser.flush(&mut inputs);
        inputs
    };
    assert_eq!(read(bytes.len().max(1)), read(usize::from(*piece).max(1)));
}

/// Most of a text that is drawn, in bytes: it is drawn anew with each piece.
const MOST: usize = 1024;

/// Draws what follows two bytes as Markdown: the first is a width, the second the size of the pieces in which it arrives.
///
/// # Panics
/// If a row is too wide, or has what would drive a terminal.
pub fn markdown(input: &[u8]) {
    let [width, piece, bytes @ ..] = input else { return };
    let look = Look { width: usize::from(*width).max(4), theme: Theme::Ansi };
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(MOST)]);
    let check = |rows: Vec<Row>| {
        for row in rows {
            assert!(row.width() <= look.width, "{:?} in {}", row.text(), look.width);
            assert!(!row.text().contains(char::is_control), "{:?}", row.text());
            assert_eq!(row.text(), harmless(&row.text()));
        }
    };
    let characters: Vec<char> = text.chars().collect();
    let mut stream = Stream::new();
    for piece in characters.chunks(usize::from(*piece).max(1)) {
        stream.push(&piece.iter().collect::<String>());
        check(stream.take(&look, 8));
        check(stream.live(&look));
    }
    check(stream.finish(&look));
}

#[cfg(test)]
mod tests {
    use codex_testkit::fuzzing::each_input;

    #[test]
    fn any_bytes_of_a_terminal_are_read_alike_in_any_pieces() {
        each_input("terminal", super::terminal);
    }

    #[test]
    fn any_markdown_is_drawn_within_its_width_and_harmless() {
        each_input("markdown", super::markdown);
    }
}
