//! Whether a call may run: what the policy says, and where it says so, what a person does.
//!
//! The call that was asked about is held while the answer is awaited, so that what was asked is what runs. It must
//! never run what nobody has answered yes to, and never ask under a policy that asks nobody.

use std::{collections::BTreeSet, path::PathBuf, sync::Arc};

use codex_permissions::{
    Access, Approval, Judgement, Policy, Question, RemoteCall, Rules, ToolApproval, Verdict, disarms_git, judge,
    rule_words,
};
use codex_protocol::{
    ApprovalDecision, ApprovalRule, ApprovalTerms, CommandApprovalParams, FileChangeApprovalParams, McpApproval,
    Position, ServerNotification, ServerRequest, ServerRequestResolved, ThreadItem, ThreadStatus,
};
use codex_sandbox::{Confined, Confinement, Network, shown};
use codex_store::StoreError;
use codex_tools::Permission;
use serde_json::Value;

use crate::{
    answers::{Given, answered_by_full_auto},
    context::{fill, now_ms},
    hooks::by_hook,
    questions::{Always, Answer, KeepIt, Offered},
    thread::ThreadState,
    turn::{TurnRun, status_changed},
};

const DECLINED: &str = include_str!("prompts/declined.md");
const DECLINED_WITH_MESSAGE: &str = include_str!("prompts/declined_with_message.md");
pub(crate) const STOPPED: &str = include_str!("prompts/stopped.md");

/// Most of the model's words that a reason repeats, in characters. A question has all of them in a place of their own.
const QUOTED: usize = 500;

/// What a question about a page of the web is about, where others are about a command.
const PAGE: &str = "webPage";
/// What a question about a call of a server's tool is about.
const TOOL: &str = "mcpToolCall";
/// What holds for a page.
const OUTSIDE: &str = "none is needed: nothing is run, and nothing but the address is sent";

/// What the user is shown of a call that was answered no to.
pub(crate) const BY_USER: &str = "declined by the user";

/// What is to happen with a call.
pub(crate) enum Permit {
    /// It runs.
    Run {
        /// Like this.
        permission: Permission,
        /// Whether its item was told already.
        shown: bool,
    },
    /// It does not.
    Refused {
        /// What the model is told.
        for_model: String,
        /// What the user is shown.
        for_user: String,
    },
    /// The turn was interrupted while it waited.
    Interrupted,
}

/// Who wants a call to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    /// The model.
    Model,
    /// The user, who is not asked for leave again only because no rule allows it.
    User,
}

/// The item that a question is about.
#[derive(Clone, Copy)]
pub(crate) struct Item<'call> {
    /// Nothing can be asked about a call that is not shown.
    pub(crate) item: Option<&'call ThreadItem>,
    /// An earlier question told it already.
    pub(crate) shown: bool,
}

impl<'call> Item<'call> {
    pub(crate) fn untold(item: Option<&'call ThreadItem>) -> Self {
        Self { item, shown: false }
    }
}

/// What came of a question.
pub(crate) enum Consent {
    /// Yes, inside the walls of the question.
    Given {
        /// Whether the call's item was told already.
        shown: bool,
        /// The hunks of its changes that it is given for, if not for all.
        hunks: Option<BTreeSet<usize>>,
    },
    /// No, and perhaps a word to the model.
    Declined(Option<String>),
    /// A hook says no, and why.
    Hook(String),
    /// No, and the turn ends: it is cancelled now.
    Stopped,
    /// The turn was interrupted while it waited.
    Interrupted,
    /// There is nobody to answer.
    Unheard,
}

/// What a person has said for as long as the thread is open.
#[derive(Debug, Default)]
pub(crate) struct Granted {
    /// Yes to these, for the session.
    calls: Vec<(Access, Confinement)>,
    /// No to writing in these; see [`crate::with_more`].
    pub(crate) not_these: BTreeSet<PathBuf>,
    /// No to commands behind weaker walls; see [`crate::weaker_walls`].
    pub(crate) weaker_walls_declined: bool,
}

