//! Bytes of a terminal made keys, pastes and reports.

use std::collections::VecDeque;

use super::Input;
use crate::key::{Key, KeyCode, KeyModifiers};

const PASTE_END: &[u8] = b"\x1b[201~";
/// Longer than any answer of a terminal; what is longer without an end is none.
const LONGEST_STRING: usize = 4096;
/// Rows that one turn of the wheel is worth.
const WHEEL: i32 = 3;

/// Takes bytes as they come, in pieces of any size.
#[derive(Debug, Default)]
pub struct Parser {
    bytes: Vec<u8>,
    /// Within a paste: how much of the bytes has no end of it.
    pasted: Option<usize>,
}

/// What the bytes begin with.
enum Parsed {
    /// The rest has not come yet.
    Waits,
    /// So many bytes, and what they mean to us.
    Taken(usize, Option<Input>),
    /// The beginning of a paste, in so many bytes.
    Paste(usize),
}

impl Parser {
    /// Takes `bytes`.
    pub fn feed(&mut self, bytes: &[u8], inputs: &mut VecDeque<Input>) {
        self.bytes.extend_from_slice(bytes);
        let mut begin = 0;
        while begin < self.bytes.len() {
            if let Some(searched) = self.pasted {
                self.bytes.drain(..begin);
                let Some(end) = find(&self.bytes, PASTE_END, searched) else {
                    self.pasted = Some((self.bytes.len() + 1).saturating_sub(PASTE_END.len()));
                    return;
                };
                inputs.push_back(Input::Paste(text(&self.bytes[..end])));
                begin = end + PASTE_END.len();
                self.pasted = None;
                continue;
            }
            match parse(&self.bytes[begin..]) {
                Parsed::Waits => break,
                Parsed::Taken(length, input) => {
                    begin += length;
                    inputs.extend(input);
                }
                Parsed::Paste(length) => {
                    begin += length;
                    self.pasted = Some(0);
                }
            }
        }
        self.bytes.drain(..begin);
    }

    /// Whether what came last may have been a key of its own, or the beginning of more.
    pub fn waits(&self) -> bool {
        self.pasted.is_none() && !self.bytes.is_empty() && !(self.bytes.len() > 2 && is_string(&self.bytes))
    }

    /// No more came: Esc was Esc.
    pub fn flush(&mut self, inputs: &mut VecDeque<Input>) {
        let bytes = std::mem::take(&mut self.bytes);
        match *bytes.as_slice() {
            [0x1b] => inputs.push_back(key(KeyCode::Esc, KeyModifiers::NONE)),
            [0x1b, 0x1b] => {
                inputs.extend([key(KeyCode::Esc, KeyModifiers::NONE), key(KeyCode::Esc, KeyModifiers::NONE)])
            }
            [0x1b, byte] if byte.is_ascii_graphic() => {
                inputs.push_back(key(KeyCode::Char(byte.into()), KeyModifiers::ALT));
            }
            // A sequence without its end, or a character.
            _ => {}
        }
    }
}

fn key(code: KeyCode, modifiers: KeyModifiers) -> Input {
    Input::Key(Key::new(code, modifiers))
}

fn find(bytes: &[u8], what: &[u8], from: usize) -> Option<usize> {
    bytes.get(from..)?.windows(what.len()).position(|window| window == what).map(|at| at + from)
}

/// Pasted bytes as text; terminals send line ends as the key Enter does.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace("\r\n", "\n").replace('\r', "\n")
}

/// Whether it begins a string of the terminal's: OSC, DCS and their like.
fn is_string(bytes: &[u8]) -> bool {
    matches!(bytes, [0x1b, b']' | b'P' | b'X' | b'^' | b'_', ..])
}

