//! A login to a server of tools that waits for the person: where to go, and what comes back.

use codex_protocol::McpServerOauthLoginResponse;

use crate::{
    intent::{Fetch, Intent},
    key::Key,
    look::Look,
    overlays::{
        Outcome, Overlay,
        line::Line,
        panel::{Panel, Scroll, labelled, paragraph, row},
    },
    page::Page,
    text::{Live, Row, Size, truncate},
    theme::Role,
};

/// The login to a server.
#[derive(Debug)]
struct Login {
    server: String,
    id: String,
    /// Where the person agrees to it.
    address: String,
    /// Whether the session is on another machine, to which no browser of this one is led back.
    is_elsewhere: bool,
    /// What is pasted; it is not shown.
    line: Line,
    scroll: Scroll,
}

/// The login to `server` that has `begun`.
pub fn login(server: &str, begun: McpServerOauthLoginResponse, is_elsewhere: bool) -> Box<dyn Overlay> {
    Box::new(Login {
        server: server.to_owned(),
        id: begun.login_id.unwrap_or_default(),
        address: begun.authorization_url,
        is_elsewhere,
        line: Line::default(),
        scroll: Scroll::default(),
    })
}

impl Overlay for Login {
    fn live(&self, size: Size, look: &Look) -> Live {
        let look = &Look { width: size.columns, ..*look };
        let title = row(look, &[("Log in to ", Role::Strong), (&self.server, Role::Strong)]);
        let mut text = paragraph("Agree to it on this page, in your browser or any other:", Role::Plain, 2, look);
        text.extend(paragraph(&self.address, Role::Path, 2, look));
        text.extend(match Page::read(&self.address) {
            Ok(page) => labelled("Host", page.host(), Role::Strong, look),
            Err(why) => paragraph(&format!("It is not opened from here: {why}."), Role::Bad, 2, look),
        });
        let back = match self.is_elsewhere {
            true => {
                "It leads you back to the machine of the session, where your browser does not get to: paste the address that it \
                 is led to, or the code, here."
            }
            false => "If nothing can be shown where it leads you then, paste that address, or the code, here.",
        };
        text.extend(paragraph(back, Role::Quiet, 2, look));
        let count = self.line.text().chars().count();
        let hidden = match count {
            0 => String::new(),
            _ => format!("({count} characters, not shown)"),
        };
        let pasted = row(look, &[("Paste: ", Role::Strong), (&hidden, Role::Quiet)]);
        let column = pasted.width().min(look.width.saturating_sub(1));
        let hint = "enter send · ctrl+o open · ctrl+y copy the address · esc leave; the login waits on";
        let rows = vec![truncate(&pasted, look.width), truncate(&Row::new(hint, look.style(Role::Quiet)), look.width)];
        Panel { title, text: &text, foot: Live { rows, cursor: Some((0, column)) } }.live(size, &self.scroll, look)
    }

    fn key(&mut self, key: Key) -> Outcome {
        match key.to_string().as_str() {
            "esc" | "ctrl+c" => return Outcome::close(),
            "ctrl+o" => return Outcome::want(Intent::Browse(self.address.clone())),
            "ctrl+y" => return Outcome::want(Intent::Copy(self.address.clone())),
            "pageup" | "pagedown" => drop(self.scroll.key(key)),
            "enter" if !self.line.text().trim().is_empty() => {
                let text = std::mem::take(&mut self.line).text().trim().to_owned();
                return Outcome::want(Intent::Fetch(Fetch::McpPasted { login_id: self.id.clone(), text }));
            }
            _ => drop(self.line.key(key)),
        }
        Outcome::stay()
    }

    fn paste(&mut self, text: &str) {
        self.line.insert(text);
    }

    fn login(&self) -> Option<&str> {
        Some(&self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overlays::testing::{SIZES, press, said, screen};

    fn begun() -> Box<dyn Overlay> {
        let authorization_url = format!("https://a.example/authorize?state={}\u{1b}[2J", "x".repeat(200));
        login("notes", McpServerOauthLoginResponse { authorization_url, login_id: Some("L".into()) }, false)
    }

    #[test]
    fn the_whole_address_is_shown_and_what_is_pasted_is_not() {
        let mut overlay = begun();
        SIZES.iter().for_each(|size| drop(screen(&*overlay, *size)));
        overlay.paste("s3cret code");
        let shown = screen(&*overlay, (80, 24));
        let all: String = shown.iter().map(|row| row.trim()).collect();
        assert!(all.contains(&"x".repeat(200)) && all.contains("(11 characters, not shown)"), "{shown:?}");
        assert!(!all.contains("s3cret"), "{shown:?}");
        let sent = said(&press(&mut *overlay, "enter"));
        assert_eq!(sent, "Fetch(McpPasted { login_id: \"L\", text: \"s3cret code\" })");
        // It stays: what was pasted may be wrong.
        assert_eq!(overlay.login(), Some("L"));
        assert_eq!(said(&press(&mut *overlay, "enter")), "");
        assert!(said(&press(&mut *overlay, "ctrl+y")).starts_with("Copy(\"https://a.example/authorize"));
        assert!(said(&press(&mut *overlay, "ctrl+o")).starts_with("Browse(\"https://a.example/authorize"));
        assert_eq!(said(&press(&mut *overlay, "esc")), "closes ");
    }
}
