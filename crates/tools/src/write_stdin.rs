//! `write_stdin`: types to a command that runs on, and reads what it has put out since.
//!
//! It must never wait for the command to read what was typed.

use std::{sync::Arc, time::Duration};

use codex_history::{Arguments, ToolInput, ToolSpec};
use codex_permissions::{Access, is_prompt};
use codex_sandbox::Confinement;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use crate::{
    Effect, Prepared, Tool, ToolContext, ToolError, arguments,
    exec_command::{MOST_YIELD, report, report_running},
    output,
    plain_call::{Answer, PlainCall},
    processes::{InputRefused, Kept, Processes},
};

/// How long a call waits after it has typed, in milliseconds.
const TYPED_YIELD: u64 = 1_000;

/// How long a call waits that types nothing, in milliseconds.
const LOOK_YIELD: u64 = 10_000;

/// Most that is typed at once, in bytes.
const MOST_CHARS: usize = 64 << 10;

#[derive(Deserialize, JsonSchema)]
#[schemars(description = "")]
struct Args {
    /// As exec_command returned it.
    session_id: u64,
    /// What to type; may be empty, to look only. `\u0003` is Ctrl-C, `\u0004` Ctrl-D.
    #[serde(default)]
    chars: String,
    /// Milliseconds to wait for its end; default 1000 after typing, else 10000; at most 300000.
    yield_time_ms: Option<u64>,
    /// As in exec_command.
    max_output_tokens: Option<u64>,
}

/// Types to commands.
#[derive(Debug)]
pub(crate) struct WriteStdin;

impl Tool for WriteStdin {
    fn name(&self) -> &str {
        "write_stdin"
    }

    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: self.name().to_owned().into(),
            description: include_str!("write_stdin.md").trim().to_owned(),
            input: ToolInput::Json { schema: arguments::schema::<Args>() },
        }
    }

    fn effect(&self) -> Effect {
        Effect::Runs
    }

    fn prepare(&self, arguments: &Arguments, context: &ToolContext) -> Result<Prepared, ToolError> {
        let args: Args = arguments::parse(arguments)?;
        if args.chars.len() > MOST_CHARS {
            let sentence = format!("`chars` has more than {MOST_CHARS} bytes: write a file instead. Nothing was typed");
            return Err(ToolError(sentence));
        }
        // What is typed to a shell is a command, so it is judged as one.
        let kept = context.processes.get(args.session_id);
        let command = judged(&kept.as_ref().map(|kept| kept.line()).unwrap_or_default(), &args.chars);
        let unconfined = |kept: &Arc<Kept>| kept.confinement == Confinement::Unconfined;
        let outside_sandbox = (command.is_some() && kept.as_ref().is_some_and(unconfined))
            .then(|| "it is typed to a command that runs outside the sandbox".to_owned());
        let typed = command.is_some() && kept.is_some_and(|kept| !is_prompt(&kept.shown.command));
        let access = Access { command, typed, outside_sandbox, ..Access::default() };
        let call = PlainCall::new(self.name(), arguments, context);
        let (processes, cancel) = (Arc::clone(&context.processes), context.cancel.clone());
        Ok(call.waiting(access, async move { look(args, &processes, &cancel).await }))
    }
}

/// What `chars` may be the end of, after the unfinished `line`: as commands, each way in which it may be read on a line
/// of its own. Nothing if they are control characters alone.
fn judged(line: &str, chars: &str) -> Option<String> {
    // Some control characters end a line or throw it away, others do nothing to it.
    let part = |c: char| if is_control(c) { '\n' } else { c };
    let text = plain(chars);
    if text.is_empty() {
        return None;
    }
    let parted: String = chars.replace('\r', "\n").chars().map(part).collect();
    let mut ways = vec![format!("{line}{text}")];
    for way in [text, parted.trim_start_matches('\n').to_owned()] {
        if !ways.contains(&way) {
            ways.push(way);
        }
    }
    Some(ways.join("\n"))
}

/// `chars` without control characters; what sends a line is a new line.
fn plain(chars: &str) -> String {
    chars.replace('\r', "\n").chars().filter(|c| !is_control(*c)).collect()
}

fn is_control(c: char) -> bool {
    c.is_control() && !matches!(c, '\n' | '\t')
}

async fn look(args: Args, processes: &Processes, cancel: &CancellationToken) -> Answer {
    let Args { session_id, chars, yield_time_ms, max_output_tokens } = args;
    let Some(kept) = processes.get(session_id) else {
        return Err(format!("There is no session ID {session_id}: no command runs on after its session has ended."));
    };
    let wait = yield_time_ms.unwrap_or(if chars.is_empty() { LOOK_YIELD } else { TYPED_YIELD }).min(MOST_YIELD);
    if !chars.is_empty() {
        let text = plain(&chars);
        match kept.running.input(chars.into_bytes()) {
            Ok(()) => kept.typed(&text),
            Err(refused) => {
                if let Some(sentence) = sentence(refused) {
                    return Err(sentence.to_owned());
                }
            }
        }
    }
    kept.running.wait(Duration::from_millis(wait), cancel).await;
    let (ended, text) = kept.running.look(output::model_bytes(max_output_tokens));
    Ok(match ended {
        Some(ended) => report(&ended, "Stopped", &text),
        None => report_running(session_id, kept.running.running_for(), &text),
    })
}

/// What is wrong; nothing if the command has ended, which the report says.
fn sentence(refused: InputRefused) -> Option<&'static str> {
    match refused {
        InputRefused::NoInput => Some(
            "This command was started without a terminal, so its stdin is empty. Nothing was typed. Start it again with `tty: true`.",
        ),
        InputRefused::Full => {
            Some("The command has not read what was typed before. Nothing was typed. Look again later, or stop it.")
        }
        InputRefused::Ended => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{answer, context, json};

    #[tokio::test]
    async fn a_session_that_is_not_there_is_said() {
        let answer = answer(&WriteStdin, r#"{"session_id":7}"#, &context()).await;
        assert!(answer.unwrap_err().contains("no session ID 7"));
    }

    #[test]
    fn what_is_typed_is_judged_as_a_command() {
        let scene = context();
        let access = |text: &str| WriteStdin.prepare(&json(text), &scene.context).unwrap().access;
        assert_eq!(access(r#"{"session_id":1,"chars":"rm x\n"}"#).command.as_deref(), Some("rm x\n"));
        assert_eq!(access(r#"{"session_id":1}"#), Access::default());
    }

    #[test]
    fn a_line_is_judged_from_its_beginning_and_without_control_characters() {
        let table = [
            ("", "ls\n", Some("ls\n")),
            ("", "ls\r", Some("ls\n")),
            ("r", "m -rf d\n", Some("rm -rf d\n\nm -rf d\n")),
            ("", "\u{3}", None),
            ("r", "\u{4}", None),
            ("y", "\u{3}rm x\n", Some("yrm x\n\nrm x\n")),
            ("", "r\u{0}m x\n", Some("rm x\n\nr\nm x\n")),
        ];
        for (line, chars, expected) in table {
            assert_eq!(judged(line, chars).as_deref(), expected, "{line:?} {chars:?}");
        }
    }

    #[test]
    fn too_much_is_refused_whole() {
        let call = serde_json::json!({ "session_id": 1, "chars": "x".repeat(MOST_CHARS + 1) }).to_string();
        let error = WriteStdin.prepare(&json(&call), &context().context).unwrap_err();
        assert!(error.0.contains("`chars`"), "{error}");
    }
}
