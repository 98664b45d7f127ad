//! OpenAI's Responses API: how a request is written and an answer read.

mod assemble;
mod body;
mod encode;
mod events;
#[cfg(test)]
mod tests;
mod whole;

pub(crate) use self::{assemble::Assembler, body::body, whole::events_of};
