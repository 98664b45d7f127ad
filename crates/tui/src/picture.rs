//! Pictures, in terminals that can show them: their bytes are passed on as they are, and the terminal decodes them.
//!
//! These are a stranger's bytes. What is no picture of a known kind by its beginning, or is too large, is not passed on;
//! what is, goes out in base64, so that nothing in it can end the sequence.

use std::{fs::File, io::Read, path::Path, rc::Rc};

use base64::{Engine, engine::general_purpose::STANDARD};
use codex_config::{Environment, variables};
use rustix::fs::{Mode, OFlags};

/// How a terminal is given pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// The graphics protocol of kitty: PNG.
    Kitty,
    /// The inline images of iTerm2: PNG and JPEG.
    Iterm,
}

/// A picture of a known kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    bytes: Vec<u8>,
    /// Columns that it takes.
    pub columns: usize,
    /// Rows that it takes.
    pub rows: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Png,
    Jpeg,
}

/// Most bytes of a picture: iTerm2 takes a sequence of 1 MiB, in which they are a third longer.
const BYTES: u64 = 700 << 10;
/// Most pixels: a small file may hold a picture that no memory does.
const PIXELS: u64 = 40_000_000;
/// Most columns, and most rows.
const LARGEST: (usize, usize) = (80, 16);
/// Pixels of a character, in columns and rows; the terminal fits the picture in, whatever it has.
const CHARACTER: (u64, u64) = (10, 20);
/// Most bytes of one of kitty's sequences.
const CHUNK: usize = 4096;

/// Terminals, by the beginning of `TERM` or by `TERM_PROGRAM`.
const TERMS: &[(&str, Protocol)] =
    &[("xterm-kitty", Protocol::Kitty), ("xterm-ghostty", Protocol::Kitty), ("wezterm", Protocol::Iterm)];
const PROGRAMS: &[(&str, Protocol)] =
    &[("ghostty", Protocol::Kitty), ("iTerm.app", Protocol::Iterm), ("WezTerm", Protocol::Iterm)];

impl Protocol {
    /// That of the terminal which `environment` names, as `setting` has it: `auto`, `on` or `off`.
    pub fn of(environment: &Environment, setting: &str) -> Option<Self> {
        let term = environment.get(variables::TERM).unwrap_or("dumb");
        let is_within = ["screen", "tmux"].iter().any(|name| term.starts_with(name));
        if setting == "off" || term == "dumb" || is_within || environment.get_os(variables::TMUX).is_some() {
            return None;
        }
        let program = environment.get(variables::TERM_PROGRAM);
        // A terminal that was started in another has the variables of both.
        let is_kitty = program.is_none() && environment.get_os(variables::KITTY_WINDOW_ID).is_some();
        let known = TERMS.iter().find(|(name, _)| term.starts_with(name));
        let known = known.or_else(|| PROGRAMS.iter().find(|(name, _)| program == Some(*name)));
        let known = known.map(|(_, protocol)| *protocol);
        known.or((is_kitty || setting == "on").then_some(Self::Kitty))
    }

    fn takes(self, kind: Kind) -> bool {
        kind == Kind::Png || self == Self::Iterm
    }
}

