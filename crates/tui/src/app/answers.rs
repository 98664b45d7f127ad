//! What the server answers.

use std::time::Instant;

use codex_protocol::{
    ClientResponse, CommandListResult, ErrorKind, RpcError, ThreadItem, ThreadItemEntry, ThreadOpened,
    ThreadResumeParams,
};

use super::{App, Opening, Purpose, Session, servers::OfServers, skills};
use crate::{
    cost_page, hooks_page,
    intent::{Draft, Fetch, Intent},
    overlays, status_line, status_page,
    text::Row,
    theme::Role,
    transcript,
};

impl App {
    pub(super) fn answered(&mut self, purpose: Purpose, result: Result<ClientResponse, RpcError>, now: Instant) {
        match result {
            Ok(response) => self.succeeded(purpose, response, now),
            Err(error) => self.failed(purpose, &error),
        }
    }

    fn succeeded(&mut self, purpose: Purpose, response: ClientResponse, now: Instant) {
        match (purpose, response) {
            (_, ClientResponse::ThreadStart(opened)) => self.opened(opened, now, false),
            (_, ClientResponse::ThreadResume(opened)) => self.opened(opened, now, true),
            (Purpose::Newest, ClientResponse::ThreadList(list)) => match list.data.into_iter().next() {
                Some(newest) => {
                    self.open(Opening::Resume(ThreadResumeParams { thread_id: newest.id, ..self.setup.resume.clone() }))
                }
                None => {
                    self.complain("there is no earlier session here; this is a new one");
                    self.open(Opening::Start(self.setup.start.clone()));
                }
            },
            (Purpose::Pick { all }, ClientResponse::ThreadList(list)) => {
                self.before.is_opening = false;
                self.lay(overlays::sessions(list.data, all));
            }
            (Purpose::Fork { prompt }, ClientResponse::ThreadFork(opened)) => self.forked(opened, prompt, now),
            (Purpose::ForkNewest(params), ClientResponse::ThreadList(list)) => self.fork_newest(*params, list.data),
            (Purpose::ForkPick { all }, ClientResponse::ThreadList(list)) => {
                self.before.is_opening = false;
                self.lay(overlays::fork::sessions(list.data, all));
            }
            (Purpose::Diff, ClientResponse::ThreadDiff(diff)) => match overlays::diff::page(diff, &self.setup.look) {
                Some(page) => self.lay(page),
                None => self.say("the agent has changed nothing in this session"),
            },
            (Purpose::ForkPoints, ClientResponse::ThreadItemsList(list)) => {
                self.lay(overlays::fork::points(&list.data, list.next_cursor.is_some()));
            }
            (
                purpose @ (Purpose::Rewinds
                | Purpose::Undo
                | Purpose::RewindPreview(_)
                | Purpose::Rewind
                | Purpose::Redo),
                response,
            ) => self.gone_back(purpose, response),
            (Purpose::Said(term), ClientResponse::ThreadSearch(mut found)) => {
                self.overlays.iter_mut().for_each(|overlay| overlay.said(&term, &mut found.data));
            }
            (Purpose::Manage(done), _) => self.managed(&done),
            (Purpose::Tail(of), ClientResponse::ThreadItemsList(list)) => self.tail_came(&of, list.data),
            (Purpose::Transcript, ClientResponse::ThreadItemsList(list)) => {
                self.lay(overlays::transcript(self.oldest_first(list.data), list.next_cursor));
            }
            (Purpose::Earlier, ClientResponse::ThreadItemsList(list)) => {
                let (mut items, mut cursor) = (self.oldest_first(list.data), list.next_cursor);
                self.overlays.iter_mut().for_each(|overlay| overlay.earlier(&mut items, &mut cursor));
            }
            (Purpose::Export(export), ClientResponse::ThreadItemsList(list)) => self.exported(export, list),
            (Purpose::Models, ClientResponse::ModelList(list)) => {
                let current = self.session.as_ref().map(|session| session.opened.model.clone());
                self.lay(overlays::models(list.data, current.as_deref().unwrap_or_default()));
            }
            (Purpose::Permissions, ClientResponse::PermissionsRead(permissions)) => {
                self.lay(overlays::permissions(&permissions, &self.setup.look));
            }
            (Purpose::Rules, ClientResponse::PermissionsRead(permissions)) => {
                self.lay(overlays::remembered(permissions));
            }
            (Purpose::Forget(rule), _) => {
                self.say(&format!("forgotten, here and later: {rule}"));
                self.intend(Intent::Fetch(Fetch::Permissions));
            }
            (Purpose::Branch, ClientResponse::ThreadRead(read)) => {
                if let Some(session) = &mut self.session {
                    session.opened.thread.git_info = read.thread.git_info;
                }
            }
            (Purpose::Status, ClientResponse::PermissionsRead(permissions)) => {
                if let Some(session) = &self.session {
                    self.lay(status_page::page(session, &permissions, now, &self.setup.look));
                }
            }
            (Purpose::McpServers(asked), response) => self.of_servers(asked, response),
            (Purpose::Agents, ClientResponse::AgentsList(list)) => self.lay(overlays::agents(list.data)),
            (Purpose::Plugins, ClientResponse::PluginsList(list)) => self.lay(overlays::plugins(list.data)),
            (Purpose::SetPlugin, _) => self.intend(Intent::Fetch(Fetch::Plugins)),
            (Purpose::Context, ClientResponse::ThreadContextRead(context)) => {
                self.lay(status_page::context_page(&context, &self.setup.look));
            }
            (Purpose::Cost, ClientResponse::ThreadUsageRead(usage)) => {
                self.lay(cost_page::page(&usage, &self.setup.look));
            }
            (Purpose::Hooks, ClientResponse::HooksList(listed)) => {
                self.lay(hooks_page::page(&listed, &self.setup.look));
            }
            (Purpose::Terminals, ClientResponse::TerminalsList(list)) => {
                self.lay(overlays::terminals(list.data));
            }
            (Purpose::OwnCommands, ClientResponse::CommandList(found)) => self.own_commands_came(found),
            (Purpose::Skills, ClientResponse::SkillsList(found)) => self.lay(skills::page(&found, &self.setup.look)),
            (Purpose::SkillNames, ClientResponse::SkillsList(found)) => self.skills_came(found),
            (Purpose::SwitchSkill { name, enabled }, _) => self.skill_switched(&name, enabled),
            (Purpose::Files(query), ClientResponse::FuzzyFileSearch(found)) => self.found_files(&query, found),
            (Purpose::Answer(id), _) => self.questions.remove(id),
            (Purpose::UndoCompaction, _) => self.say("the summary is undone: the conversation is whole again"),
            // That a turn has begun is told.
            _ => {}
        }
    }