impl Granted {
    /// What was said yes to for the session, a line each.
    pub(crate) fn in_words(&self) -> impl Iterator<Item = String> + '_ {
        self.calls.iter().map(|(access, _)| match (&access.command, &access.fetch) {
            _ if let Some(remote) = &access.remote => {
                format!("allow for this session: the tool {} of the server {}", remote.tool, remote.server)
            }
            (Some(command), _) => format!("allow for this session: {command}"),
            (None, Some(fetch)) => format!("allow for this session: pages of {}", fetch.host),
            (None, None) => {
                let files: Vec<String> = access.writes.iter().map(|path| path.display().to_string()).collect();
                format!("allow for this session: changing {}", files.join(", "))
            }
        })
    }

    /// The tool of a server that was said yes to last under this name.
    fn tool(&self, server: &str, tool: &str) -> Option<&RemoteCall> {
        let given = self.calls.iter().rev().filter_map(|(given, _)| given.remote.as_ref());
        given.into_iter().find(|given| (given.server.as_str(), given.tool.as_str()) == (server, tool))
    }

    /// Whether `access` under `confinement` is the same again: the same command, directory and programs, or no other
    /// files, inside the same walls; or a page of the same host.
    fn covers(&self, access: &Access, confinement: &Confinement) -> bool {
        if let Some(remote) = &access.remote {
            // Described otherwise, or of a server that is something else or held otherwise, it is another tool.
            return self.tool(&remote.server, &remote.tool).is_some_and(|given| given.digest == remote.digest);
        }
        if let Some(page) = &access.fetch {
            return self
                .calls
                .iter()
                .any(|(given, _)| given.fetch.as_ref().is_some_and(|given| given.host == page.host));
        }
        let files = self.calls.iter().filter(|(granted, walls)| walls == confinement && granted.command.is_none());
        let files: Vec<_> = files.flat_map(|(granted, _)| &granted.writes).collect();
        let same_files = access.command.is_none()
            && !access.writes.is_empty()
            && access.writes.iter().all(|path| files.contains(&path));
        same_files || self.calls.iter().any(|(granted, walls)| granted == access && walls == confinement)
    }
}

impl TurnRun {
    /// Decides on a call; asks where the policy says so.
    pub(crate) async fn permit(
        &mut self,
        state: &mut ThreadState,
        who: Who,
        access: &Access,
        item: Option<&ThreadItem>,
    ) -> Result<Permit, StoreError> {
        let item = match self.weaker_walls(state, access, item).await? {
            Ok(item) => item,
            Err(permit) => return Ok(permit),
        };
        let policy = &*of(who, &state.settings.workplace.policy);
        let Judgement { verdict, rule, reason: why } = self.judged(judge(policy, access), policy, access);
        let mut first = self.look_first(state, who, access, &verdict).await;
        let note = |allowed, reason: &str| {
            state.standing.note(|decisions| decisions.note(access, allowed, None, rule.clone(), reason));
        };
        let question = match verdict {
            Verdict::Allow(confinement) => {
                let permission = Permission { disarm_git: disarms_git(policy, access), ..confinement.into() };
                match answered_by_full_auto(policy, access) {
                    Some(question) => self.record_answer(state, access, item.item, &question, Given::FULL_AUTO)?,
                    None => note(true, &why),
                }
                self.save_first(state, &first, true).await;
                return Ok(Permit::Run { permission, shown: item.shown });
            }
            Verdict::Refuse { reason } => {
                note(false, &reason);
                return Ok(refused(&reason));
            }
            Verdict::Ask(question) if policy.approval == Approval::Never => {
                let reason = format!("{}, and nobody can be asked", question.reason);
                note(false, &reason);
                return Ok(refused(&reason));
            }
            Verdict::Ask(question) => Question { reason: first.added_to(&question.reason), ..*question },
        };
        let consent = self.consent(state, access, item, &question).await?;
        if !matches!(consent, Consent::Given { .. }) {
            state.save_nothing(&mut first);
        }
        Ok(match consent {
            Consent::Given { shown, hunks } => {
                if let Some(lost) = self.save_first(state, &first, false).await {
                    state.save_nothing(&mut first);
                    return Ok(refused(&lost));
                }
                Permit::Run { permission: Permission { hunks, ..question.confinement.into() }, shown }
            }
            Consent::Hook(why) => by_hook(&why),
            Consent::Declined(None) => declined(DECLINED),
            Consent::Declined(Some(message)) => declined_with(message.trim()),
            Consent::Stopped => declined(STOPPED),
            Consent::Interrupted => Permit::Interrupted,
            Consent::Unheard => refused(&format!("{}, and nobody is there to be asked", question.reason)),
        })
    }