impl Picture {
    /// That in the file at `path`, no wider than `width` columns; nothing if it is none that `protocol` takes.
    pub fn read(path: &Path, protocol: Protocol, width: usize) -> Option<Rc<Self>> {
        // Opening a device does something to it: it is looked at before. What took its place since does not make this wait.
        if !path.metadata().ok()?.is_file() {
            return None;
        }
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::open(path, flags, Mode::empty()).ok()?);
        if !file.metadata().ok()?.is_file() {
            return None;
        }
        let mut bytes = Vec::new();
        file.take(BYTES + 1).read_to_end(&mut bytes).ok()?;
        Self::of(bytes, protocol, width).map(Rc::new)
    }

    fn of(bytes: Vec<u8>, protocol: Protocol, width: usize) -> Option<Self> {
        let (kind, wide, high) = header(&bytes)?;
        let is_small = bytes.len() as u64 <= BYTES && wide > 0 && high > 0 && wide * high <= PIXELS;
        if !is_small || !protocol.takes(kind) || width == 0 {
            return None;
        }
        let cells = |pixels: u64, of: u64| usize::try_from(pixels.div_ceil(of)).unwrap_or(usize::MAX);
        let mut columns = cells(wide, CHARACTER.0).min(width).min(LARGEST.0);
        let mut rows = cells(columns as u64 * CHARACTER.0 * high, wide * CHARACTER.1);
        if rows > LARGEST.1 {
            rows = LARGEST.1;
            columns = columns.min(cells(rows as u64 * CHARACTER.1 * wide, high * CHARACTER.0));
        }
        Some(Self { bytes, columns, rows })
    }

    /// How many bytes its file has.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// The sequences that show it from the cursor on; they leave the cursor where it is, or behind the picture.
    pub fn sequences(&self, protocol: Protocol) -> Vec<u8> {
        let text = STANDARD.encode(&self.bytes);
        let Self { columns, rows, bytes } = self;
        match protocol {
            Protocol::Iterm => {
                let size = bytes.len();
                format!(
                    "\x1b]1337;File=inline=1;size={size};width={columns};height={rows};preserveAspectRatio=1:{text}\x07"
                )
                .into_bytes()
            }
            Protocol::Kitty => {
                let mut sequences = Vec::with_capacity(text.len() + text.len() / 100 + 64);
                // Nothing is answered to it, and the cursor stays.
                let mut keys = format!("a=T,f=100,q=2,C=1,c={columns},r={rows},");
                let mut chunks = text.as_bytes().chunks(CHUNK).peekable();
                while let Some(chunk) = chunks.next() {
                    let more = u8::from(chunks.peek().is_some());
                    sequences.extend_from_slice(format!("\x1b_G{keys}m={more};").as_bytes());
                    sequences.extend_from_slice(chunk);
                    sequences.extend_from_slice(b"\x1b\\");
                    keys = "q=2,".to_owned();
                }
                sequences
            }
        }
    }
}

