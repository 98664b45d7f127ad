//! What the model can do: one file each, its words for the model in a `.md` beside it.
//!
//! A tool reads its arguments, declares what it will touch, and does it inside the walls it is given. It never asks
//! permission and never sees the thread.

mod apply_patch;
pub mod arguments;
mod encoding;
mod exec_command;
mod file_index;
mod git_read;
mod ignored;
mod list_dir;
mod manage_processes;
mod output;
mod plain_call;
mod processes;
mod propose_plan;
mod read_file;
mod request_user_input;
mod search_files;
mod small;
#[cfg(test)]
mod testing;
mod tool;
mod update_plan;
mod view_image;
mod walk;
mod web;
mod web_fetch;
mod web_search;
mod write_stdin;

use std::sync::Arc;

#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub use apply_patch::fuzzing::check_patch;
pub use apply_patch::{DescribedChange, DescribedFile, DescribedPatch, described_patch};
pub use exec_command::{command_to_its_end, user_command};
pub use file_index::{FileIndex, Names, Wanted};
pub use output::cut;
pub use processes::{EndedProcess, LiveOutput, ProcessInfo, Processes, TerminalSize};
pub use small::small;
pub use tool::{
    Asking, Deciding, Effect, ForUser, Outcome, Permission, Person, Prepared, Tool, ToolContext, ToolError, Work,
};
pub use web::{Backend, BackendKind, Searcher, WEB_TOOLS, search_spec, web};
pub use web_fetch::page;

/// All built-in tools, sorted by name.
pub fn all() -> Vec<Arc<dyn Tool>> {
    vec![
        Arc::new(apply_patch::ApplyPatch),
        Arc::new(exec_command::ExecCommand),
        Arc::new(git_read::GitRead),
        Arc::new(list_dir::ListDir),
        Arc::new(manage_processes::ManageProcesses),
        Arc::new(propose_plan::ProposePlan),
        Arc::new(read_file::ReadFile),
        Arc::new(request_user_input::RequestUserInput),
        Arc::new(search_files::SearchFiles),
        Arc::new(update_plan::UpdatePlan),
        Arc::new(view_image::ViewImage),
        Arc::new(write_stdin::WriteStdin),
    ]
}

#[cfg(test)]
mod tests {
    use codex_history::ToolInput;

    use super::*;

    /// What is only read over is something that the model believes to have said.
    #[test]
    fn none_reads_over_an_argument_that_it_does_not_know() {
        let scene = testing::context();
        for tool in all() {
            let Err(told) = tool.prepare(&testing::json(r#"{"revision":"HEAD~3"}"#), &scene.context) else {
                panic!("{} takes it", tool.name());
            };
            assert!(told.0.starts_with("there is no argument `revision`: it takes `"), "{}: {told}", tool.name());
        }
    }

    #[test]
    fn what_the_model_reads_is_sorted_short_and_stable() {
        let specs: Vec<_> = all().iter().map(|tool| tool.spec()).collect();
        assert!(specs.is_sorted_by_key(|spec| spec.name.clone()));
        assert!(all().iter().zip(&specs).all(|(tool, spec)| tool.name() == spec.name));
        let sizes = specs.iter().map(|spec| match &spec.input {
            ToolInput::Json { schema } => spec.description.len() + schema.to_string().len(),
            ToolInput::Freeform { lark_grammar } => spec.description.len() + lark_grammar.len(),
            ToolInput::WebSearch { .. } => spec.description.len(),
        });
        let total: usize = sizes.sum();
        assert!(total < 9 << 10, "{total} bytes of descriptions and schemas");
        assert_eq!(specs, all().iter().map(|tool| tool.spec()).collect::<Vec<_>>());
    }
}