    /// Asks a person, unless the same was said yes to before, records the answer, and does what it says beyond this call.
    pub(crate) async fn consent(
        &mut self,
        state: &mut ThreadState,
        access: &Access,
        item: Item<'_>,
        question: &Question,
    ) -> Result<Consent, StoreError> {
        if offers_session(access, item.item, question) && state.granted.covers(access, &question.confinement) {
            self.record_answer(state, access, item.item, question, Given::EARLIER)?;
            return Ok(Consent::Given { shown: item.shown, hunks: None });
        }
        match self.permission_asked(state, access, question).await {
            None => {}
            Some(Ok(())) => {
                self.record_answer(state, access, item.item, question, Given::HOOK)?;
                return Ok(Consent::Given { shown: item.shown, hunks: None });
            }
            Some(Err(why)) => {
                self.record_answer(state, access, item.item, question, Given::HOOK_REFUSED)?;
                return Ok(Consent::Hook(why));
            }
        }
        let answer = self.ask(state, access, item, question).await;
        self.record_answer(state, access, item.item, question, Given::of(answer.as_ref()))?;
        match answer {
            Some(Answer::Yes) => {}
            Some(Answer::Hunks(hunks)) => return Ok(Consent::Given { shown: true, hunks: Some(hunks) }),
            Some(Answer::ForSession | Answer::Kept) => {
                state.granted.calls.push((access.clone(), question.confinement.clone()));
                if let (Some(mcp), Some(remote)) = (&state.settings.plugged.mcp, &access.remote) {
                    mcp.allowed(&remote.server, &remote.tool);
                }
            }
            Some(Answer::Always(rules)) => {
                Arc::make_mut(&mut state.settings.workplace.policy).rules = *rules;
                state.standing.show(&state.settings);
            }
            Some(Answer::No(message)) => return Ok(Consent::Declined(message)),
            Some(Answer::Stop) => {
                self.cancel.cancel();
                return Ok(Consent::Stopped);
            }
            None if self.cancel.is_cancelled() => return Ok(Consent::Interrupted),
            // Nothing is to be entered about a call: `Questions` lets no such answer through.
            None | Some(Answer::Content(_)) => return Ok(Consent::Unheard),
        }
        Ok(Consent::Given { shown: true, hunks: None })
    }