fn parse(bytes: &[u8]) -> Parsed {
    match bytes {
        [0x1b] => Parsed::Waits,
        [0x1b, b'[', rest @ ..] => control_sequence(rest),
        [0x1b, b'O', rest @ ..] => match rest.first() {
            None => Parsed::Waits,
            Some(&last) => Parsed::Taken(3, letter(last).map(|code| key(code, KeyModifiers::NONE))),
        },
        [0x1b, 0x1b, rest @ ..] => match rest.first() {
            None => Parsed::Waits,
            // Older terminals write Alt so.
            Some(b'[' | b'O') => with_alt(parse(&bytes[1..])),
            Some(_) => Parsed::Taken(1, Some(key(KeyCode::Esc, KeyModifiers::NONE))),
        },
        bytes if is_string(bytes) => string(bytes),
        [0x1b, rest @ ..] => with_alt(character(rest)),
        bytes => character(bytes),
    }
}

/// With a byte of Esc before it, which means Alt.
fn with_alt(parsed: Parsed) -> Parsed {
    match parsed {
        Parsed::Taken(length, input) => {
            let alt = input.map(|input| match input {
                Input::Key(Key { code, modifiers }) => Input::Key(Key::new(code, modifiers | KeyModifiers::ALT)),
                input => input,
            });
            Parsed::Taken(length + 1, alt)
        }
        Parsed::Paste(length) => Parsed::Paste(length + 1),
        Parsed::Waits => Parsed::Waits,
    }
}

/// A character, or a control key.
fn character(bytes: &[u8]) -> Parsed {
    let Some(&first) = bytes.first() else { return Parsed::Waits };
    let control = |c: char| Parsed::Taken(1, Some(key(KeyCode::Char(c), KeyModifiers::CONTROL)));
    let plain = |code| Parsed::Taken(1, Some(key(code, KeyModifiers::NONE)));
    match first {
        b'\r' => plain(KeyCode::Enter),
        b'\t' => plain(KeyCode::Tab),
        0x7f => plain(KeyCode::Backspace),
        0x1b => plain(KeyCode::Esc),
        0 => control(' '),
        1..0x1b => control((first - 1 + b'a').into()),
        0x1c..0x20 => control((first - 0x1c + b'\\').into()),
        0x20..0x7f => plain(KeyCode::Char(first.into())),
        _ => {
            let length = match first {
                0xc2..=0xdf => 2,
                0xe0..=0xef => 3,
                0xf0..=0xf4 => 4,
                _ => return Parsed::Taken(1, None),
            };
            match std::str::from_utf8(&bytes[..length.min(bytes.len())]) {
                Ok(text) => {
                    Parsed::Taken(length, text.chars().next().map(|c| key(KeyCode::Char(c), KeyModifiers::NONE)))
                }
                Err(error) if error.error_len().is_none() => Parsed::Waits,
                Err(error) => Parsed::Taken(error.error_len().unwrap_or(1), None),
            }
        }
    }
}

/// A string up to its end, which is BEL or ESC \.
fn string(bytes: &[u8]) -> Parsed {
    let mut within = bytes.iter().take(LONGEST_STRING).skip(2);
    let end = within.position(|&byte| byte == 7 || byte == 0x1b).map(|at| at + 2);
    match end {
        Some(end) if bytes[end] == 7 => Parsed::Taken(end + 1, answer(&bytes[2..end])),
        Some(end) => match bytes.get(end + 1) {
            None => Parsed::Waits,
            Some(b'\\') => Parsed::Taken(end + 2, answer(&bytes[2..end])),
            // Cut short by something else.
            Some(_) => Parsed::Taken(end, None),
        },
        None if bytes.len() > LONGEST_STRING => Parsed::Taken(LONGEST_STRING, None),
        None => Parsed::Waits,
    }
}

/// The colour of the background, in the way of X11: `11;rgb:1e1e/1e1e/1e1e`, with one to four digits each.
fn answer(string: &[u8]) -> Option<Input> {
    let colors = std::str::from_utf8(string).ok()?.strip_prefix("11;rgb:")?;
    let mut parts = colors.split('/').map(|part| {
        let most = 16_u32.checked_pow(u32::try_from(part.len()).ok()?)?.checked_sub(1).filter(|most| *most > 0)?;
        u8::try_from(u32::from_str_radix(part, 16).ok()? * 255 / most).ok()
    });
    let mut next = || parts.next().flatten();
    Some(Input::Background(next()?, next()?, next()?))
}

