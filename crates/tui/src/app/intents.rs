//! What a person wants, carried out: the one place.

use std::time::Instant;

use codex_protocol::{
    AgentListParams, AgentStartParams, BackgroundTerminalTerminateParams, BackgroundTerminalsParams, ClientRequest,
    CollaborationMode, FuzzyFileSearchParams, HooksListParams, ListMcpServerStatusParams, McpServerControlParams,
    McpServerOauthPasteParams, ModelListParams, PermissionsForgetParams, PermissionsReadParams, PluginSetParams,
    PluginsListParams, ServerRequestAnswerParams, SettingsChange, SortDirection, ThreadDiffParams,
    ThreadItemsListParams, ThreadListParams, ThreadReadParams, ThreadResumeParams, ThreadSettingsUpdateParams,
    ThreadShellCommandParams, ThreadUnsubscribeParams, ThreadUsageReadParams, TurnInterruptParams, TurnStartParams,
    TurnSteerParams, UserInput,
};

use super::{App, Effect, Opening, Purpose, own_commands::Typed, servers::OfServers, session::Running};
use crate::{
    intent::{Change, Draft, Fetch, Intent},
    notify,
    text::Row,
    theme::Role,
    transcript,
};

/// Items of the transcript that are asked for at once.
const PAGE: usize = 500;

impl App {
    pub(super) fn intend(&mut self, intent: Intent) {
        match intent {
            Intent::Say(draft) => self.say_draft(draft),
            Intent::Queue(draft) => {
                self.queue.push(draft);
                self.say_next();
            }
            Intent::Interrupt => self.interrupt(),
            Intent::Again => self.ask_again(),
            Intent::Quit => self.leave(),
            Intent::Leave { stops } => {
                self.stops = Some(stops);
                self.effects.push(Effect::Quit);
            }
            Intent::NewThread => self.new_thread(),
            Intent::ResumeThread(id) => {
                let params = self.setup.resume.clone();
                self.leave_thread();
                self.open(Opening::Resume(ThreadResumeParams { thread_id: id, ..params }));
            }
            Intent::ForkThread(fork) => self.branch(fork),
            Intent::Answer { request_id, answer } => {
                let params = ServerRequestAnswerParams { request_id, answer };
                self.call(ClientRequest::ServerRequestAnswer(params), Purpose::Answer(request_id));
            }
            Intent::TakeOver(id) => self.take_over(id),
            Intent::Manage(manage) => self.manage(manage),
            Intent::Forget(rule) => {
                let params =
                    PermissionsForgetParams { thread_id: self.thread_id().unwrap_or_default(), rule: rule.clone() };
                self.call(ClientRequest::PermissionsForget(params), Purpose::Forget(rule));
            }
            Intent::GoBack(wanted) => self.go_back(wanted),
            Intent::Change(change) => self.change(change),
            Intent::Agent(task) => {
                let thread_id = self.thread_id().unwrap_or_default();
                let params = AgentStartParams { thread_id, task: task.clone(), worktree: None };
                self.call(ClientRequest::AgentsStart(params), Purpose::Agent(task));
            }
            Intent::Review(target) => self.review(target),
            Intent::Approve { plan, change } => self.approve(plan, change),
            Intent::EditPlan(text) => self.edit_plan(text),
            Intent::RefusePlan => self.refuse_plan(),
            Intent::AskAboutPlan => {
                self.take_answer_for_plan();
                self.ask_about_plan();
            }
            Intent::Shell(command) => self.shell(command),
            Intent::Compact(focus) => self.compact(focus),
            Intent::UndoCompaction => self.undo_compaction(),
            Intent::Fetch(fetch) => self.fetch(fetch),
            Intent::Open(overlay) => self.lay(overlay),
            Intent::Print(rows) => self.feed.notice(rows),
            Intent::Compose(text) => self.composer.set(Draft { text, pictures: Vec::new() }),
            Intent::Copy(text) => {
                self.effects.push(Effect::Send(notify::clipboard(&text)));
                self.focus.hint = Some("copied, if the terminal lets programs copy (OSC 52)".into());
            }
            Intent::Browse(address) => self.effects.push(Effect::Browse { address, is_shown: false }),
            Intent::Export(path) => self.export(path),
            Intent::Keep { key, value } => self.effects.push(Effect::Keep(key, value)),
            Intent::Init => self.effects.push(Effect::Init),
        }
    }

