//! Text within a block: emphasis, code, links, pictures.

use pulldown_cmark::{Event, LinkType, Tag, TagEnd};

use super::Parsed;
use crate::{
    look::Look,
    text::{Row, Span, Style},
    theme::Role,
};

/// Most characters of a target that are shown behind its link.
const TARGET: usize = 300;

/// The lines of text in `events`, not wrapped. Starts and ends of blocks among them break lines.
pub fn lines(events: &[Parsed<'_>], base: Style, look: &Look) -> Vec<Row> {
    let mut inline =
        Inline { look, rows: vec![Row::empty()], styles: vec![base], link: None, image: None, text: String::new() };
    events.iter().for_each(|(event, _)| inline.event(event));
    inline.rows.retain(|row| !row.is_empty());
    inline.rows
}

struct Inline<'a> {
    look: &'a Look,
    rows: Vec<Row>,
    /// The innermost last.
    styles: Vec<Style>,
    /// The target of the link that is open.
    link: Option<String>,
    /// The target of the picture that is open.
    image: Option<String>,
    /// The text of the link or picture so far.
    text: String,
}

impl Inline<'_> {
    fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Text(text) => self.push(text, self.style()),
            Event::Code(text) => self.push(text, self.style().over(self.look.style(Role::Code))),
            Event::InlineHtml(html) | Event::Html(html) => self.html(html),
            Event::SoftBreak => self.push(" ", self.style()),
            Event::HardBreak | Event::Rule => self.rows.push(Row::empty()),
            Event::FootnoteReference(label) => self.push(&format!("[{label}]"), self.look.style(Role::Quiet)),
            Event::TaskListMarker(done) => {
                let (mark, role) = if *done { ("[x] ", Role::Good) } else { ("[ ] ", Role::Quiet) };
                self.push(mark, self.look.style(role));
            }
            Event::InlineMath(text) | Event::DisplayMath(text) => self.push(text, self.style()),
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(*tag),
        }
    }

    fn start(&mut self, tag: &Tag<'_>) {
        let plain = Style::plain();
        let style = match tag {
            Tag::Emphasis => Style { italic: true, ..plain },
            Tag::Strong => plain.bold(),
            Tag::Strikethrough => Style { strike: true, ..plain },
            Tag::Link { dest_url, link_type, .. } => {
                let mail = matches!(link_type, LinkType::Email) && !dest_url.starts_with("mailto:");
                self.link = Some(if mail { format!("mailto:{dest_url}") } else { dest_url.to_string() });
                self.text.clear();
                self.look.style(Role::Link)
            }
            Tag::Image { dest_url, .. } => {
                self.image = Some(dest_url.to_string());
                self.push("[image: ", self.look.style(Role::Quiet));
                plain
            }
            Tag::Superscript | Tag::Subscript => plain,
            _ => return self.rows.push(Row::empty()),
        };
        self.styles.push(self.style().over(style));
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough => {}
            TagEnd::Superscript | TagEnd::Subscript => {}
            TagEnd::Link => {
                if let Some(target) = self.link.take() {
                    self.target(&target);
                }
            }
            TagEnd::Image => {
                self.push("]", self.look.style(Role::Quiet));
                if let Some(target) = self.image.take() {
                    self.push(&format!(" ({})", cut(&target)), self.look.style(Role::Quiet));
                }
            }
            _ => return self.rows.push(Row::empty()),
        }
        self.styles.pop();
    }

    /// Shows where a link leads, unless its text says so.
    fn target(&mut self, target: &str) {
        let said = self.text.trim();
        if said == target || target.strip_prefix("mailto:") == Some(said) || target.is_empty() {
            return;
        }
        let quiet = self.look.style(Role::Quiet);
        self.push(" (", quiet);
        self.put(Span::new(cut(target), quiet).linked(target));
        self.push(")", quiet);
    }

    fn html(&mut self, html: &str) {
        if html.starts_with("<br") {
            return self.rows.push(Row::empty());
        }
        for (at, line) in html.lines().enumerate() {
            if at > 0 {
                self.rows.push(Row::empty());
            }
            self.push(line, self.style().over(self.look.style(Role::Quiet)));
        }
        if html.ends_with('\n') {
            self.rows.push(Row::empty());
        }
    }

    fn push(&mut self, text: &str, style: Style) {
        if self.link.is_some() {
            self.text.push_str(text);
        }
        let span = Span::new(text, style);
        let span = match &self.link {
            Some(target) => span.linked(target),
            None => span,
        };
        self.put(span);
    }

    fn put(&mut self, span: Span) {
        if let Some(row) = self.rows.last_mut() {
            row.push(span);
        }
    }

    fn style(&self) -> Style {
        self.styles.last().copied().unwrap_or_default()
    }
}

fn cut(target: &str) -> &str {
    target.char_indices().nth(TARGET).map_or(target, |(at, _)| &target[..at])
}
