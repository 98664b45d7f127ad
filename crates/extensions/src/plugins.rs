//! Plugins: directories with a manifest that bring tools, servers of tools, linters, formatters, commands, skills, hooks
//! and descriptions of sub-agents.
//!
//! A plugin is copied, never linked, below `$CODEX_HOME/plugins`, and pinned there by its commit and by a hash of all its
//! files. What it may do was shown before ([`Power`]); what does not answer to that any more is held back. Nothing in here
//! runs anything of a plugin's.

mod copying;
mod fetching;
mod manifest;
mod marketplace;
mod powers;
mod skeleton;
mod source;
mod store;
mod tool;

pub use copying::{content_hash, copy};
pub use fetching::Git;
pub(crate) use manifest::ROOTS;
pub use manifest::{Parts, Plugin, ToolPart, is_name, rooted, to_toml};
pub use marketplace::{Index, Listed};
pub use powers::{Power, hash_of, powers};
pub use skeleton::write_skeleton;
pub use source::{GitSource, Source, Typed};
pub use store::{Held, Installed, Lock, MarketplaceLock, Staged, Store};
pub use tool::{PluginTool, tools};
