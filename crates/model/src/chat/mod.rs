//! Chat Completions, as OpenAI began it and most servers speak it: how a request is written and an answer read.
//!
//! Nobody speaks it quite like another. What a server wants of a request, `dialect` knows by its host; what servers do
//! in their answers is understood from all of them alike (`tests/quirks` has examples).

mod assemble;
mod body;
mod calls;
mod dialect;
mod encode;
mod events;
mod tags;
#[cfg(test)]
mod tests;

pub(crate) use self::{assemble::Assembler, body::body};