/// What follows `ESC [`.
fn control_sequence(rest: &[u8]) -> Parsed {
    if let Some(b'[') = rest.first() {
        // F1 to F5 of the Linux console.
        let Some(&last) = rest.get(1) else { return Parsed::Waits };
        let code = matches!(last, b'A'..=b'E').then(|| KeyCode::F(last - b'A' + 1));
        return Parsed::Taken(4, code.map(|code| key(code, KeyModifiers::NONE)));
    }
    let mut within = rest.iter().take(LONGEST_STRING - 2);
    let Some(end) = within.position(|byte| !(0x20..0x40).contains(byte)) else {
        return if rest.len() > LONGEST_STRING - 2 { Parsed::Taken(LONGEST_STRING, None) } else { Parsed::Waits };
    };
    let last = rest[end];
    if !(0x40..0x7f).contains(&last) {
        // No sequence at all: what comes instead is looked at by itself.
        return Parsed::Taken(end + 2, None);
    }
    let parameters = std::str::from_utf8(&rest[..end]).unwrap_or_default();
    if last == b'~' && parameters == "200" {
        return Parsed::Paste(end + 3);
    }
    Parsed::Taken(end + 3, meaning(parameters, last))
}

fn meaning(parameters: &str, last: u8) -> Option<Input> {
    if let Some(mouse) = parameters.strip_prefix('<') {
        return wheel(mouse, last);
    }
    if parameters.starts_with('?') && last == b'c' {
        return Some(Input::Answered);
    }
    if parameters.starts_with(['?', '>', '=']) {
        return None;
    }
    match last {
        b'I' => return Some(Input::Focus(true)),
        b'O' => return Some(Input::Focus(false)),
        b'Z' => return Some(key(KeyCode::BackTab, KeyModifiers::NONE)),
        // Where the cursor is; F3 begins with 1.
        b'R' if !matches!(parameters.split(';').next(), Some("" | "1")) => return None,
        _ => {}
    }
    let number =
        |index: usize| parameters.split(';').nth(index).and_then(|it| it.split(':').next()?.parse::<u32>().ok());
    let (code, held) = match (last, number(0)) {
        // xterm's way for keys that have none of their own.
        (b'~', Some(27)) => (of_point(number(2)?)?, number(1)),
        (b'~', Some(number_of_key)) => (numbered(number_of_key)?, number(1)),
        (b'u', Some(point)) => (of_point(point)?, number(1)),
        (last, _) => (letter(last)?, number(1)),
    };
    let is_release = parameters.split(';').nth(1).and_then(|held| held.split(':').nth(1)) == Some("3");
    let modifiers = modifiers(held.unwrap_or(1))?;
    (!is_release).then(|| key(code, modifiers))
}

/// What was held; `None` if that makes it a key that is not ours, as with Super.
fn modifiers(held: u32) -> Option<KeyModifiers> {
    let bits = held.saturating_sub(1);
    if bits & 0b11_1000 != 0 {
        return None;
    }
    let table = [(1, KeyModifiers::SHIFT), (2, KeyModifiers::ALT), (4, KeyModifiers::CONTROL)];
    let held = table.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, modifier)| *modifier);
    Some(held.fold(KeyModifiers::NONE, |all, one| all | one))
}

fn wheel(parameters: &str, last: u8) -> Option<Input> {
    let button: u32 = parameters.split(';').next()?.parse().ok()?;
    match (button & 0b1100_0011, last) {
        (64, b'M') => Some(Input::Scroll(-WHEEL)),
        (65, b'M') => Some(Input::Scroll(WHEEL)),
        _ => None,
    }
}

