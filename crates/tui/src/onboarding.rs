//! What is shown where no model can be asked: which ways there are to one.

use crate::{
    look::Look,
    overlays::panel::row,
    text::{Row, wrap},
    theme::Role,
};

/// The ways to a model, as what is typed and what it does.
fn ways(variable: &str) -> Vec<(String, &'static str)> {
    vec![
        ("codex login".into(), "keeps a key, in a file that only you can read, or in the keyring"),
        (format!("export {variable}=…"), "for this shell, in place of a kept key"),
        (
            "codex config explain model_provider".into(),
            "says which provider is asked, and why; one on this machine may need no key",
        ),
        ("codex demo".into(), "shows the program at work, with no key and no network"),
    ]
}

/// The guide for a person without a key. `why`: what the program says of it; `variable`: where a key is looked for.
pub fn guide(why: &str, variable: &str, look: &Look) -> Vec<Row> {
    let indent = row(look, &[("  ", Role::Plain)]);
    let mut rows =
        wrap(&row(look, &[("No model can be asked yet: ", Role::Strong), (why, Role::Plain)]), look.width, &indent);
    rows.push(Row::empty());
    for (typed, about) in ways(variable) {
        rows.extend(wrap(&row(look, &[("  ", Role::Plain), (&typed, Role::Command)]), look.width, &indent));
        let indent = row(look, &[("    ", Role::Plain)]);
        rows.extend(wrap(&row(look, &[("    ", Role::Plain), (about, Role::Quiet)]), look.width, &indent));
    }
    rows.push(Row::empty());
    rows.extend(wrap(&row(look, &[("Then start codex again.", Role::Plain)]), look.width, &indent));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theme::Theme;

    #[test]
    fn the_guide_names_every_way_at_any_width() {
        for width in [1, 20, 40, 80, 200] {
            let look = Look { width, theme: Theme::Ansi };
            let rows = guide("the provider `openai` needs an API key\u{1b}[2J", "OPENAI_API_KEY", &look);
            assert!(rows.iter().all(|row| row.width() <= width.max(2)), "{width}");
            let text: String = rows.iter().map(|row| row.text().trim().to_owned() + " ").collect();
            assert!(!text.contains('\u{1b}'));
            if width >= 40 {
                for way in ["codex login", "export OPENAI_API_KEY=…", "codex demo", "needs an API key"] {
                    assert!(text.contains(way), "{way}: {text}");
                }
            }
        }
    }
}
