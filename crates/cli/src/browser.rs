//! The person's own browser, on an address. It is asked for by the desktop's tool, which is started without walls: it is the
//! person's, and acts for the person alone.

use std::time::Duration;

use codex_config::{
    Environment,
    variables::{self, Variable},
};
use codex_sandbox::{Child, Command, Confinement, Exit, Sandbox, Streams};

use crate::commands::exec::OWN_PROGRAM;

/// Who opens addresses.
const TOOLS: &[&str] = &["xdg-open", "wslview"];
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
/// How long a tool may take to say that it cannot. One that runs on is the browser itself.
const PATIENCE: Duration = Duration::from_secs(3);

/// Opens `address`. What is given back holds a browser that was started; `None`: there is none, or no desktop.
pub async fn open(environment: &Environment, address: &str) -> Option<Child> {
    let shows = [variables::WAYLAND_DISPLAY, variables::DISPLAY].iter().any(|name| environment.get_os(*name).is_some());
    if !shows {
        return None;
    }
    let sandbox = Sandbox::new(OWN_PROGRAM.into());
    for tool in TOOLS {
        let passed_on = PASSED_ON.iter().filter_map(|variable| Some((variable, environment.get_os(*variable)?)));
        let command = Command {
            argv: vec![(*tool).into(), address.into()],
            directory: "/".into(),
            environment: passed_on.map(|(variable, value)| (variable.name().into(), value.to_owned())).collect(),
        };
        let Ok(mut child) = sandbox.spawn(&Confinement::Unconfined, command, Streams::Separate).await else { continue };
        match tokio::time::timeout(PATIENCE, child.wait()).await {
            Ok(Ok(Exit::Code(0))) | Err(_) => return Some(child),
            Ok(_) => {}
        }
    }
    None
}
