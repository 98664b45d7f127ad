//! Bytes to server-sent events (WHATWG HTML, section "Interpreting an event stream").
//!
//! Pure, and as lenient as the standard: what it does not know it ignores. Never holds more than [`LONGEST_EVENT`]
//! bytes of an event that has not ended, and what came within one piece.

use std::{collections::VecDeque, mem};

use serde::de::IgnoredAny;

/// Bytes of one event, and of one line. The longest honest ones hold an answer of a few hundred KiB.
const LONGEST_EVENT: usize = 16 << 20;

/// One event. Ids and reconnection times are of no use here.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) struct Event {
    /// Its type, if it says one.
    pub(in super::super) name: Option<String>,
    /// Its data lines, joined by newlines; not blank.
    pub(in super::super) data: String,
}

/// What has been read and does not make an event yet.
#[derive(Default)]
pub(super) struct Parser {
    /// A line whose end has not come yet.
    line: Vec<u8>,
    /// The last line ended in CR, so that a LF right after it belongs to the same end.
    after_cr: bool,
    begun: bool,
    name: Option<String>,
    data: Option<String>,
    ready: VecDeque<Event>,
    /// Whether there was a field of events, or something else.
    known: bool,
    foreign: bool,
}

impl Parser {
    /// The next whole event.
    pub(super) fn pop(&mut self) -> Option<Event> {
        self.ready.pop_front()
    }

