//! What is to be done outside of the state.

use codex_protocol::{ClientRequest, ThreadForkParams};

use super::Proposed;
use crate::intent::{Draft, Manage};

/// What is to be done.
#[derive(Debug, PartialEq)]
pub enum Effect {
    /// Ask the server.
    Call(Box<ClientRequest>, Purpose),
    /// Give the terminal back to the shell until it is brought to the foreground.
    Suspend,
    /// Let the person's editor have the text.
    Edit(String),
    /// Take the picture that is in the clipboard.
    TakePicture,
    /// Open this address in the person's browser.
    Browse {
        /// The address.
        address: String,
        /// Whether it is shown anyway, and nothing needs to be said of it.
        is_shown: bool,
    },
    /// Send this to the terminal: a bell, a notification, the clipboard.
    Send(Vec<u8>),
    /// Clear the visible screen.
    Clear,
    /// Ask the terminal which background it has, and draw all of the live area again.
    AskBackground,
    /// Draw all of the live area again.
    Redraw,
    /// Keep a setting in the user's configuration: dotted path, TOML value.
    Keep(String, String),
    /// Keep this for the next time, since it was not sent.
    KeepDraft(Draft),
    /// Write a file; relative to the session's directory.
    Write {
        /// Where; a usual name without.
        path: Option<String>,
        /// What.
        text: String,
    },
    /// Make the project's file of settings.
    Init,
    /// Leave.
    Quit,
}

/// What a request was for, where its answer does not say.
#[derive(Debug, Clone, PartialEq)]
pub enum Purpose {
    /// To have a session.
    Open,
    /// To find the newest session.
    Newest,
    /// To let a person choose among sessions: of all directories or of this.
    Pick {
        /// Of all directories.
        all: bool,
    },
    /// To branch a session, with this in the composer afterwards.
    Fork {
        /// What was said where it branches.
        prompt: Option<String>,
    },
    /// To find the newest session, and branch it so.
    ForkNewest(Box<ThreadForkParams>),
    /// To let a person choose the session that is branched: of all directories or of this.
    ForkPick {
        /// Of all directories.
        all: bool,
    },
    /// To show all that the agent changed.
    Diff,
    /// To let a person choose where the session branches.
    ForkPoints,
    /// To begin a turn with this, or to run the command that it is; it is not lost if that cannot be.
    Say(Draft),
    /// To sum the conversation up.
    Compact,
    /// To bring back what the newest summary stands for.
    UndoCompaction,
    /// To have this plan carried out; it is not lost if that cannot be.
    Approve(Proposed),
    /// To say this in the turn that runs; it is not lost if that has ended.
    Steer(Draft),
    /// To answer this question.
    Answer(u64),
    /// To choose a model.
    Models,
    /// To show what may be done.
    Permissions,
    /// To show how the session stands.
    Status,
    /// To show what the context is filled with.
    Context,
    /// To show what the session has cost.
    Cost,
    /// To show the hooks.
    Hooks,
    /// To show the commands that run on.
    Terminals,
    /// About the servers of tools.
    McpServers(super::servers::OfServers),
    /// To show the sub-agents.
    Agents,
    /// To show the plugins.
    Plugins,
    /// To have switched one of them.
    SetPlugin,
    /// To have a sub-agent work on this; it is not lost if that cannot be.
    Agent(String),
    /// To know the branch, which the turn may have changed.
    Branch,
    /// To choose among the rules that are remembered.
    Rules,
    /// To do this to a session.
    Manage(Manage),
    /// To find the sessions in which this was said.
    Said(String),
    /// To forget this rule.
    Forget(String),
    /// To choose a prompt to go back to.
    Rewinds,
    /// To show what going back before this turn would do.
    RewindPreview(codex_protocol::RewindTurn),
    /// To go back.
    Rewind,
    /// To go forth again.
    Redo,
    /// To take back the files of the last turn.
    Undo,
    /// To show what this session said last.
    Tail(String),
    /// To show the whole transcript.
    Transcript,
    /// To show more of it, from before.
    Earlier,
    /// To write the transcript to a file.
    Export(super::export::Export),
    /// To know the commands that are not built in.
    OwnCommands,
    /// To show the skills.
    Skills,
    /// To know the skills, for the composer.
    SkillNames,
    /// To take a skill out of use, or back into it.
    SwitchSkill {
        /// Its name.
        name: String,
        /// Whether it is to be used.
        enabled: bool,
    },
    /// To complete a file's name.
    Files(String),
    /// Nothing is to be shown of it, but for an error.
    Do,
    /// Nothing is to be shown of it at all.
    Quietly,
}
