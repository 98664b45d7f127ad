//! Chat Completions, as OpenAI began it and most servers speak it: how a request is written and an answer read.
//!
//! Nobody speaks it quite like another. What a server wants of a request, the settings say (`quirks`); what servers do in
//! their answers is understood from all of them alike (`tests/quirks` has examples).

mod assemble;
mod body;
mod calls;
mod encode;
mod events;
mod quirks;
mod tags;
#[cfg(test)]
mod tests;
mod whole;

pub use self::quirks::{Quirk, Quirks};
pub(crate) use self::{assemble::Assembler, body::body, whole::events_of};