    /// Asks the server for a session.
    pub(super) fn open(&mut self, opening: Opening) {
        self.before.is_opening = true;
        if !matches!(&opening, Opening::Resume(params) if self.before.tail.is_of(&params.thread_id)) {
            self.before.tail = Default::default();
        }
        match opening {
            Opening::Start(params) => self.call(ClientRequest::ThreadStart(params), Purpose::Open),
            Opening::Resume(params) => {
                self.before.wanted = Some(params.thread_id.clone());
                // It may be the one that was left.
                self.before.left.take_if(|left| left.starts_with(&params.thread_id));
                self.ask_tail(&params.thread_id);
                self.call(ClientRequest::ThreadResume(params), Purpose::Open);
            }
            Opening::Last { params, of } => {
                self.setup.resume = params;
                let list = ThreadListParams { limit: Some(1), cwd: of, ..ThreadListParams::default() };
                self.call(ClientRequest::ThreadList(list), Purpose::Newest);
            }
            Opening::Pick { params, all } => {
                self.setup.resume = params;
                self.fetch(Fetch::Sessions { all });
            }
            Opening::Fork(params) => self.call(ClientRequest::ThreadFork(*params), Purpose::Fork { prompt: None }),
            Opening::ForkLast { params, of } => {
                let list = ThreadListParams { limit: Some(1), cwd: of, ..ThreadListParams::default() };
                self.call(ClientRequest::ThreadList(list), Purpose::ForkNewest(params));
            }
            Opening::ForkPick { all } => self.fetch(Fetch::SessionsToFork { all }),
        }
    }

    pub(super) fn call(&mut self, request: ClientRequest, purpose: Purpose) {
        self.effects.push(Effect::Call(Box::new(request), purpose));
    }

    /// Says something quietly, in the transcript.
    pub(super) fn say(&mut self, text: &str) {
        let style = self.setup.look.style(Role::Quiet);
        self.feed.notice(text.lines().map(|line| Row::new(&format!("  {line}"), style)).collect());
    }

    /// Says what went wrong, in the transcript.
    pub(super) fn complain(&mut self, text: &str) {
        self.feed.notice(transcript::complaint(text, &self.setup.look));
    }

    pub(super) fn thread_id(&self) -> Option<String> {
        self.session.as_ref().map(super::Session::id)
    }

    fn say_draft(&mut self, draft: Draft) {
        self.queue.release();
        // A command may run others first: it waits, as what is run by hand does.
        if !matches!(self.typed(&draft.text), Typed::Message) {
            self.queue.push(draft);
            return self.say_next();
        }
        let input = match self.input_of(&draft) {
            Ok(input) => input,
            Err(why) => return self.not_said(draft, &why),
        };
        let running = self.session.as_mut().and_then(|session| session.turn.as_mut());
        match running {
            Some(turn) if !turn.stopping && !turn.id.is_empty() => {
                turn.unread.push(draft.text.clone());
                let expected_turn_id = turn.id.clone();
                let params =
                    TurnSteerParams { thread_id: self.thread_id().unwrap_or_default(), expected_turn_id, input };
                self.call(ClientRequest::TurnSteer(params), Purpose::Steer(draft));
            }
            _ => {
                self.queue.push(draft);
                self.say_next();
            }
        }
    }

    /// What is said, as it goes to where the session is.
    fn input_of(&self, draft: &Draft) -> Result<Vec<UserInput>, String> {
        match self.setup.whereabouts.machine {
            None => Ok(draft.clone().input()),
            Some(_) => draft.clone().input_for_elsewhere(),
        }
        .map(|input| self.with_command(&draft.text, input))
    }

    /// Says what waits, if nothing runs.
    pub(super) fn say_next(&mut self) {
        if self.before.is_branching || self.before.tail.is_awaited() {
            return;
        }
        if self.session.as_ref().is_none_or(|session| session.turn.is_some()) {
            return;
        }
        let Some(draft) = self.queue.next() else { return };
        if let Some(command) = shell_command(&draft) {
            return self.shell(command);
        }
        if self.is_no_message(&draft) {
            return;
        }
        let input = match self.input_of(&draft) {
            Ok(input) => input,
            Err(why) => return self.not_said(draft, &why),
        };
        let Some(session) = &mut self.session else { return };
        session.turn = Some(Running::begun(Instant::now()));
        // What was chosen just before holds, whichever the server hears of first.
        let mode = Some(CollaborationMode::only(session.mode));
        let change = SettingsChange { collaboration_mode: mode, ..SettingsChange::default() };
        let thread_id = session.id();
        let params = TurnStartParams { thread_id, input, change, ..TurnStartParams::default() };
        self.call(ClientRequest::TurnStart(params), Purpose::Say(draft));
    }