/// What begins so, and how many pixels it is wide and high.
fn header(bytes: &[u8]) -> Option<(Kind, u64, u64)> {
    if let Some(rest) = bytes.strip_prefix(b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR") {
        let number = |at: usize| Some(u64::from(u32::from_be_bytes(rest.get(at..at + 4)?.try_into().ok()?)));
        return Some((Kind::Png, number(0)?, number(4)?));
    }
    let mut rest = bytes.strip_prefix(&[0xff, 0xd8])?;
    loop {
        // Each part has a mark, its length, and what is in it; marks may have more of these bytes before them.
        let [0xff, after @ ..] = rest else { return None };
        let (mark, after) = after.split_first()?;
        if *mark == 0xff {
            rest = &rest[1..];
            continue;
        }
        let number = |at: usize| Some(u64::from(u16::from_be_bytes(after.get(at..at + 2)?.try_into().ok()?)));
        match mark {
            0xc4 | 0xc8 | 0xcc => {}
            0xc0..=0xcf => return Some((Kind::Jpeg, number(5)?, number(3)?)),
            // The picture itself begins, or ends, and had no size.
            0xd0..=0xda | 0x00 | 0x01 => return None,
            _ => {}
        }
        rest = after.get(usize::try_from(number(0)?.max(2)).ok()?..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The beginning of a PNG of so many pixels, and what is behind it.
    fn png(wide: u32, high: u32, rest: &[u8]) -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
        bytes.extend(wide.to_be_bytes().into_iter().chain(high.to_be_bytes()).chain(rest.iter().copied()));
        bytes
    }

    fn jpeg(wide: u16, high: u16) -> Vec<u8> {
        let mut bytes = b"\xff\xd8\xff\xe0\0\x04JF\xff\xff\xc4\0\x03x\xff\xc2\0\x11\x08".to_vec();
        bytes.extend(high.to_be_bytes().into_iter().chain(wide.to_be_bytes()).chain([3, 1, 2]));
        bytes
    }

    #[test]
    fn a_terminal_is_given_what_it_takes_and_room_for_it() {
        // What there is, for whom, in how many columns; the columns and rows that it takes.
        let table = [
            (png(200, 100, b""), Protocol::Kitty, 78, Some((20, 5))),
            (png(200, 100, b""), Protocol::Iterm, 10, Some((10, 3))),
            (png(4000, 3000, b""), Protocol::Kitty, 200, Some((43, 16))),
            (png(1, 1, b""), Protocol::Kitty, 78, Some((1, 1))),
            (png(1, 5000, b""), Protocol::Kitty, 78, Some((1, 16))),
            (jpeg(640, 480), Protocol::Iterm, 78, Some((43, 16))),
            (jpeg(640, 480), Protocol::Kitty, 78, None),
            (png(0, 100, b""), Protocol::Kitty, 78, None),
            (png(1 << 20, 1 << 20, b""), Protocol::Kitty, 78, None),
            (png(200, 100, &vec![0; 700 << 10]), Protocol::Kitty, 78, None),
            (png(200, 100, b"")[..20].to_vec(), Protocol::Kitty, 78, None),
            (jpeg(640, 480)[..14].to_vec(), Protocol::Iterm, 78, None),
            (b"\xff\xd8\xff\xda\0\x02\xff\xc0\0\0\0\0\0\0\0\0".to_vec(), Protocol::Iterm, 78, None),
            (b"\x1b[2Jno picture".to_vec(), Protocol::Iterm, 78, None),
            (b"GIF89a".to_vec(), Protocol::Iterm, 78, None),
            (Vec::new(), Protocol::Kitty, 78, None),
        ];
        for (bytes, protocol, width, expected) in table {
            let told = format!("{:?} for {protocol:?}", &bytes[..bytes.len().min(40)]);
            let picture = Picture::of(bytes, protocol, width);
            assert_eq!(picture.map(|picture| (picture.columns, picture.rows)), expected, "{told}");
        }
    }

    #[test]
    fn nothing_in_a_picture_ends_its_sequence() {
        let bytes = png(300, 40, &b"\x1b\\\x07\x9c\x1b]52;c;YQ==\x07".repeat(300));
        for protocol in [Protocol::Kitty, Protocol::Iterm] {
            let written = Picture::of(bytes.clone(), protocol, 78).unwrap().sequences(protocol);
            let text = String::from_utf8(written).unwrap();
            let (begin, end) = match protocol {
                Protocol::Kitty => ("\x1b_G", "\x1b\\"),
                Protocol::Iterm => ("\x1b]1337;File=", "\x07"),
            };
            let mut carried = String::new();
            for (at, sequence) in text.split_inclusive(end).enumerate() {
                let inner = sequence.strip_prefix(begin).and_then(|it| it.strip_suffix(end)).unwrap();
                let (keys, part) = inner.split_once(if protocol == Protocol::Kitty { ';' } else { ':' }).unwrap();
                assert!(!inner.contains(|c: char| c.is_control()) && part.len() <= 1 << 20, "{sequence:?}");
                assert!(at > 0 || keys.contains("c=30") || keys.contains("width=30;height=2"), "{keys}");
                carried += part;
            }
            assert_eq!(STANDARD.decode(carried).unwrap(), bytes);
        }
    }

    #[test]
    fn terminals_that_show_pictures_are_told_by_their_variables() {
        type Pairs = &'static [(&'static str, &'static str)];
        let kitty: Pairs = &[("TERM", "xterm-256color"), ("KITTY_WINDOW_ID", "1")];
        // What is there, and what it comes to with `auto` and with `on`.
        let table: &[(Pairs, [Option<Protocol>; 2])] = &[
            (&[("TERM", "xterm-kitty")], [Some(Protocol::Kitty); 2]),
            (kitty, [Some(Protocol::Kitty); 2]),
            (&[("TERM", "xterm-ghostty")], [Some(Protocol::Kitty); 2]),
            (&[("TERM", "xterm-256color"), ("TERM_PROGRAM", "ghostty")], [Some(Protocol::Kitty); 2]),
            (&[("TERM", "xterm-256color"), ("TERM_PROGRAM", "iTerm.app")], [Some(Protocol::Iterm); 2]),
            (&[("TERM", "xterm-256color"), ("TERM_PROGRAM", "WezTerm")], [Some(Protocol::Iterm); 2]),
            (
                &[("TERM", "xterm-256color"), ("TERM_PROGRAM", "vscode"), ("KITTY_WINDOW_ID", "1")],
                [None, Some(Protocol::Kitty)],
            ),
            (&[("TERM", "xterm-256color")], [None, Some(Protocol::Kitty)]),
            (&[("TERM", "screen-256color"), ("KITTY_WINDOW_ID", "1")], [None; 2]),
            (&[("TERM", "xterm-kitty"), ("TMUX", "/tmp/t,1,0")], [None; 2]),
            (&[("TERM", "dumb"), ("TERM_PROGRAM", "iTerm.app")], [None; 2]),
            (&[], [None; 2]),
        ];
        for (pairs, expected) in table {
            let environment = Environment::from_pairs(pairs.iter().copied());
            let of = |setting| Protocol::of(&environment, setting);
            assert_eq!([of("auto"), of("on")], *expected, "{pairs:?}");
            assert_eq!(of("off"), None, "{pairs:?}");
        }
    }
}