/// Keys that end in a letter.
fn letter(last: u8) -> Option<KeyCode> {
    Some(match last {
        b'A' => KeyCode::Up,
        b'B' => KeyCode::Down,
        b'C' => KeyCode::Right,
        b'D' => KeyCode::Left,
        b'F' => KeyCode::End,
        b'H' => KeyCode::Home,
        b'M' => KeyCode::Enter,
        b'P'..=b'S' => KeyCode::F(last - b'P' + 1),
        _ => return None,
    })
}

/// Keys that have a number.
fn numbered(number: u32) -> Option<KeyCode> {
    Some(match number {
        1 | 7 => KeyCode::Home,
        2 => KeyCode::Insert,
        3 => KeyCode::Delete,
        4 | 8 => KeyCode::End,
        5 => KeyCode::PageUp,
        6 => KeyCode::PageDown,
        // Gaps are where keyboards of old had one.
        11..=15 => function(number - 10)?,
        17..=21 => function(number - 11)?,
        23..=26 => function(number - 12)?,
        28 | 29 => function(number - 13)?,
        31..=34 => function(number - 14)?,
        _ => return None,
    })
}

fn function(number: u32) -> Option<KeyCode> {
    u8::try_from(number).ok().map(KeyCode::F)
}

/// Keys that are named by a code point; those without a character have one in kitty's private range.
fn of_point(point: u32) -> Option<KeyCode> {
    Some(match point {
        8 | 127 => KeyCode::Backspace,
        9 => KeyCode::Tab,
        13 | 57414 => KeyCode::Enter,
        27 => KeyCode::Esc,
        57376..=57398 => function(point - 57376 + 13)?,
        57399..=57408 => KeyCode::Char(char::from_digit(point - 57399, 10)?),
        57409 => KeyCode::Char('.'),
        57410 => KeyCode::Char('/'),
        57411 => KeyCode::Char('*'),
        57412 => KeyCode::Char('-'),
        57413 => KeyCode::Char('+'),
        57415 => KeyCode::Char('='),
        57416 => KeyCode::Char(','),
        57417 => KeyCode::Left,
        57418 => KeyCode::Right,
        57419 => KeyCode::Up,
        57420 => KeyCode::Down,
        57421 => KeyCode::PageUp,
        57422 => KeyCode::PageDown,
        57423 => KeyCode::Home,
        57424 => KeyCode::End,
        57425 => KeyCode::Insert,
        57426 => KeyCode::Delete,
        // Locks, media keys, keys that are only held.
        57344..=63743 => return None,
        point => KeyCode::Char(char::from_u32(point).filter(|c| !c.is_control())?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of `bytes`, and of no more after them.
    fn parsed(bytes: &[u8], piece: usize) -> Vec<String> {
        let (mut parser, mut inputs) = (Parser::default(), VecDeque::new());
        for piece in bytes.chunks(piece) {
            parser.feed(piece, &mut inputs);
        }
        if parser.waits() {
            parser.flush(&mut inputs);
        }
        let shown = |input| match input {
            Input::Key(key) => key.to_string(),
            Input::Paste(text) => format!("paste {text:?}"),
            Input::Scroll(rows) => format!("scroll {rows}"),
            Input::Focus(has) => format!("focus {has}"),
            Input::Background(red, green, blue) => format!("background {red} {green} {blue}"),
            other => format!("{other:?}"),
        };
        inputs.into_iter().map(shown).collect()
    }

    #[test]
    fn bytes_are_keys() {
        let table: &[(&str, &[&str])] = &[
            ("aA ", &["a", "A", "space"]),
            ("\r\n\t\x7f\x08", &["enter", "ctrl+j", "tab", "backspace", "ctrl+h"]),
            ("\x03\x00\x1f\x1c", &["ctrl+c", "ctrl+space", "ctrl+_", "ctrl+\\"]),
            ("ü日😀", &["ü", "日", "😀"]),
            ("\x1b", &["esc"]),
            ("\x1b\x1b", &["esc", "esc"]),
            ("\x1bx\x1b\r\x1b\x7f\x1bü", &["alt+x", "alt+enter", "alt+backspace", "alt+ü"]),
            ("\x1b[", &["alt+["]),
            ("\x1bO", &["alt+O"]),
            ("\x1b]", &["alt+]"]),
            ("\x1b[A\x1bOA\x1b[1;5C\x1b[1;3D", &["up", "up", "ctrl+right", "alt+left"]),
            ("\x1b\x1b[A", &["alt+up"]),
            (
                "\x1b[H\x1b[F\x1b[1~\x1b[4~\x1b[3~\x1b[5~\x1b[3;5~",
                &["home", "end", "home", "end", "delete", "pageup", "ctrl+delete"],
            ),
            ("\x1bOP\x1b[15~\x1b[24~\x1b[1;2P\x1b[[A", &["f1", "f5", "f12", "shift+f1", "f1"]),
            ("\x1b[Z", &["shift+tab"]),
            // kitty.
            (
                "\x1b[13;2u\x1b[27u\x1b[99;5u\x1b[9;2u\x1b[97;3u",
                &["shift+enter", "esc", "ctrl+c", "shift+tab", "alt+a"],
            ),
            ("\x1b[97;5:1u\x1b[97;5:2u\x1b[97;5:3u\x1b[97;9u", &["ctrl+a", "ctrl+a"]),
            ("\x1b[97:65;6u\x1b[57414u\x1b[57441;2u\x1b[97;65u", &["ctrl+shift+a", "enter", "a"]),
            // xterm.
            ("\x1b[27;2;13~\x1b[27;5;105~", &["shift+enter", "ctrl+i"]),
            ("\x1b[I\x1b[O", &["focus true", "focus false"]),
            ("\x1b[<64;10;5M\x1b[<65;1;1M\x1b[<0;1;1M\x1b[<0;1;1m", &["scroll -3", "scroll 3"]),
            // Answers of terminals.
            ("\x1b]11;rgb:1e1e/ffff/0000\x1b\\x", &["background 30 255 0", "x"]),
            ("\x1b]11;rgb:0/80/f\x07", &["background 0 128 255"]),
            ("\x1b]11;rgb:/12345678901/0\x07\x1b]11;rgb:+f/0/0\x07a", &["background 15 0 0", "a"]),
            ("\x1b[?62;4c\x1b[?1u\x1b[5;7R\x1bP1$r0m\x1b\\b", &["Answered", "b"]),
            // Pastes.
            ("\x1b[200~a\rb\r\nc\x1b[A\x1b[201~d", &["paste \"a\\nb\\nc\\u{1b}[A\"", "d"]),
            ("\x1b[200~\x1b[201~\x1b[200~\x1b[201\x1b[201~", &["paste \"\"", "paste \"\\u{1b}[201\""]),
            // Nothing that makes sense.
            ("\x1b[12\x1b[A", &["up"]),
            ("\x1b]0;title\x1b[Ax", &["up", "x"]),
        ];
        for (bytes, expected) in table {
            for piece in [1, 2, 3, 1000] {
                assert_eq!(parsed(bytes.as_bytes(), piece), *expected, "{bytes:?} in pieces of {piece}");
            }
        }
        assert_eq!(parsed(b"\xff\xc3a\xe6\x97", 1), ["a"]);
    }

    #[test]
    fn a_long_paste_is_one_input() {
        let text = "line\r".repeat(2 << 20);
        let bytes = format!("\x1b[200~{text}\x1b[201~");
        let (mut parser, mut inputs) = (Parser::default(), VecDeque::new());
        bytes.as_bytes().chunks(4096).for_each(|piece| parser.feed(piece, &mut inputs));
        assert_eq!(inputs.len(), 1);
        assert!(matches!(&inputs[0], Input::Paste(pasted) if *pasted == "line\n".repeat(2 << 20)));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_end(bytes: Vec<u8>, piece in 1..20_usize) {
            let (mut parser, mut inputs) = (Parser::default(), VecDeque::new());
            bytes.chunks(piece).for_each(|piece| parser.feed(piece, &mut inputs));
            parser.flush(&mut inputs);
        }
    }
}
