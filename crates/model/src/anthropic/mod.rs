//! Anthropic's Messages API: how a request is written and an answer read.

mod assemble;
mod body;
mod claude;
mod encode;
mod events;
mod search;
#[cfg(test)]
mod tests;
mod whole;

pub(crate) use self::{assemble::Assembler, body::body, claude::betas, whole::events_of};
