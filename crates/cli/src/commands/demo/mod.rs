//! `codex demo`: the whole program at work on a small project, with no key and no network.
//!
//! Only the model's words are scripted: they are a cassette that is played. The loop, the tools, the policy, the sandbox and the
//! journal are the real ones, and whether it succeeded is read off the project's own test, not off what the model says.

use std::path::{Path, PathBuf};

use codex_client::View;
use codex_config::{Environment, variables};
use codex_protocol::{ApprovalPolicy, ThreadItem, ThreadStartParams};
use codex_server::Cassette;
use similar::TextDiff;

use crate::{
    args::{DemoArguments, SandboxLevel},
    commands::exec::connect_with,
    exec::{self, ExitStatus, Opening, PromptSource, Run, Shown},
    resolve,
    terminal::{Progress, Style},
};

const CASSETTE: &str = include_str!("demo.cassette");
const PROGRAM: &str = include_str!("project/sum.sh");
const TEST: &str = include_str!("project/test.sh");
const TASK: &str = "The tests of this project fail. Find out why, fix it, and run them again.";
const TEST_COMMAND: &str = "sh test.sh";
/// A sum that is not one: no fix makes this line of the test pass.
const SABOTAGE: (&str, &str) = ("check 6 1 2 3", "check 7 1 2 3");

/// Runs the demo.
///
/// # Errors
/// A sentence for the user when its directory cannot be made.
pub async fn run(arguments: DemoArguments, environment: Environment) -> Result<ExitStatus, String> {
    let progress = || Progress::new(arguments.color.unwrap_or_default(), &environment);
    let place = Place::make(arguments.keep.as_deref(), &environment)?;
    place.fill(arguments.sabotage)?;
    let say = progress();
    say.line(Style::Bold, "codex demo: a real project, loop, policy, sandbox and journal.");
    say.line(Style::Bold, "The model's replies are scripted: they are part of this program, no model is asked.\n");
    let run = Run {
        pictures: Vec::new(),
        opening: Opening::Start(params(&place, arguments.sandbox)?),
        prompt: PromptSource::typed(TASK),
        output_schema: None,
        review: None,
        plan: false,
        timeout: None,
        lets_go: false,
        shown: Shown { json: false, progress: progress(), last_message: None, verbose: false, hint: false },
    };
    let cassette = Cassette::of_text(CASSETTE)?;
    let connection = connect_with(environment.clone().with(variables::CODEX_HOME, &place.home), Some(cassette));
    let (status, view) = exec::run(run, connection).await;
    let status = if status == ExitStatus::Done { report(&say, &place, &view)? } else { status };
    if place.kept {
        say.line(
            Style::Dim,
            &format!("kept: {} (the project and, in home/sessions, the journal)", place.root.display()),
        );
    }
    Ok(status)
}

/// Where the demo happens.
struct Place {
    root: PathBuf,
    project: PathBuf,
    home: PathBuf,
    kept: bool,
    /// Removes the directory when it is dropped.
    _temporary: Option<tempfile::TempDir>,
}

impl Place {
    fn make(keep: Option<&Path>, environment: &Environment) -> Result<Self, String> {
        let (root, temporary) = match keep {
            Some(keep) => {
                let fail = |error| format!("--keep: cannot use {}: {error}", keep.display());
                std::fs::create_dir_all(keep).map_err(fail)?;
                if std::fs::read_dir(keep).map_err(fail)?.next().is_some() {
                    return Err(format!("--keep: {} is not empty", keep.display()));
                }
                (keep.canonicalize().map_err(fail)?, None)
            }
            None => {
                let parent = environment.temp_dir();
                let made = tempfile::Builder::new().prefix("codex-demo-").tempdir_in(&parent);
                let made = made.map_err(|error| format!("cannot make a directory in {}: {error}", parent.display()))?;
                (made.path().to_owned(), Some(made))
            }
        };
        let place = Self {
            project: root.join("project"),
            home: root.join("home"),
            root,
            kept: keep.is_some(),
            _temporary: temporary,
        };
        Ok(place)
    }

    fn fill(&self, sabotage: bool) -> Result<(), String> {
        let test = if sabotage { TEST.replace(SABOTAGE.0, SABOTAGE.1) } else { TEST.to_owned() };
        let files = [(self.program(), PROGRAM), (self.project.join("test.sh"), test.as_str())];
        for (path, text) in files {
            let directory = path.parent().unwrap_or(&self.root);
            std::fs::create_dir_all(directory)
                .and_then(|()| std::fs::write(&path, text))
                .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        }
        Ok(())
    }

    fn program(&self) -> PathBuf {
        self.project.join("sum.sh")
    }
}

fn params(place: &Place, sandbox: Option<SandboxLevel>) -> Result<ThreadStartParams, String> {
    Ok(ThreadStartParams {
        cwd: Some(resolve::directory("demo", &place.project)?.display().to_string()),
        sandbox: sandbox.map(resolve::sandbox_mode),
        approval_policy: Some(ApprovalPolicy::Never),
        ..ThreadStartParams::default()
    })
}

/// Shows what is on disk now and what the test said, and judges by that alone.
fn report(say: &Progress, place: &Place, view: &View) -> Result<ExitStatus, String> {
    let now = std::fs::read_to_string(place.program()).map_err(|error| format!("cannot read the project: {error}"))?;
    let changed = TextDiff::from_lines(PROGRAM, &now).unified_diff().header("a/sum.sh", "b/sum.sh").to_string();
    say.line(Style::Bold, "\nWhat is on disk now:");
    if changed.is_empty() {
        say.line(Style::Plain, "    nothing changed");
    }
    exec::diff(say, &changed);
    let last_test = view.items.iter().rev().find_map(|item| match item {
        ThreadItem::CommandExecution { command, exit_code, aggregated_output, .. } if command == TEST_COMMAND => {
            Some((*exit_code, aggregated_output.clone().unwrap_or_default()))
        }
        _ => None,
    });
    say.line(Style::Bold, "What the project's test said last:");
    let (passed, words) = match last_test {
        Some((Some(0), output)) => (true, output),
        Some((_, output)) => (false, output),
        None => (false, "it never ran".to_owned()),
    };
    words.trim_end().lines().for_each(|line| say.line(Style::Plain, &format!("    {line}")));
    if !passed || changed.is_empty() {
        say.line(Style::Red, "\nThe demo failed: the project's test does not pass.");
        return Ok(ExitStatus::Failed);
    }
    say.line(Style::Green, "\nThe demo passed. To go on with a real model:");
    say.line(Style::Plain, "    export OPENAI_API_KEY=…   then   codex exec \"explain this project\"");
    say.line(
        Style::Plain,
        "    or, with a server of models on this machine:   codex --oss exec \"explain this project\"",
    );
    Ok(ExitStatus::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sabotage_takes_hold() {
        assert_eq!(TEST.matches(SABOTAGE.0).count(), 1);
        assert!(Cassette::of_text(CASSETTE).is_ok());
    }
}
