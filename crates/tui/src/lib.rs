//! The screen: a client of the protocol that a person looks at.
//!
//! It knows [`codex_protocol`], [`codex_client`] and plain configuration, never the loop, the model or the tools: a
//! session on another machine is drawn by the same code. See `docs/design/0011-tui.md`.

pub mod app;
pub mod composer;
mod cost_page;
pub mod diff;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod fuzzy;
pub mod highlight;
mod hooks_page;
pub mod intent;
pub mod key;
pub mod keymap;
pub mod look;
pub mod markdown;
pub mod notify;
pub mod onboarding;
pub mod overlays;
mod page;
mod picture;
pub mod popup;
mod queue;
pub mod run;
pub mod screen;
pub mod slash;
mod status_line;
mod status_page;
#[cfg(test)]
mod tests;
pub mod text;
pub mod theme;
mod title;
pub mod transcript;

pub use app::Opening;
pub use intent::Draft;
pub use page::Page;
pub use run::{Ending, Looked, Options, Programs, run};
pub use text::harmless;