    pub(super) fn interrupt(&mut self) {
        let Some(session) = &mut self.session else { return };
        let thread_id = session.id();
        let Some(turn) = &mut session.turn else { return };
        turn.stopping = true;
        let params = TurnInterruptParams { thread_id, turn_id: turn.id.clone() };
        // It may have ended in the meantime.
        self.call(ClientRequest::TurnInterrupt(params), Purpose::Quietly);
    }

    /// As a shell does it: what runs is stopped, and where nothing runs, or does not stop, the program ends.
    pub(super) fn interrupted(&mut self) {
        let turn = self.session.as_ref().and_then(|session| session.turn.as_ref());
        match turn {
            Some(turn) if !turn.stopping => self.interrupt(),
            _ => self.effects.push(Effect::Quit),
        }
    }

    /// Lets go of the session; what was said and not sent stays.
    pub(super) fn leave_thread(&mut self) {
        let Some(session) = self.session.take() else { return };
        let params = ThreadUnsubscribeParams { thread_id: session.id() };
        self.before.left = Some(params.thread_id.clone());
        self.feed.leave();
        self.call(ClientRequest::ThreadUnsubscribe(params), Purpose::Quietly);
        self.queue.hold();
    }

    fn new_thread(&mut self) {
        let before = self.thread_id();
        self.leave_thread();
        self.feed = transcript::Feed::new();
        self.focus.kept.clear();
        self.focus.scroll = 0;
        self.effects.push(Effect::Clear);
        if let Some(id) = before {
            self.say(&format!("the session before: codex --resume {id}"));
        }
        self.open(Opening::Start(self.setup.start.clone()));
    }

    /// Runs a command of the person's own, after what runs.
    fn shell(&mut self, command: String) {
        let draft = Draft { text: format!("!{command}"), pictures: Vec::new() };
        let Some(session) = self.session.as_mut().filter(|session| session.turn.is_none()) else {
            return self.queue.push(draft);
        };
        let thread_id = session.id();
        session.turn = Some(Running::begun(Instant::now()));
        let params = ThreadShellCommandParams { thread_id, command, timeout_ms: None };
        self.call(ClientRequest::ThreadShellCommand(params), Purpose::Say(draft));
    }

    /// Asks for the transcript's items, from a place on that an earlier answer named.
    fn items(&mut self, cursor: Option<String>, purpose: Purpose) {
        let Some(thread_id) = self.thread_id() else { return self.complain("the session is not open yet") };
        self.items_of(thread_id, cursor, purpose);
    }

    fn items_of(&mut self, thread_id: String, cursor: Option<String>, purpose: Purpose) {
        let params = ThreadItemsListParams {
            thread_id,
            cursor,
            limit: Some(PAGE),
            // The newest are looked at first.
            sort_direction: Some(SortDirection::Desc),
            ..ThreadItemsListParams::default()
        };
        self.call(ClientRequest::ThreadItemsList(params), purpose);
    }