    fn failed(&mut self, purpose: Purpose, error: &RpcError) {
        match purpose {
            Purpose::Quietly | Purpose::SkillNames | Purpose::Files(_) | Purpose::Branch => {}
            Purpose::McpServers(OfServers::Again) => self.servers_came(&[]),
            // As if there were none.
            Purpose::OwnCommands => self.own_commands_came(CommandListResult::default()),
            Purpose::Say(draft) => {
                self.not_begun();
                self.not_said(draft, &error.message);
            }
            Purpose::Tail(of) => {
                // If it is not open, that says why.
                if self.before.tail.is_awaited() {
                    self.complain(&error.message);
                }
                self.tail_came(&of, Vec::new());
            }
            Purpose::Compact => {
                self.not_begun();
                self.complain(&error.message);
                self.say_next();
            }
            Purpose::Approve(plan) => self.not_approved(plan, &error.message),
            Purpose::Steer(draft) => {
                if let Some(session) = &mut self.session {
                    session.not_unread(&draft.clone().input());
                }
                // The turn may have ended just before: then this begins the next one.
                let ended = error.message.contains("no active turn") || error.message.contains("expected active turn");
                if ended {
                    self.queue.put_back(draft);
                    self.say_next();
                } else {
                    self.not_said(draft, &error.message);
                }
            }
            Purpose::Agent(task) => {
                self.complain(&error.message);
                if self.composer.is_empty() {
                    self.composer.set(Draft { text: format!("/agent {task}"), pictures: Vec::new() });
                }
            }
            Purpose::Answer(id) => {
                self.complain(&error.message);
                if error.data == Some(ErrorKind::NotFound) {
                    self.questions.remove(id);
                } else {
                    self.questions.put_again(id);
                }
            }
            Purpose::Open if error.data == Some(ErrorKind::OpenElsewhere) => {
                self.before.is_opening = false;
                self.open_elsewhere(&error.message);
            }
            Purpose::Open
            | Purpose::Newest
            | Purpose::Pick { .. }
            | Purpose::Fork { .. }
            | Purpose::ForkNewest(_)
            | Purpose::ForkPick { .. } => {
                (self.before.is_opening, self.before.is_branching) = (false, false);
                self.complain(&error.message);
                self.say_next();
            }
            _ => self.complain(&error.message),
        }
    }