    /// Asks a person and waits for the answer. `None`: the turn was interrupted, or nobody listens.
    async fn ask(&self, state: &ThreadState, access: &Access, item: Item<'_>, question: &Question) -> Option<Answer> {
        let Item { item, shown } = item;
        let item = item?.clone();
        let workplace = &state.settings.workplace;
        let offered = Offered {
            for_session: offers_session(access, Some(&item), question),
            hunks: hunks(access, &item),
            always: always(access, Some(&item), question, &workplace.policy.rules),
            keep: access.remote.as_ref().and_then(|remote| keep(state, remote)),
            workspace: workplace.roots.workspace.clone(),
        };
        let (recorder, questions) = (&state.recorder, Arc::clone(&state.questions));
        let mcp = access.remote.as_ref().map(|remote| about_tool(state, remote, &item));
        let request = self.approval_request(&item, access, question, &offered, mcp);
        // The item comes first: the question speaks of it. That it begins is recorded when it does.
        if !shown {
            recorder.send(self.item_started(item), Position::Transient {}).await;
        }
        let waiting = ThreadStatus::Active { active_flags: vec!["waitingOnApproval".into()] };
        recorder.tell(status_changed(&self.thread_id, waiting)).await;
        let (id, answered) = questions.put(offered);
        let heard = recorder.ask(id, request).await;
        self.person_is_asked(state, question);
        let answer = tokio::select! {
            answer = answered, if heard => answer.ok(),
            () = self.cancel.cancelled() => None,
            () = recorder.unheard() => None,
        };
        questions.withdraw(id);
        let resolved = ServerRequestResolved { thread_id: self.thread_id.clone(), request_id: id };
        recorder.tell(ServerNotification::ServerRequestResolved(resolved)).await;
        let goes_on = ThreadStatus::Active { active_flags: Vec::new() };
        recorder.tell(status_changed(&self.thread_id, goes_on)).await;
        answer
    }

    fn approval_request(
        &self,
        item: &ThreadItem,
        access: &Access,
        question: &Question,
        offered: &Offered,
        mcp: Option<(McpApproval, String)>,
    ) -> ServerRequest {
        let (thread_id, turn_id, item_id) = (self.thread_id.clone(), self.turn.id.clone(), item.id().to_owned());
        let (started_at_ms, terms) = (now_ms(), terms(access, question, offered.always.as_ref(), mcp.as_ref()));
        let available_decisions = decisions(offered);
        let reason = Some(match &terms.justification {
            Some(words) => format!("{}; the model says: “{}”", question.reason, quoted(words)),
            None => question.reason.clone(),
        });
        let page = access.fetch.as_ref().map(|fetch| fetch.url.clone());
        let mcp = mcp.map(|(about, _)| about);
        let kind = if page.is_some() { PAGE } else { "command" };
        let kind = if mcp.is_some() { TOOL } else { kind }.to_owned();
        let called = mcp.as_ref().map(|about| format!("{}.{}", about.server, about.tool));
        let Some(command) = access.command.clone().or(page).or(called) else {
            let grant_root = None;
            return ServerRequest::FileChangeApproval(FileChangeApprovalParams {
                thread_id,
                turn_id,
                item_id,
                started_at_ms,
                reason,
                grant_root,
                available_decisions,
                terms,
            });
        };
        let cwd = match item {
            ThreadItem::CommandExecution { cwd, .. } => cwd.clone(),
            _ => access.directory.as_ref().unwrap_or(&offered.workspace).display().to_string(),
        };
        ServerRequest::CommandApproval(CommandApprovalParams {
            kind,
            thread_id,
            turn_id,
            item_id,
            started_at_ms,
            reason,
            command,
            cwd,
            command_actions: Vec::new(),
            proposed_execpolicy_amendment: offered.always.as_ref().map(|always| always.words.clone()),
            available_decisions,
            terms,
            mcp: mcp.map(Box::new),
        })
    }
}

/// What a question about a call of a server's tool shows, and what the server is held to.
fn about_tool(state: &ThreadState, remote: &RemoteCall, item: &ThreadItem) -> (McpApproval, String) {
    let RemoteCall { server, tool, digest, .. } = remote;
    let arguments = match item {
        ThreadItem::McpToolCall { arguments, .. } => arguments.clone(),
        _ => Value::Null,
    };
    let Some(mcp) = &state.settings.plugged.mcp else {
        let (server, tool, description) = (server.clone(), tool.clone(), String::new());
        return (McpApproval { server, tool, description, description_before: None, arguments }, String::new());
    };
    let description = mcp.described(server, tool).map(|now| now.description).unwrap_or_default();
    let before = mcp.said_before(server, tool).filter(|before| before.digest != *digest);
    let mut walls = mcp.walls(server).to_owned();
    let now = mcp.place(server);
    let moved = before.as_ref().filter(|before| before.place != now);
    if let Some(before) = moved {
        let then = if before.place.is_empty() { "something that was not noted" } else { &before.place };
        walls = format!("{walls} You said yes to this tool when its server was {then}; it is {now} now.");
    }
    let is_moved = moved.is_some();
    let description_before =
        before.map(|before| before.description).filter(|before| !is_moved || *before != description);
    let (server, tool) = (server.clone(), tool.clone());
    (McpApproval { server, tool, description, description_before, arguments }, walls)
}