    fn fetch(&mut self, fetch: Fetch) {
        if matches!(fetch, Fetch::Files(_)) && self.session.is_none() {
            // It is asked for when the session has opened.
            return;
        }
        if let Fetch::Sessions { all } = fetch {
            let cwd = if all { None } else { self.setup.start.cwd.clone() };
            let params = ThreadListParams { limit: Some(500), cwd, ..ThreadListParams::default() };
            return self.call(ClientRequest::ThreadList(params), Purpose::Pick { all });
        }
        if let Fetch::SessionsToFork { all } = fetch {
            return self.sessions_to_fork(all);
        }
        if let Fetch::Said { term, all } = fetch {
            return self.search_said(term, all);
        }
        let Some(thread_id) = self.thread_id() else { return self.complain("the session is not open yet") };
        match fetch {
            Fetch::Sessions { .. } | Fetch::SessionsToFork { .. } | Fetch::Said { .. } => {}
            Fetch::Diff => {
                let params = ThreadDiffParams { thread_id, turn_id: None };
                self.call(ClientRequest::ThreadDiff(params), Purpose::Diff);
            }
            Fetch::ForkPoints => self.items(None, Purpose::ForkPoints),
            Fetch::Models => {
                let params = ModelListParams { cwd: self.setup.start.cwd.clone(), ..ModelListParams::default() };
                self.call(ClientRequest::ModelList(params), Purpose::Models);
            }
            Fetch::Permissions => self.read_permissions(thread_id, Purpose::Permissions),
            Fetch::Rules => self.read_permissions(thread_id, Purpose::Rules),
            Fetch::Context => {
                let params = ThreadReadParams { thread_id };
                self.call(ClientRequest::ThreadContextRead(params), Purpose::Context);
            }
            Fetch::Cost => {
                self.call(ClientRequest::ThreadUsageRead(ThreadUsageReadParams { thread_id }), Purpose::Cost)
            }
            Fetch::Hooks => {
                let params = HooksListParams { thread_id: Some(thread_id), ..HooksListParams::default() };
                self.call(ClientRequest::HooksList(params), Purpose::Hooks);
            }
            Fetch::Status => self.read_permissions(thread_id, Purpose::Status),
            Fetch::McpServers => {
                let params = ListMcpServerStatusParams { thread_id: Some(thread_id), server_name: None };
                self.call(ClientRequest::McpServerStatusList(params), Purpose::McpServers(OfServers::Show));
            }
            Fetch::McpServer(name, action) => {
                let params = McpServerControlParams { thread_id, name, action };
                self.call(ClientRequest::McpServerControl(params), Purpose::McpServers(OfServers::Changed));
            }
            Fetch::McpLogin(name) => self.log_in(name),
            Fetch::McpPasted { login_id, text } => {
                let params = McpServerOauthPasteParams { login_id, text };
                self.call(ClientRequest::McpServerOauthPaste(params), Purpose::Do);
            }
            Fetch::Agents => self.call(ClientRequest::AgentsList(AgentListParams { thread_id }), Purpose::Agents),
            Fetch::Plugins => self.call(ClientRequest::PluginsList(PluginsListParams { thread_id }), Purpose::Plugins),
            Fetch::SetPlugin { id, enabled } => {
                let params = PluginSetParams { thread_id, id, enabled };
                self.call(ClientRequest::PluginsSet(params), Purpose::SetPlugin);
            }
            Fetch::Skills => self.ask_skills(Purpose::Skills),
            Fetch::SwitchSkill { name, enabled } => self.switch_skill(name, enabled),
            Fetch::AgentTranscript(thread_id) => self.items_of(thread_id, None, Purpose::Transcript),
            Fetch::StopAgent(thread_id) => {
                let params = TurnInterruptParams { thread_id, turn_id: String::new() };
                self.call(ClientRequest::TurnInterrupt(params), Purpose::Do);
            }
            Fetch::Terminals => {
                self.call(ClientRequest::TerminalsList(BackgroundTerminalsParams { thread_id }), Purpose::Terminals);
            }
            Fetch::StopTerminals(None) => {
                self.call(ClientRequest::TerminalsClean(BackgroundTerminalsParams { thread_id }), Purpose::Do);
            }
            Fetch::StopTerminals(Some(process_id)) => {
                let params = BackgroundTerminalTerminateParams { thread_id, process_id };
                self.call(ClientRequest::TerminalTerminate(params), Purpose::Do);
            }
            Fetch::Transcript => self.items(None, Purpose::Transcript),
            Fetch::Earlier(from) => self.items(Some(from), Purpose::Earlier),
            Fetch::Files(query) => {
                let roots = self.session.iter().map(|session| session.opened.cwd.clone()).collect();
                let (asked, partial) = (query.clone(), Some(true));
                let params = FuzzyFileSearchParams { query: asked, roots, partial, ..Default::default() };
                self.call(ClientRequest::FuzzyFileSearch(params), Purpose::Files(query));
            }
        }
    }

    fn read_permissions(&mut self, thread_id: String, purpose: Purpose) {
        self.call(ClientRequest::PermissionsRead(PermissionsReadParams { thread_id }), purpose);
    }

    fn change(&mut self, change: Change) {
        if let Some(name) = &change.theme {
            self.theme(name);
        }
        if let Some(on) = change.vim {
            self.composer.set_vim(on);
        }
        let own = Change { theme: change.theme.clone(), vim: change.vim, ..Change::default() };
        if change != own {
            self.change_session(change);
        }
    }

    pub(super) fn change_session(&mut self, change: Change) {
        let Some(thread_id) = self.thread_id() else { return self.complain("the session is not open yet") };
        let Change { model, effort, sandbox, approval, plans, diagnostics, .. } = change;
        let mode = plans.map(|plans| self.enter_mode(plans));
        let change = SettingsChange {
            model,
            effort,
            sandbox,
            approval_policy: approval,
            collaboration_mode: mode.map(CollaborationMode::only),
            diagnostics,
            ..SettingsChange::default()
        };
        self.call(ClientRequest::ThreadSettingsUpdate(ThreadSettingsUpdateParams { thread_id, change }), Purpose::Do);
    }
}

/// The command that a draft is, if it begins with `!`.
pub(super) fn shell_command(draft: &Draft) -> Option<String> {
    let command = draft.text.strip_prefix('!')?.trim();
    (!command.is_empty() && draft.pictures.is_empty()).then(|| command.to_owned())
}