    /// A turn that has not begun by now never will.
    fn not_begun(&mut self) {
        if let Some(session) = &mut self.session {
            session.turn.take_if(|turn| turn.id.is_empty());
        }
    }

    /// Nothing that was said is lost: it waits until the person has seen why.
    pub(super) fn not_said(&mut self, draft: Draft, why: &str) {
        self.complain(why);
        self.queue.put_back(draft);
        self.queue.hold();
    }

    pub(super) fn opened(&mut self, opened: ThreadOpened, now: Instant, resumed: bool) {
        let header = self.header(&opened);
        self.feed.set_directory(&opened.cwd);
        self.setup.start.cwd = Some(opened.cwd.clone());
        let (usage, cost) = (std::mem::take(&mut self.before.usage), std::mem::take(&mut self.before.cost));
        self.session = Some(Session { said: resumed, usage, cost, ..Session::new(opened, now) });
        match resumed {
            true => self.begin_below_tail(header),
            false => self.begin(header),
        }
    }

    fn directory(&self) -> &str {
        self.session.as_ref().map(|session| session.opened.cwd.as_str()).unwrap_or_default()
    }

    /// What is said of a session when it opens.
    fn header(&self, opened: &ThreadOpened) -> Vec<Row> {
        let look = &self.setup.look;
        let version = env!("CARGO_PKG_VERSION");
        let quiet = look.style(Role::Quiet);
        let held = if opened.held_by.is_empty() { String::new() } else { format!(" ({})", opened.held_by) };
        let directory = status_line::directory(&opened.cwd, &self.setup.whereabouts);
        let first = Row::new(&format!("codex {version}"), look.style(Role::Strong))
            .with(&format!(" · {} ({})", opened.model, opened.model_provider), quiet);
        let walls = format!(
            "sandbox {}{held} · approval {}",
            status_line::level(opened),
            status_line::approval(opened.approval_policy)
        );
        let mut rows = vec![first, Row::new(&directory, look.style(Role::Path)), Row::new(&walls, quiet)];
        let called = opened.thread.name.as_ref().unwrap_or(&opened.thread.preview);
        if !called.is_empty() {
            rows.push(Row::new(&format!("going on with: {called}"), quiet));
        }
        rows.iter().flat_map(|row| crate::text::wrap(row, look.width, &Row::plain("  "))).collect()
    }

    /// The items of a page whose newest came first.
    fn oldest_first(&self, page: Vec<ThreadItemEntry>) -> Vec<ThreadItem> {
        page.into_iter().rev().map(|entry| transcript::seen_from(self.directory(), entry.item)).collect()
    }
}
