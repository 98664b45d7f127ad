//! The table of commands, sorted by name.

use super::{Command, Completes, Wants, When, run};

const fn command(name: &'static str, about: &'static str, wants: Wants) -> Command {
    Command {
        name,
        aliases: &[],
        arguments: "",
        completes: Completes::Nothing,
        about,
        when: When::Always,
        headless: "",
        wants,
    }
}

/// One that a later version has.
const fn later(name: &'static str, about: &'static str, missing: &'static str) -> Command {
    Command { when: When::NotYet(missing), ..command(name, about, run::nothing) }
}

const AFRESH: &str = "each `codex exec` without `resume` starts afresh";

const REWIND: &str = "use `codex rewind`";

/// All commands.
pub const COMMANDS: &[Command] = &[
    Command {
        arguments: "[NAME:] TASK",
        ..command("agent", "Let a sub-agent do a task beside this one; NAME: one of `.codex/agents`", run::agent)
    },
    command("agents", "Sub-agents: how they stand, what they did; stop one, take its changes", run::agents),
    Command {
        aliases: &["new"],
        when: When::BetweenTurns,
        headless: AFRESH,
        ..command("clear", "Begin a new session; the one until now can be resumed", run::clear)
    },
    Command {
        arguments: "[FOCUS|undo]",
        when: When::BetweenTurns,
        headless: "it happens by itself when the conversation comes near the model's limit",
        ..command("compact", "Sum up the conversation, so that there is room again", run::compact)
    },
    command("context", "What the context is filled with", run::context),
    Command {
        headless: "use `codex exec resume ID`",
        ..command(
            "continue",
            "Go on with a turn that was cut off; ask now, where one waits to ask the model again",
            run::again,
        )
    },
    Command {
        arguments: "[code]",
        headless: "use `--output-last-message FILE`",
        ..command("copy", "Copy the last answer, or the last code in it, to the clipboard", run::copy)
    },
    Command {
        headless: "each run says its tokens and their price on stderr",
        ..command("cost", "What the session has cost, by model, sub-agents included", run::cost)
    },
    Command {
        arguments: "on|off",
        completes: Completes::Switch,
        when: When::BetweenTurns,
        headless: "use `-c diagnostics=false`",
        ..command(
            "diagnostics",
            "Whether the model is told what linters and language servers find, in this session",
            run::diagnostics,
        )
    },
    Command {
        headless: "use `codex diff`",
        ..command("diff", "All that the agent has changed in this session", run::diff)
    },
    later("experimental", "Switch features that are being tried", "this version has no feature that is being tried"),
    Command {
        arguments: "[FILE]",
        ..command(
            "export",
            "Write the transcript to a file: Markdown, or a page for a browser if it ends in .html",
            run::export,
        )
    },
    Command {
        arguments: "[now]",
        when: When::BetweenTurns,
        headless: "use `codex exec fork ID \"PROMPT\"`",
        ..command("fork", "Branch the conversation, now or before something that was said", run::branch)
    },
    Command {
        aliases: &["?"],
        arguments: "[COMMAND]",
        completes: Completes::Commands,
        headless: "use `codex help`",
        ..command("help", "Commands and keys", run::help)
    },
    command("hooks", "Programs that are started at steps of the session, and where they are from", run::hooks),
    Command {
        arguments: "[agents]",
        headless: "use `codex init`",
        ..command(
            "init",
            "Make the file of settings for this project, if there is none; `agents` has AGENTS.md written",
            run::init,
        )
    },
    Command {
        headless: "use `codex mcp list`",
        ..command(
            "mcp",
            "MCP servers: how they stand, their tools and errors; log in, switch one on or off, start it again",
            run::mcp,
        )
    },
    Command {
        arguments: "[NAME [EFFORT]]",
        headless: "use `--model MODEL`",
        ..command("model", "Which model answers, and how long it thinks", run::model)
    },
    Command {
        aliases: &["approvals"],
        arguments: "[MODE]",
        completes: Completes::Modes,
        headless: "use `codex permissions list`; `codex sandbox -- COMMAND` runs a command behind the same walls",
        ..command("permissions", "What the agent may do, by which rules, and what was decided", run::permissions)
    },
    Command {
        arguments: "[PROMPT|off]",
        headless: "use `codex exec --plan`",
        ..command("plan", "Plan first, change nothing; then you decide about the plan", run::plan)
    },
    Command {
        headless: "use `codex plugin list`",
        ..command("plugins", "Plugins that are kept and what each adds; switch one on or off", run::plugins)
    },
    command("ps", "Commands that run on", run::ps),
    Command { aliases: &["exit", "q"], ..command("quit", "Leave; the session can be resumed", run::quit) },
    Command {
        when: When::BetweenTurns,
        headless: REWIND,
        ..command("redo", "Take back the last /rewind or /undo", run::redo)
    },
    Command {
        arguments: "NAME",
        headless: "use `codex sessions rename ID NAME`",
        ..command("rename", "Give the session a name; `-` takes it away", run::rename)
    },
    Command {
        arguments: "[ID|NAME|all]",
        when: When::BetweenTurns,
        headless: "use `codex exec resume ID` or `codex exec resume --last`",
        ..command("resume", "Go on with an earlier session", run::resume)
    },
    Command {
        arguments: "[WHAT]",
        when: When::BetweenTurns,
        headless: "use `codex review`",
        ..command("review", "Have changes and failing tests looked at; nothing is changed", run::review)
    },
    Command {
        when: When::BetweenTurns,
        headless: REWIND,
        ..command("rewind", "Go back to an earlier prompt: the conversation, the agent's files, or both", run::rewind)
    },
    Command {
        arguments: "[on|off NAME]",
        ..command("skills", "Skills: what there is, where from, what is wrong; take one out of use", run::skills)
    },
    Command {
        headless: "each run says its model, directory and session on stderr; `-v` says more",
        ..command("status", "Model, context, tokens, directory, session, sandbox", run::status)
    },
    Command {
        arguments: "[ID]",
        ..command("stop", "End a command that runs on; all of them without an id", run::stop)
    },
    Command { arguments: "[NAME]", completes: Completes::Themes, ..command("theme", "Colours", run::theme) },
    Command {
        when: When::BetweenTurns,
        headless: REWIND,
        ..command("undo", "Take back what the last turn did to files", run::undo)
    },
    Command {
        arguments: "[on|off]",
        completes: Completes::Switch,
        ..command("vim", "Keys of vi in the composer", run::vim)
    },
];
