//! `codex review`: one review without a screen.

use codex_config::Environment;
use codex_protocol::{ApprovalPolicy, ReviewTarget};

use super::exec::{connect_with, writable};
use crate::{
    args::{ReviewArguments, RunOptions, ThreadOptions},
    exec::{self, ExitStatus, Opening, PromptSource, Review, Run, Shown},
    resolve,
    terminal::Progress,
};

/// Reviews what was typed, or says what is wrong with that.
///
/// # Errors
/// A sentence for the user.
pub async fn run(
    thread: ThreadOptions,
    arguments: ReviewArguments,
    environment: Environment,
) -> Result<ExitStatus, String> {
    let ReviewArguments {
        thread: nearer, base, commit, prompt, json, output, color, ephemeral, limits, cassette, ..
    } = arguments;
    let thread = thread.then(nearer);
    let target = match (base, commit, prompt) {
        (Some(branch), ..) => ReviewTarget::BaseBranch { branch },
        (_, Some(sha), _) => ReviewTarget::Commit { sha },
        (.., Some(instructions)) => ReviewTarget::Custom { instructions },
        _ => ReviewTarget::UncommittedChanges,
    };
    let timeout = limits.timeout;
    let run = RunOptions { ephemeral, limits, ..RunOptions::default() };
    let mut params = resolve::thread_start(&thread, &run)?;
    // Nobody is there to answer.
    params.approval_policy = Some(ApprovalPolicy::Never);
    let workspace = resolve::workspace(&thread)?;
    let last_message = output.map(|path| writable("--output", &workspace.join(path))).transpose()?;
    let cassette = resolve::cassette(&cassette, &workspace)?;
    let progress = Progress::new(color.unwrap_or_default(), &environment);
    let run = Run {
        opening: Opening::Start(params),
        prompt: PromptSource::typed("review"),
        pictures: Vec::new(),
        output_schema: None,
        review: Some(Review { target, json }),
        plan: false,
        timeout,
        lets_go: false,
        shown: Shown { json: false, progress, last_message, verbose: false, hint: true },
    };
    let (status, _) = exec::run(run, connect_with(environment, cassette)).await;
    Ok(status)
}