/// What keeps a yes to a tool for always.
fn keep(state: &ThreadState, remote: &RemoteCall) -> Option<KeepIt> {
    let mcp = state.settings.plugged.mcp.as_ref()?;
    // Where the settings want to be asked each time, they are what is to be changed.
    if remote.approval == ToolApproval::Prompt {
        return None;
    }
    let now = mcp.described(&remote.server, &remote.tool).filter(|now| now.digest == remote.digest)?;
    let yes = mcp.remembered(now);
    let keep = mcp.keep();
    Some(KeepIt(Box::new(move || keep(&yes))))
}

/// The policy that a call is held against.
fn of(who: Who, policy: &Arc<Policy>) -> Arc<Policy> {
    if who == Who::User && policy.approval == Approval::Untrusted {
        return Arc::new(Policy { approval: Approval::OnRequest, ..Policy::clone(policy) });
    }
    Arc::clone(policy)
}

/// A call that a person said no to, and what the model is told.
pub(crate) fn declined(for_model: &str) -> Permit {
    Permit::Refused { for_model: for_model.trim_end().to_owned(), for_user: BY_USER.to_owned() }
}

/// A call that a person said no to with a message, which is shown beside it as well.
fn declined_with(message: &str) -> Permit {
    let for_model = fill(DECLINED_WITH_MESSAGE, &[("message", message)]);
    Permit::Refused { for_model: for_model.trim_end().to_owned(), for_user: format!("{BY_USER}: {message}") }
}

/// A call that is refused by rule, not by a person.
pub(crate) fn refused(reason: &str) -> Permit {
    Permit::Refused { for_model: format!("Refused: {reason}."), for_user: format!("refused: {reason}") }
}

/// Whether a yes to this very call may stand for the rest of the session: not for what asks each time (a class, a rule),
/// not for leaving the sandbox, not for what is typed to a command, which means something else each time, and not where
/// it is the walls that are asked about.
fn offers_session(access: &Access, item: Option<&ThreadItem>, question: &Question) -> bool {
    let own = matches!(
        item,
        Some(
            ThreadItem::CommandExecution { .. }
                | ThreadItem::FileChange { .. }
                | ThreadItem::WebSearch { .. }
                | ThreadItem::McpToolCall { .. }
        )
    );
    let each_time = access.remote.as_ref().is_some_and(|remote| remote.approval == ToolApproval::Prompt);
    own && !each_time && question.rule.is_none() && access.outside_sandbox.is_none() && question.not_held.is_empty()
}

/// The rule that an answer may add, if there is one.
fn always(access: &Access, item: Option<&ThreadItem>, question: &Question, rules: &Rules) -> Option<Always> {
    let rule = question.remember.clone().filter(|_| offers_session(access, item, question))?;
    let words = rule_words(&rule)?;
    Some(Always { rule, words, rules: rules.clone() })
}

/// How many hunks of the changes that are shown can be agreed to one by one; 0 where there is one, or something that is
/// not made of hunks.
fn hunks(access: &Access, item: &ThreadItem) -> usize {
    let ThreadItem::FileChange { changes, .. } = item else { return 0 };
    let is_whole = |diff: &str| !diff.is_empty() && !diff.starts_with("@@ ");
    if access.command.is_some() || changes.iter().any(|change| is_whole(&change.diff)) {
        return 0;
    }
    let lines = changes.iter().flat_map(|change| change.diff.lines());
    let count = lines.filter(|line| line.starts_with("@@ ")).count();
    if count > 1 { count } else { 0 }
}

