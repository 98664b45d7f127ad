//! A review: a turn in which the model looks at changes with a conversation of its own, and leaves everything as it is.
//! What it has found comes back as one message.
//!
//! It must never leave anything changed where the user's files are: commands, the project's tests first, run where all that they
//! write is thrown away. Where that cannot be, the tests alone run, and what they change is put back.

mod apart;
mod changes;
mod findings;
mod project_tests;
mod put_back;

use std::sync::Arc;

use codex_history::{AssistantPart, Message};
use codex_protocol::{
    CommandExecutionStatus, ReviewResult, ReviewTarget, ReviewTestStatus, ReviewTests, ThreadItem, Turn,
};
use codex_store::{Record, StoreError};
use codex_tools::{ForUser, Outcome, command_to_its_end};

pub(crate) use self::apart::Apart;
use self::apart::Ground;
use crate::{
    ProjectTests, Thread, ThreadError,
    approvals::{Permit, Who},
    calls::declined,
    context::{self, fill},
    thread::{Because, Ended, ThreadState},
    turn::{Finish, Step, TurnOptions, TurnRun, offered, turn_error, unwritable},
};

const INSTRUCTIONS: &str = include_str!("prompts/review.md");
const REQUEST: &str = include_str!("prompts/review_request.md");
const AGAIN: &str = include_str!("prompts/review_again.md");
const DONE: &str = include_str!("prompts/review_done.md");

/// Longest that the project's tests may take, in milliseconds.
const TESTS_TIME: u64 = 10 * 60 * 1000;
/// Most of what they print at their end that the model reads, in bytes.
const TESTS_OUTPUT: usize = 16 << 10;

/// What is to be looked at.
#[derive(Debug, Clone)]
pub struct Review {
    /// What the user names.
    pub target: ReviewTarget,
}

/// What came of the conversation apart.
enum Apartly {
    Found(ReviewResult),
    /// An answer that is no review, as the model gave it.
    Said(String),
    Ended(Finish),
}

impl Thread {
    /// Starts a review and returns as soon as that is recorded. What comes of it arrives as events of a turn.
    ///
    /// # Errors
    /// When what is to be looked at is empty, a turn runs, or nothing can be recorded.
    pub async fn start_review(&self, review: Review) -> Result<Turn, ThreadError> {
        let named = match &review.target {
            ReviewTarget::UncommittedChanges => "-",
            ReviewTarget::BaseBranch { branch: name }
            | ReviewTarget::Commit { sha: name }
            | ReviewTarget::Custom { instructions: name } => name,
        };
        if named.trim().is_empty() {
            return Err(ThreadError::EmptyReview);
        }
        let reach = self.reserve()?;
        let mut state = Arc::clone(&self.state).lock_owned().await;
        let turn_id = format!("turn_{}", state.turns);
        let next = std::mem::take(&mut *self.next());
        let begun = state.enter(next);
        let begun = begun.and_then(|()| state.recorder.record(&Record::TurnStarted { turn_id: turn_id.clone() }));
        begun.inspect_err(|_| drop(self.running().take()))?;
        state.turns += 1;
        let run = self.begin_run(&state, turn_id, reach, TurnOptions::default());
        let turn = run.turn.clone();
        self.spawn(state, run, Because::Review(review));
        Ok(turn)
    }
}

impl TurnRun {
    pub(crate) async fn run_review(mut self, state: &mut ThreadState, review: Review) -> Ended {
        // There is no conversation of the thread's that could take what is said meanwhile.
        self.steers.close_if_empty();
        let finish = self.review(state, &review.target).await;
        let finish = finish.unwrap_or_else(|error| Finish::Failed(unwritable(&error)));
        self.finish(state, finish).await
    }

