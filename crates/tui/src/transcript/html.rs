//! A transcript as a page for a browser. Nothing in it runs there, and nothing is fetched.

use std::borrow::Cow;

use codex_protocol::{ThreadItem, UserInput};
use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd, html::push_html};

use super::export;

const STYLE: &str = "body{max-width:50rem;margin:2rem auto;padding:0 1rem;font:16px/1.5 system-ui,sans-serif}\
    pre{padding:.6rem;background:#f4f4f4;overflow-x:auto}h2{border-top:1px solid #ccc;padding-top:1rem}\
    table{border-collapse:collapse}td,th{border:1px solid #ccc;padding:.2rem .5rem}\
    @media(prefers-color-scheme:dark){body{background:#111;color:#ddd}pre{background:#222}a{color:#8bf}}";
/// How long a title may be that nobody chose, in characters.
const LONGEST: usize = 120;

/// Whether the name of a file says that a page is wanted.
pub fn is_html(path: &str) -> bool {
    let ending = path.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    matches!(ending.as_deref(), Some("html" | "htm"))
}

/// `items`, the oldest first, as one page that needs no other file; `name` is what the session is called.
pub fn html<'a>(name: Option<&str>, items: impl Iterator<Item = &'a ThreadItem> + Clone) -> String {
    let title = name.map(str::to_owned).or_else(|| items.clone().find_map(said)).unwrap_or_else(|| "Session".into());
    page(&title, &export(items))
}

/// The beginning of what the user said, if it is that.
fn said(item: &ThreadItem) -> Option<String> {
    let ThreadItem::UserMessage { content, .. } = item else { return None };
    let first = |said: Cow<'_, str>| said.lines().find(|line| !line.trim().is_empty()).map(str::to_owned);
    let text = content.iter().filter_map(UserInput::typed).find_map(first)?;
    Some(text.trim().chars().take(LONGEST).collect())
}

fn page(title: &str, markdown: &str) -> String {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut body = String::new();
    push_html(&mut body, Parser::new_ext(markdown, options).flat_map(harmless));
    let title = title.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    format!(
        "<!DOCTYPE html>\n<html>\n<head>\n<meta charset=\"utf-8\">\n<meta http-equiv=\"Content-Security-Policy\" \
         content=\"default-src 'none'; style-src 'unsafe-inline'\">\n<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n\
         <body>\n{body}</body>\n</html>\n"
    )
}

/// HTML that was said is text; a picture is a link to it; and links lead to pages and files only.
fn harmless(event: Event<'_>) -> impl Iterator<Item = Event<'_>> {
    let (first, second) = match event {
        Event::Html(text) | Event::InlineHtml(text) => (Event::Text(text), None),
        Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
            (Event::Start(Tag::Link { link_type, dest_url: address(dest_url), title, id }), None)
        }
        Event::Start(Tag::Image { link_type, dest_url, title, id }) => {
            let name = Event::Text(format!("[{dest_url}] ").into());
            (Event::Start(Tag::Link { link_type, dest_url: address(dest_url), title, id }), Some(name))
        }
        Event::End(TagEnd::Image) => (Event::End(TagEnd::Link), None),
        other => (other, None),
    };
    std::iter::once(first).chain(second)
}

/// `url` if it is a page or a file; else nothing.
fn address(url: CowStr<'_>) -> CowStr<'_> {
    let lower = url.trim_start().to_ascii_lowercase();
    let has_scheme = lower.split(['/', '?', '#']).next().is_some_and(|first| first.contains(':'));
    let is_known = ["http:", "https:", "mailto:"].iter().any(|scheme| lower.starts_with(scheme));
    if !has_scheme || is_known { url } else { "".into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_is_a_page_in_which_nothing_runs() {
        let said = "# Session\n\n## Agent\n\nIt is **done** <script>alert(1)</script>, see [this](https://a.example) and \
            [that](javascript:alert(2)), [those](<JAVA\tSCRIPT:x>) and [more](&#106;avascript&colon;x).\n\n\
            <img src=x onerror=alert(3)>\n\n```sh\n$ ls <x>\n```\n\n![cat](/w/a.png) ![](data:text/html,x)\n";
        let page = page("a </title><b>", said);
        for part in [
            "<h2>Agent</h2>",
            "<strong>done</strong>",
            "&lt;script&gt;alert(1)&lt;/script&gt;",
            "<a href=\"https://a.example\">this</a>",
            "<a href=\"\">that</a>",
            "<a href=\"\">those</a>",
            "<a href=\"\">more</a>",
            "&lt;img src=x onerror=alert(3)&gt;",
            "$ ls &lt;x&gt;",
            "<a href=\"/w/a.png\">[/w/a.png] cat</a>",
            "<a href=\"\">[data:text/html,x] </a>",
            "<title>a &lt;/title&gt;&lt;b&gt;</title>",
        ] {
            assert!(page.contains(part), "{part}\n{page}");
        }
        for part in ["<script", "<img", "<b>", "href=\"java", "href=\"data"] {
            assert!(!page.contains(part), "{part}\n{page}");
        }
    }

    #[test]
    fn its_title_is_the_name_or_what_was_said_first() {
        let said = |text: &str| ThreadItem::UserMessage {
            id: "1".into(),
            content: vec![UserInput::Text { text: text.into() }],
        };
        let long = "ä".repeat(LONGEST);
        let table = [
            (Some("name"), said("x"), "name"),
            (None, said("\n why so \nlate"), "why so"),
            (None, said(&format!("{long}x")), long.as_str()),
            (None, ThreadItem::AgentMessage { id: "1".into(), text: "x".into() }, "Session"),
        ];
        for (name, item, expected) in table {
            let page = html(name, [item].iter());
            assert!(page.contains(&format!("<title>{expected}</title>")), "{page}");
        }
    }

    #[test]
    fn the_name_of_a_file_says_what_it_is_to_be() {
        for (path, expected) in [("a.html", true), ("/b/a.HTM", true), ("a.md", false), ("html", false), ("", false)] {
            assert_eq!(is_html(path), expected, "{path}");
        }
    }
}
