//! The MCP client: servers of tools, their life, and what they offer.
//!
//! A server says what it offers in its own words, and answers with what it likes: all of that is data of a stranger. This
//! crate must never let it decide what is asked, shown or run.
