//! Questions of the server: what is asked, all that a person needs to judge it, and the answers that are offered.

mod approval;
mod choices;
mod command;
mod elicitation;
mod hunks;
mod rule;
mod trust;

use codex_protocol::{ServerRequest, ThreadItem};

use super::Overlay;
use approval::Approval;
use elicitation::Elicitation;
use trust::Trust;

/// The question `request`, whose id is `id`. `item`: what it is about, if that was told.
pub fn question(id: u64, request: &ServerRequest, item: Option<&ThreadItem>) -> Box<dyn Overlay> {
    match request {
        ServerRequest::CommandApproval(params) => Box::new(Approval::of_command(id, params.clone())),
        ServerRequest::FileChangeApproval(params) => Box::new(Approval::of_files(id, params.clone(), item)),
        ServerRequest::Elicitation(params) => Box::new(Elicitation::new(id, params.clone())),
        ServerRequest::ProjectTrust(params) => Box::new(Trust::new(id, params.clone())),
    }
}

#[cfg(test)]
#[path = "question/tests.rs"]
mod tests;