    async fn review(&mut self, state: &mut ThreadState, target: &ReviewTarget) -> Result<Finish, StoreError> {
        let name = name(target);
        let entered = ThreadItem::EnteredReviewMode { id: self.next_item_id(), review: name.clone() };
        state.recorder.tell(self.item_started(entered.clone())).await;
        self.complete(&mut state.recorder, entered).await?;
        let ground = Ground::prepare(state).await;
        state.go_apart(&ground);
        let came = self.apart(state, target, &ground).await;
        state.processes.stop_all().await;
        let told = state.tell_ended(&self.thread_id).await;
        state.come_back();
        ground.end().await;
        told?;
        let (review, result, finish) = match came? {
            Apartly::Found(result) => (findings::text(&result), Some(result), Finish::Completed),
            Apartly::Said(text) => (text, None, Finish::Completed),
            Apartly::Ended(Finish::Failed(error)) => {
                (format!("not finished: {}", error.message), None, Finish::Failed(error))
            }
            Apartly::Ended(finish) => ("not finished: it was interrupted".to_owned(), None, finish),
        };
        let exited = ThreadItem::ExitedReviewMode { id: self.next_item_id(), review: review.clone(), result };
        self.complete(&mut state.recorder, exited).await?;
        if matches!(finish, Finish::Completed) {
            let note = fill(DONE.trim_end(), &[("target", &name), ("review", &review)]);
            state.record_message(Message::user(note))?;
            let message = ThreadItem::AgentMessage { id: self.next_item_id(), text: review };
            self.complete(&mut state.recorder, message).await?;
        }
        Ok(finish)
    }

    /// The conversation apart, from what is to be looked at to what was found.
    async fn apart(
        &mut self,
        state: &mut ThreadState,
        target: &ReviewTarget,
        ground: &Ground,
    ) -> Result<Apartly, StoreError> {
        let cancel = self.cancel.clone();
        let gathered = tokio::select! {
            gathered = changes::gather(state, target) => gathered,
            () = cancel.cancelled() => return Ok(Apartly::Ended(Finish::Interrupted)),
        };
        let changes = match gathered {
            Ok(changes) => changes,
            Err(why) => {
                let error = turn_error(format!("the review cannot begin: {why}"), "other".into());
                return Ok(Apartly::Ended(Finish::Failed(error)));
            }
        };
        let (tests, output) = self.project_tests(state, ground).await?;
        if self.cancel.is_cancelled() {
            return Ok(Apartly::Ended(Finish::Interrupted));
        }
        let found =
            |summary, findings, tests| Apartly::Found(ReviewResult { target: name(target), summary, findings, tests });
        let instructions = match target {
            ReviewTarget::Custom { instructions } => instructions.trim(),
            _ if changes.is_empty && tests.status != ReviewTestStatus::Failed => {
                return Ok(found(changes.text, Vec::new(), tests));
            }
            _ => "",
        };
        let tests_said = format!("{}\n{output}", findings::tests_line(&tests));
        let values = [
            ("target", name(target)),
            ("instructions", instructions.to_owned()),
            ("changes", changes.text),
            ("tests", tests_said.trim_end().to_owned()),
        ];
        self.request_review(state, &values).await?;
        let tools = offered(state);
        let (mut step, mut is_second) = (Step::Sample, false);
        loop {
            step = match step {
                Step::Sample => self.sample(state, &tools).await?,
                Step::RunTools(calls) => self.run_tools(state, calls).await?,
                Step::Compact(reason) => self.make_room(state, &tools, reason).await?,
                Step::Finish(Finish::Completed) => {
                    let answer = last_answer(state);
                    match findings::read(&answer, &state.settings.workplace.roots.workspace) {
                        Ok((summary, findings)) => return Ok(found(summary, findings, tests)),
                        Err(_) if is_second => return Ok(Apartly::Said(answer)),
                        Err(error) => {
                            is_second = true;
                            state.record_message(Message::user(fill(AGAIN.trim_end(), &[("error", &error)])))?;
                            Step::Sample
                        }
                    }
                }
                Step::Finish(finish) => return Ok(Apartly::Ended(finish)),
            };
        }
    }

    /// Says what is wanted, in the conversation apart.
    async fn request_review(&mut self, state: &mut ThreadState, values: &[(&str, String)]) -> Result<(), StoreError> {
        let values: Vec<(&str, &str)> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let (settings, date) = (&state.settings, context::today());
        let workplace = &settings.workplace;
        let around = context::surroundings(&settings.instructions, &workplace.roots, &workplace.policy, &date);
        let around = around.into_iter().map(|text| codex_history::Content::Text { text }).collect();
        state.record_message(Message::Developer { text: INSTRUCTIONS.trim_end().to_owned() })?;
        state.record_message(Message::User { content: around })?;
        state.record_message(Message::user(fill(REQUEST.trim_end(), &values)))?;
        self.options.output_schema = Some(Arc::new(findings::schema()));
        Ok(())
    }