fn decisions(offered: &Offered) -> Vec<ApprovalDecision> {
    let amendment = offered
        .always
        .as_ref()
        .map(|always| ApprovalDecision::AcceptWithExecpolicyAmendment { execpolicy_amendment: always.words.clone() });
    let mut decisions = vec![ApprovalDecision::Accept];
    decisions.extend(offered.for_session.then_some(ApprovalDecision::AcceptForSession));
    decisions.extend(amendment);
    decisions.extend(offered.keep.is_some().then_some(ApprovalDecision::AcceptAlways));
    let hunks = (offered.hunks > 0).then(|| ApprovalDecision::AcceptHunks { hunks: (0..offered.hunks).collect() });
    decisions.extend(hunks);
    decisions.extend([ApprovalDecision::Decline, ApprovalDecision::Cancel]);
    decisions
}

fn terms(
    access: &Access,
    question: &Question,
    always: Option<&Always>,
    mcp: Option<&(McpApproval, String)>,
) -> ApprovalTerms {
    let rule = question.rule.as_ref().map(|rule| ApprovalRule {
        kind: rule.kind.to_string(),
        text: rule.text.clone(),
        origin: rule.origin.clone(),
    });
    let walls = || in_words(&question.confinement, access.uncovers.as_ref().map_or(&[], |found| &found.paths));
    ApprovalTerms {
        confinement: match mcp {
            Some((_, walls)) => walls.clone(),
            None if access.fetch.is_some() => OUTSIDE.to_owned(),
            None => walls(),
        },
        rule,
        remember: always.map(|always| always.rule.clone()),
        justification: access.outside_sandbox.clone(),
        not_held: question.not_held.iter().map(|phrase| (*phrase).to_owned()).collect(),
        agent: None,
    }
}

/// The model's words as one line that does not end the quotation it stands in.
fn quoted(words: &str) -> String {
    let plain = |c: char| match c {
        '“' | '”' => '"',
        c if c.is_control() || c.is_whitespace() => ' ',
        c => c,
    };
    let short: String = words.chars().take(QUOTED).map(plain).collect();
    if words.chars().nth(QUOTED).is_some() { short + "…" } else { short }
}

/// What the walls hold, in a sentence for the user; `uncovered`: what is writable this once and protected otherwise.
fn in_words(confinement: &Confinement, uncovered: &[PathBuf]) -> String {
    let walls = match confinement {
        Confinement::Unconfined => return "no sandbox: it runs with all rights of the user, network included".into(),
        Confinement::Confined(walls) => walls,
    };
    let Confined { writable, protected, hidden, temp, network, weak, .. } = walls;
    let list = |paths: &mut dyn Iterator<Item = &PathBuf>| paths.map(|path| shown(path)).collect::<Vec<_>>().join(", ");
    let open = list(&mut writable.iter().filter(|root| !protected.contains(root)));
    let mut writes: Vec<String> = Some(open).filter(|open| !open.is_empty()).into_iter().collect();
    writes.extend(temp.as_ref().map(|_| "a private /tmp".to_owned()));
    let uncovered = list(&mut uncovered.iter());
    let uncovered = if uncovered.is_empty() { uncovered } else { format!(", and this once {uncovered}") };
    let writes = if writes.is_empty() { "nothing".to_owned() } else { writes.join(" and ") };
    let network = match network {
        Network::LoopbackOnly => "no network",
        Network::Proxied => "the domains that are allowed and no other network",
        Network::Host => "the whole network",
    };
    let hidden = if hidden.is_empty() { "" } else { ", secrets hidden" };
    let sandbox = if *weak { "in the sandbox, with weaker walls where there are no others" } else { "in the sandbox" };
    format!("{sandbox}: writes {writes}{uncovered}; reads the rest{hidden}; {network}")
}

#[cfg(test)]
#[path = "approvals_tests.rs"]
mod tests;
