//! Tools of the person's desktop. They are started without walls: they are the person's, and act for the person alone.

use codex_config::{
    Environment,
    variables::{self, Variable},
};
use codex_sandbox::{Child, Command, Confinement, Sandbox, SandboxError, Streams};

use crate::commands::exec::OWN_PROGRAM;

/// What such a tool needs to know.
const PASSED_ON: &[Variable] = &[
    variables::PATH,
    variables::HOME,
    variables::WAYLAND_DISPLAY,
    variables::DISPLAY,
    variables::XAUTHORITY,
    variables::XDG_RUNTIME_DIR,
    variables::DBUS_SESSION_BUS_ADDRESS,
];

/// A tool that was started. Dropped, it is ended.
pub struct Tool {
    /// Its process and its streams.
    pub child: Child,
    /// With it goes what it has started.
    pub sandbox: Sandbox,
}

/// Starts the tool `argv`, of which the first is looked for in `PATH`, with what it needs of `environment`.
///
/// # Errors
/// When there is no such tool, or it cannot be started.
pub async fn start(environment: &Environment, argv: &[&str]) -> Result<Tool, SandboxError> {
    let passed_on = PASSED_ON.iter().filter_map(|variable| Some((variable, environment.get_os(*variable)?)));
    let command = Command {
        argv: argv.iter().map(Into::into).collect(),
        directory: "/".into(),
        environment: passed_on.map(|(variable, value)| (variable.name().into(), value.to_owned())).collect(),
    };
    let sandbox = Sandbox::new(OWN_PROGRAM.into());
    let child = sandbox.spawn(&Confinement::Unconfined, command, Streams::Separate).await?;
    Ok(Tool { child, sandbox })
}