    /// Takes the next piece of the body, cut anywhere.
    ///
    /// # Errors
    ///
    /// An event is longer than [`LONGEST_EVENT`]; those before it are ready.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) -> Result<(), &'static str> {
        while let Some(first) = bytes.first() {
            if mem::take(&mut self.after_cr) && *first == b'\n' {
                bytes = &bytes[1..];
                continue;
            }
            let Some(end) = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
                self.line.extend_from_slice(bytes);
                return self.check();
            };
            self.after_cr = bytes[end] == b'\r';
            if self.line.is_empty() {
                self.take(&bytes[..end]);
            } else {
                let mut line = mem::take(&mut self.line);
                line.extend_from_slice(&bytes[..end]);
                self.take(&line);
                line.clear();
                self.line = line;
            }
            self.check()?;
            bytes = &bytes[end + 1..];
        }
        Ok(())
    }

    /// The body has ended. An event whose last lines' ends are missing counts if its data is whole.
    ///
    /// # Errors
    ///
    /// The body held something, but nothing that is part of an event.
    pub(super) fn finish(&mut self) -> Result<(), &'static str> {
        let line = mem::take(&mut self.line);
        // A name that is cut short would be another name.
        if line.starts_with(b"data") || !self.known {
            self.take(&line);
        }
        let whole = |data: &String| data.starts_with('{') && serde_json::from_str::<IgnoredAny>(data).is_ok();
        if self.data.as_ref().is_some_and(whole) {
            self.dispatch();
        }
        if self.foreign && !self.known { Err("nothing in it is an event") } else { Ok(()) }
    }

    fn check(&self) -> Result<(), &'static str> {
        let data = self.data.as_ref().map_or(0, String::len);
        let name = self.name.as_ref().map_or(0, String::len);
        let held = self.line.len() + data + name;
        if held > LONGEST_EVENT { Err("an event in it is longer than 16 MiB") } else { Ok(()) }
    }

    /// Takes a line without its end.
    fn take(&mut self, line: &[u8]) {
        let line =
            if mem::replace(&mut self.begun, true) { line } else { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line) };
        if line.is_empty() {
            return self.dispatch();
        }
        let (field, value) = match line.iter().position(|byte| *byte == b':') {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &[][..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"data" => {
                let value = String::from_utf8_lossy(value);
                match &mut self.data {
                    Some(data) => data.extend(["\n", &value]),
                    None => self.data = Some(value.into_owned()),
                }
            }
            b"event" => self.name = Some(String::from_utf8_lossy(value).into_owned()),
            b"" | b"id" | b"retry" => {}
            _ => self.foreign = true,
        }
        self.known |= matches!(field, b"data" | b"event" | b"id");
    }

    /// An event without data is a sign of life and no more.
    fn dispatch(&mut self) {
        let name = self.name.take();
        if let Some(data) = self.data.take().filter(|data| !data.trim().is_empty()) {
            self.ready.push_back(Event { name, data });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The events as `name|data`, and how it ended.
    fn parsed(body: &[u8], piece: usize) -> (Vec<String>, Result<(), &'static str>) {
        let mut parser = Parser::default();
        let fed = body.chunks(piece).try_for_each(|bytes| parser.feed(bytes));
        let end = fed.and_then(|()| parser.finish());
        let events = std::iter::from_fn(|| parser.pop());
        (events.map(|event| [event.name.unwrap_or_default(), event.data].join("|")).collect(), end)
    }

    #[test]
    fn the_rules_of_the_standard_however_the_bytes_are_cut() {
        for (body, expected) in [
            ("data: a\n\n", &["|a"][..]),
            ("event: e\ndata:a\ndata:  b\n\ndata\n\ndata: c\n\n", &["e|a\n b", "|c"]),
            ("data: ä\r\n\r\ndata: 🌍\r\n\r\n", &["|ä", "|🌍"]),
            ("data: a\r\rdata: b\r\r", &["|a", "|b"]),
            ("data: a\n\r\ndata: b\r\n\n", &["|a", "|b"]),
            ("\u{feff}data: a\n\n", &["|a"]),
            ("\u{feff}\u{feff}data: a\n\ndata: b\n\n", &["|b"]),
            ("retry: abc\nretry: 7\ndata: a\n\n", &["|a"]),
            ("data:\n\ndata: \n\ndata: a\n\n", &["|a"]),
            ("what: ever\nno colon\n: ping\n:\ndata: a\n\n", &["|a"]),
            ("event: e\nevent: f\nid: 1\nid: 2\ndata: a\n\n", &["f|a"]),
            ("event: e\n\ndata: a\n\n", &["|a"]),
            ("DATA: a\ndata : b\n data: c\n\ndata: d\n\n", &["|d"]),
            // The end of the body ends an event only if it is surely whole.
            ("event: e\ndata: {\"a\":\ndata: 1}\n", &["e|{\"a\":\n1}"]),
            ("data: {\"a\":1}", &["|{\"a\":1}"]),
            ("data: {\"a\":1}\nevent: cut sho", &["|{\"a\":1}"]),
            ("data: {\"a\":1}\ndata", &["|{\"a\":1}\n"]),
            ("data: {\"a\":1", &[]),
            ("data: 17", &[]),
            ("event: e\n", &[]),
            ("", &[]),
        ] {
            for piece in [1, 2, 3, 1000] {
                let (events, end) = parsed(body.as_bytes(), piece);
                assert_eq!(
                    (events.as_slice(), end),
                    (&expected.iter().map(|&s| s.into()).collect::<Vec<String>>()[..], Ok(())),
                    "{body:?}"
                );
            }
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced() {
        assert_eq!(parsed(b"data: a\xff\n\n", 1).0, ["|a\u{fffd}"]);
    }

    #[test]
    fn what_holds_no_field_of_events_is_something_else() {
        for body in ["<html>", "{\"error\":\n\"x\"}\n", "no\n\nevents\n"] {
            let (events, end) = parsed(body.as_bytes(), 1000);
            assert!(events.is_empty() && end.is_err(), "{body}");
        }
    }

    #[test]
    fn an_event_without_end_is_given_up() {
        const MIB: usize = 1 << 20;
        let piece = vec![b'x'; MIB - 7];
        let line = [b"data: ", &piece[..], b"\n"].concat();
        for (what, bytes, expected) in [
            ("a line", &piece, 17),
            ("data", &line, 17),
            ("events", &[&line[..], b"\n"].concat(), 20),
            ("comments", &[b":", &piece[..], b"\n"].concat(), 20),
            ("unknown fields", &[b"x:", &piece[..], b"\n"].concat(), 20),
        ] {
            let mut parser = Parser::default();
            let taken = (1..=20).find(|_| parser.feed(bytes).is_err()).unwrap_or(20);
            assert_eq!(taken, expected, "{what}");
            assert!(parser.line.len() <= 17 * MIB, "{what}");
        }
    }
}
