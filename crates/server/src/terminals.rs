//! The commands of a thread that run on.

use codex_protocol::{
    BackgroundTerminal, BackgroundTerminalResizeParams, BackgroundTerminalTerminateParams,
    BackgroundTerminalTerminated, BackgroundTerminalsResult, Empty, ErrorKind, RpcError,
};
use codex_tools::{ProcessInfo, TerminalSize};

use crate::Server;

impl Server {
    pub(crate) fn terminals(&self, thread_id: &str) -> Result<BackgroundTerminalsResult, RpcError> {
        let processes = self.thread(thread_id)?.processes();
        let terminal = |process: ProcessInfo| BackgroundTerminal {
            process_id: process.id.to_string(),
            item_id: process.item_id,
            command: process.command,
            cwd: process.directory.display().to_string(),
            os_pid: None,
            cpu_percent: None,
            rss_kb: None,
            running_for_ms: process.running_for.as_millis().try_into().unwrap_or(u64::MAX),
        };
        Ok(BackgroundTerminalsResult { data: processes.into_iter().map(terminal).collect(), next_cursor: None })
    }

    pub(crate) async fn end_terminal(
        &self,
        params: BackgroundTerminalTerminateParams,
    ) -> Result<BackgroundTerminalTerminated, RpcError> {
        let thread = self.thread(&params.thread_id)?;
        let terminated = match params.process_id.parse() {
            Ok(id) => thread.stop_process(id).await,
            Err(_) => false,
        };
        Ok(BackgroundTerminalTerminated { terminated })
    }

    pub(crate) fn resize_terminal(&self, params: &BackgroundTerminalResizeParams) -> Result<Empty, RpcError> {
        let size = TerminalSize { rows: params.rows, columns: params.columns };
        let thread = self.thread(&params.thread_id)?;
        if !params.process_id.parse().is_ok_and(|id| thread.resize_process(id, size)) {
            let message = format!("no command with the process id `{}` is running", params.process_id);
            return Err(RpcError::new(ErrorKind::NotFound, message));
        }
        Ok(Empty {})
    }
}
