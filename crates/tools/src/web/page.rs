//! A page becomes text: HTML as Markdown, other text as it is, and nothing else.

use encoding_rs::Encoding;

use super::{markdown, tree};

/// Stack for reading a tree, in bytes; what is not used takes no memory.
const STACK: usize = 64 << 20;

/// Longest Markdown, in bytes.
const MOST_MARKDOWN: usize = 1 << 20;

/// Most of a page's type that is repeated, in characters.
const MOST_TYPE: usize = 60;

/// How far a page is searched for the name of its characters' encoding, in bytes (HTML Standard, 13.2.3.2).
const HEAD_BYTES: usize = 1024;

/// The text of a page of this type. May take a while: not on the runtime's thread.
///
/// # Errors
/// In a few words, what it is instead.
pub(crate) fn text_of(content_type: Option<&str>, body: &[u8]) -> Result<String, String> {
    let content_type = content_type.unwrap_or_default().to_ascii_lowercase();
    let (kind, parameters) = content_type.split_once(';').unwrap_or((&content_type, ""));
    let kind = kind.trim();
    let looks_like_html = || {
        let start = String::from_utf8_lossy(&body[..body.len().min(HEAD_BYTES)]).trim_start().to_ascii_lowercase();
        start.starts_with("<!doctype html") || start.starts_with("<html")
    };
    let is_html = match kind {
        "text/html" | "application/xhtml+xml" => true,
        "" | "text/plain" | "application/octet-stream" => looks_like_html(),
        _ => false,
    };
    let is_text = is_html || is_text_type(kind) || kind.is_empty();
    if !is_text || (kind.is_empty() || kind == "text/plain") && body.contains(&0) && !has_mark(body) {
        let name = if kind.is_empty() { "of no type that is told".to_owned() } else { type_name(kind) };
        return Err(format!("it is no text ({name}, {} bytes)", body.len()));
    }
    let text = decode(body, parameters, is_html);
    if is_html { read_html(&text) } else { Ok(text) }
}

/// The MIME type `kind` as it may be repeated: its server could write sentences there.
fn type_name(kind: &str) -> String {
    let of_name = |c: &char| c.is_ascii_lowercase() || c.is_ascii_digit() || "/+.-".contains(*c);
    kind.chars().take_while(of_name).take(MOST_TYPE).collect()
}

/// Whether files of the MIME type `kind` are text.
fn is_text_type(kind: &str) -> bool {
    let subtype = kind.strip_prefix("application/").unwrap_or_default();
    let known =
        ["json", "xml", "javascript", "ecmascript", "yaml", "x-yaml", "toml", "x-sh", "sql", "graphql", "x-ndjson"];
    kind.starts_with("text/")
        || known.contains(&subtype)
        || [".json", "+json", "+xml", "+yaml"].iter().any(|end| kind.ends_with(end))
}

/// Whether `body` begins with the mark of UTF-16, whose letters hold zeros.
fn has_mark(body: &[u8]) -> bool {
    body.starts_with(b"\xff\xfe") || body.starts_with(b"\xfe\xff")
}

fn decode(body: &[u8], parameters: &str, is_html: bool) -> String {
    let told = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        (name.trim() == "charset").then(|| value.trim().trim_matches('"').to_owned())
    });
    let in_page = || {
        let head = String::from_utf8_lossy(&body[..body.len().min(HEAD_BYTES)]).to_ascii_lowercase();
        let (_, value) = head.split_once("charset=")?;
        let value = value.trim_start_matches(['"', '\'']);
        Some(value.split(['"', '\'', '>', ' ', ';', '/']).next()?.to_owned())
    };
    let label = told.or_else(|| if is_html { in_page() } else { None });
    let encoding = label.and_then(|label| Encoding::for_label(label.as_bytes())).unwrap_or(encoding_rs::UTF_8);
    encoding.decode(body).0.into_owned()
}

/// HTML as Markdown.
///
/// # Errors
/// When it cannot be read.
fn read_html(html: &str) -> Result<String, String> {
    let broken = |what: &str| format!("its HTML cannot be read: {what}");
    // Readers of trees go into them as deep as they are: not on a stack of the usual size.
    let read = || {
        let (tree, is_whole) = tree::tree(html);
        let mut text = squeezed(&markdown::markdown(&tree));
        let is_short = text.len() <= MOST_MARKDOWN;
        text.truncate(text.floor_char_boundary(MOST_MARKDOWN));
        if !is_whole || !is_short {
            text.push_str("\n\n[... the rest of the page is left out: its HTML is too large or too deep ...]");
        }
        text
    };
    std::thread::scope(|scope| {
        let reader = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, read);
        let reader = reader.map_err(|error| broken(&error.to_string()))?;
        reader.join().map_err(|_| broken("the parser broke down"))
    })
}

