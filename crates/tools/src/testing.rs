//! What the tests of several tools share. Starts no processes.

use std::{path::Path, sync::Arc};

use codex_history::Arguments;
use codex_protocol::{DynamicToolCallOutput, DynamicToolCallStatus, ThreadItem};
use codex_sandbox::{Confinement, Sandbox};
use codex_workspace::{Roots, protected_paths};

use crate::{ForUser, Tool, ToolContext, plain_call::Answer};

/// A workspace `w` with an empty directory `sub`, beside it an empty directory `temp`, the session's own.
pub(crate) struct Scene {
    pub(crate) context: ToolContext,
    pub(crate) directory: tempfile::TempDir,
}

impl Scene {
    pub(crate) fn workspace(&self) -> &Path {
        &self.context.roots.workspace
    }
}

pub(crate) fn context() -> Scene {
    let directory = tempfile::tempdir().unwrap();
    let base = directory.path().canonicalize().unwrap();
    let workspace = base.join("w");
    std::fs::create_dir_all(workspace.join("sub")).unwrap();
    std::fs::create_dir(base.join("temp")).unwrap();
    let roots = Roots {
        workspace: workspace.clone(),
        writable: vec![workspace.clone()],
        hidden: vec![],
        ignored: codex_workspace::Ignored::default(),
        temp: Some(base.join("temp")),
    };
    let context = ToolContext {
        item_id: "item".into(),
        turn_id: "turn".into(),
        roots: Arc::new(roots),
        protected: protected_paths(&workspace).into(),
        sandbox: Arc::new(Sandbox::new("/nowhere".into())),
        environment: Arc::default(),
        processes: Arc::new(crate::Processes::new(1)),
        live: None,
        person: crate::Person::default(),
        cancel: tokio_util::sync::CancellationToken::new(),
    };
    Scene { context, directory }
}

pub(crate) fn json(text: &str) -> Arguments {
    Arguments::Json(text.to_owned())
}

/// Runs a call of a reading tool; checks that the item tells the same as the text for the model.
pub(crate) async fn answer(tool: &dyn Tool, call: &str, scene: &Scene) -> Answer {
    let prepared = tool.prepare(&json(call), &scene.context).unwrap();
    assert!(prepared.access.writes.is_empty() && prepared.access.command.is_none());
    let outcome = (prepared.run)(Confinement::read_only(&[]).into()).await;
    let ForUser::Item(ThreadItem::DynamicToolCall { status, content_items, .. }) = outcome.for_user else {
        panic!("not a plain call")
    };
    if outcome.for_model.len() < 1000 {
        let text = outcome.for_model.clone();
        assert_eq!(content_items, Some(vec![DynamicToolCallOutput::InputText { text }]));
    }
    if status == DynamicToolCallStatus::Completed { Ok(outcome.for_model) } else { Err(outcome.for_model) }
}

/// Makes the named pipe `path`.
pub(crate) fn make_pipe(path: &Path) {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
}
