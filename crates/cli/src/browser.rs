//! The person's own browser, on an address. It is asked for by the desktop's tool.

use std::{pin::Pin, time::Duration};

use codex_config::{Environment, variables};
use codex_sandbox::Exit;
use codex_tui::Page;

use crate::desktop::{self, Tool};

/// Who opens addresses.
const TOOLS: &[&str] = &["xdg-open", "wslview"];
/// How long a tool may take to say that it cannot. One that runs on is the browser itself.
const PATIENCE: Duration = Duration::from_secs(3);

/// Opens `address`, and says so; the browser may outlive this.
///
/// # Errors
/// A sentence: there is none here, and where to go by hand.
pub fn show(environment: Environment, address: String) -> Pin<Box<dyn Future<Output = Result<String, String>> + Send>> {
    Box::pin(async move {
        let page = Page::read(&address).map_err(|why| format!("no browser is asked to open {address}: {why}"))?;
        match open(&environment, &page).await {
            Some(tool) => {
                // Dropped, it and what it has started would end.
                tokio::spawn(async move {
                    let mut tool = tool;
                    let _ = tool.child.wait().await;
                });
                Ok(format!("your browser is asked to open {}", page.address()))
            }
            None => Err(format!("no browser can be opened from here; open this in yours: {}", page.address())),
        }
    })
}

/// Opens `page`. What is given back holds a browser that was started; `None`: there is none, or no desktop.
pub async fn open(environment: &Environment, page: &Page) -> Option<Tool> {
    let shows = [variables::WAYLAND_DISPLAY, variables::DISPLAY].iter().any(|name| environment.get_os(*name).is_some());
    if !shows {
        return None;
    }
    for tool in TOOLS {
        let Ok(mut tool) = desktop::start(environment, &[tool, page.address()]).await else { continue };
        match tokio::time::timeout(PATIENCE, tool.child.wait()).await {
            Ok(Ok(Exit::Code(0))) | Err(_) => return Some(tool),
            Ok(_) => {}
        }
    }
    None
}