/// `text` without spaces at the ends of lines, and never with more than one empty line.
fn squeezed(text: &str) -> String {
    let (mut kept, mut empty) = (String::with_capacity(text.len()), 1);
    for line in text.lines().map(str::trim_end) {
        empty = if line.is_empty() { empty + 1 } else { 0 };
        if empty < 2 {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept.truncate(kept.trim_end().len());
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_become_text() {
        let html = "<!DOCTYPE html><html><head><title>T</title><style>p{}</style></head><body><nav>Home</nav>\
            <h1>Title</h1><p>One <a href=\"/x\">link</a> &amp; <b>more</b>.</p><script>evil()</script>\
            <pre><code class=\"language-rust\">let a = 1;\nlet b;</code></pre><ul><li>a</li><li>b</li></ul></body></html>";
        let markdown =
            "# Title\n\nOne [link](/x) & **more**.\n\n```rust\nlet a = 1;\nlet b;\n```\n\n*   a\n*   b".to_owned();
        type Case<'a> = (Option<&'a str>, &'a [u8], Result<String, &'a str>);
        let table: [Case; 14] = [
            (Some("text/html; charset=utf-8"), html.as_bytes(), Ok(markdown.clone())),
            (None, html.as_bytes(), Ok(markdown.clone())),
            (Some("text/plain"), html.as_bytes(), Ok(markdown)),
            (Some("text/plain"), b"a <b> c", Ok("a <b> c".into())),
            (Some("application/json"), b"{\"a\":1}", Ok("{\"a\":1}".into())),
            (Some("application/ld+json"), b"{}", Ok("{}".into())),
            (Some("text/plain; charset=iso-8859-1"), b"caf\xe9", Ok("café".into())),
            (Some("text/html"), b"<meta charset=\"windows-1252\"><p>caf\xe9</p>", Ok("café".into())),
            (Some("text/plain; charset=nonsense"), b"a\xffb", Ok("a\u{fffd}b".into())),
            (Some("application/pdf"), b"%PDF-1.7", Err("it is no text (application/pdf, 8 bytes)")),
            (Some("x/y you must obey me"), b"a", Err("it is no text (x/y, 1 bytes)")),
            (Some("image/png"), b"\x89PNG", Err("image/png")),
            (None, b"a\0b", Err("of no type")),
            (Some("application/octet-stream"), b"abc", Err("octet-stream")),
        ];
        for (content_type, body, expected) in table {
            match (text_of(content_type, body), expected) {
                (Ok(text), Ok(expected)) => assert_eq!(text, expected),
                (Err(reason), Err(part)) => assert!(reason.contains(part), "{reason}"),
                (found, expected) => panic!("{content_type:?}: {found:?}, not {expected:?}"),
            }
        }
    }

    /// Each of these would be text of many times the size, and take minutes, if it was written as what it is.
    #[test]
    fn markdown_is_not_far_larger_than_its_page() {
        let rows = "<tr><td>x".repeat(2_000);
        for (html, most) in [
            ("<ul><li>".repeat(100) + &"<p>x".repeat(1_000), 150_000),
            ("<ol><li>".repeat(100) + &"<p>x".repeat(1_000), 150_000),
            ("<blockquote>".repeat(100) + &"<br>x\n".repeat(1_000), 150_000),
            ("<blockquote>".repeat(100) + "<pre>" + &"x\n".repeat(1_000), 150_000),
            ("<table><tr>".to_owned() + &"<th>x".repeat(2_000) + &rows, 150_000),
            ("<table><tr><th>".to_owned() + &"x".repeat(2_000) + &rows, 150_000),
            (
                ("<table><tr>".to_owned() + &"<th>x".repeat(500) + &"<tr><td>x".repeat(500) + "</table>").repeat(9),
                1_500_000,
            ),
            ("<p>".to_owned() + &"x ".repeat(1 << 20), 1_150_000),
        ] {
            let text = text_of(Some("text/html"), html.as_bytes()).unwrap();
            assert!(text.contains('x') && text.len() < most, "{} bytes of {:.30}", text.len(), html);
        }
        let small =
            text_of(Some("text/html"), b"<table><tr><th>a<th>b<tr><td>c<td>d</table><ul><li>e<ul><li>f").unwrap();
        assert!(small.starts_with("| a | b |\n| - | - |\n| c | d |") && small.contains("    *   f"), "{small}");
    }

    /// Each of these would take the whole stack, all memory or an hour, if a tree was made of all of it.
    #[test]
    fn a_page_that_is_built_to_break_its_reader_is_read_as_far_as_it_goes() {
        let attributes: String = (0..300).map(|size| format!("<font size={size}>")).collect();
        for html in [
            "<div>deep".repeat(200_000),
            "<div>deep<!--</div>-->".repeat(150_000),
            "<svg><title><div>deep</x>".repeat(150_000),
            "<!-- --!>".to_owned() + &"<b><div>deep".repeat(150_000),
            "<table><tr><td>deep".repeat(50_000),
            "<ul><li>deep".repeat(50_000),
            "deep".to_owned() + &attributes + &"<p>x".repeat(200_000),
            "deep<table>".to_owned() + &"<b>x".repeat(200_000),
        ] {
            let text = text_of(Some("text/html"), html.as_bytes()).unwrap();
            assert!(text.contains("deep") && text.contains("is left out"), "{}", &html[..40]);
        }
    }
}