    /// Runs the project's tests; what they printed at their end comes back if they failed.
    async fn project_tests(
        &mut self,
        state: &mut ThreadState,
        ground: &Ground,
    ) -> Result<(ReviewTests, String), StoreError> {
        let directory = state.settings.workplace.roots.workspace.clone();
        let command = match state.settings.tests.clone() {
            ProjectTests::Off => return Ok(not_run(None, "`review.test_command` is false")),
            ProjectTests::Command(command) => Some(command),
            ProjectTests::Found => {
                tokio::task::spawn_blocking(move || project_tests::command(&directory)).await.ok().flatten()
            }
        };
        let Some(command) = command else {
            return Ok(not_run(None, "no command for them was found; `review.test_command` may name one"));
        };
        match (&ground.temp, &ground.put_back) {
            (Ok(_), _) => self.run_tests(state, command).await,
            (Err(why), Some(workplace)) => self.tests_put_back(state, workplace.clone(), (command, why)).await,
            (Err(why), None) => Ok(not_run(Some(command), why)),
        }
    }

    async fn run_tests(
        &mut self,
        state: &mut ThreadState,
        command: String,
    ) -> Result<(ReviewTests, String), StoreError> {
        let context = self.tool_context(state);
        let prepared = command_to_its_end(command.clone(), TESTS_TIME, &context);
        let item = prepared.started.clone();
        let (permission, shown) = match self.permit(state, Who::User, &prepared.access, item.as_ref()).await? {
            Permit::Run { permission, shown } => (permission, shown),
            Permit::Refused { for_user, .. } => {
                self.show(state, item.map_or(ForUser::Nothing, |item| ForUser::Item(declined(item, &for_user))))
                    .await?;
                return Ok(not_run(Some(command), &for_user));
            }
            Permit::Interrupted => return Ok(not_run(Some(command), "interrupted")),
        };
        let ran = self.run_unasked(state, &context, prepared, permission, shown).await?;
        Ok(match ran {
            Err(reason) => not_run(Some(command), &format!("lost: {reason}")),
            Ok(Outcome { for_model, for_user, .. }) => {
                let tests = ended(command, &for_user);
                self.show(state, for_user).await?;
                let output = if tests.status == ReviewTestStatus::Failed { end_of(&for_model) } else { String::new() };
                (tests, output)
            }
        })
    }
}

/// Tests that did not run.
fn not_run(command: Option<String>, why: &str) -> (ReviewTests, String) {
    (ReviewTests { status: ReviewTestStatus::NotRun, command, detail: Some(why.to_owned()) }, String::new())
}

/// How the tests ended, by the item that shows them.
fn ended(command: String, shown: &ForUser) -> ReviewTests {
    let (status, detail) = match shown {
        ForUser::Item(ThreadItem::CommandExecution { status: CommandExecutionStatus::Completed, .. }) => {
            (ReviewTestStatus::Passed, None)
        }
        ForUser::Item(ThreadItem::CommandExecution { exit_code: Some(127), .. }) => {
            (ReviewTestStatus::NotRun, Some("the command was not found".to_owned()))
        }
        ForUser::Item(ThreadItem::CommandExecution { exit_code: Some(code), .. }) => {
            (ReviewTestStatus::Failed, Some(format!("exit code {code}")))
        }
        _ => (ReviewTestStatus::Failed, Some("they did not come to their end".to_owned())),
    };
    ReviewTests { status, command: Some(command), detail }
}

/// The end of what was printed.
fn end_of(output: &str) -> String {
    let begin = output.ceil_char_boundary(output.len().saturating_sub(TESTS_OUTPUT));
    if begin == 0 { output.to_owned() } else { format!("[cut: the end of it]\n{}", &output[begin..]) }
}

/// What the model said last.
fn last_answer(state: &ThreadState) -> String {
    let said = state.history.messages().rev().find_map(|message| match message {
        Message::Assistant { content } => Some(content),
        _ => None,
    });
    let text = |part: &AssistantPart| match part {
        AssistantPart::Text { text, .. } => Some(text.clone()),
        _ => None,
    };
    said.into_iter().flatten().filter_map(text).collect::<Vec<_>>().join("\n")
}

/// What is looked at, in a few words.
fn name(target: &ReviewTarget) -> String {
    match target {
        ReviewTarget::UncommittedChanges => "the uncommitted changes".into(),
        ReviewTarget::BaseBranch { branch } => format!("the changes since `{branch}`"),
        ReviewTarget::Commit { sha } => format!("the commit `{sha}`"),
        ReviewTarget::Custom { instructions } => {
            let line: String = instructions.split_whitespace().collect::<Vec<_>>().join(" ");
            format!("“{}”", line.chars().take(80).collect::<String>())
        }
    }
}
