//! What servers stand on: what a thread gives them, and what threads share.

use std::{
    any::Any,
    collections::{BTreeMap, HashMap},
    ffi::OsString,
    fmt, io,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use codex_net::HttpClients;
use codex_sandbox::{Confinement, Sandbox};
use futures_util::future::BoxFuture;

use crate::{ServerSpec, program, server::Server};

/// Makes a sandbox of a server's own, which no command shares. The domains are those that it reaches through a proxy; none:
/// nobody serves any.
pub type MakeSandbox = Arc<dyn Fn(&[String]) -> io::Result<Sandbox> + Send + Sync>;

/// Makes a directory for a server's `/tmp`, which lies until what is beside it is dropped.
pub type MakeTemp = Arc<dyn Fn() -> io::Result<(PathBuf, Box<dyn Any + Send + Sync>)> + Send + Sync>;

/// Says which token is shown to a server, before each request; none: nothing is shown. Must be quick where nothing changed.
pub type Tokens = Arc<dyn Fn(TokenWanted) -> BoxFuture<'static, Option<String>> + Send + Sync>;

/// Whose token is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenWanted {
    /// The server, as the user calls it.
    pub server: String,
    /// Its address.
    pub url: String,
    /// The one that the server refuses, if it does: another one is wanted.
    pub refused: Option<String>,
}

/// What a thread gives its servers.
#[derive(Clone)]
pub struct Ground {
    /// The walls of the thread's commands, which those of servers are made from.
    pub walls: Confinement,
    /// Environment of commands, secrets removed.
    pub environment: Arc<BTreeMap<OsString, OsString>>,
    /// Absolute directory that the thread works in.
    pub workspace: PathBuf,
    /// Makes sandboxes.
    pub sandbox: MakeSandbox,
    /// Makes directories for `/tmp`; `None`: an empty one in memory.
    pub temp: Option<MakeTemp>,
    /// The clients for servers that are reached over HTTP.
    pub http: Arc<HttpClients>,
    /// What is shown to these.
    pub tokens: Option<Tokens>,
    /// The servers of this process.
    pub pool: Arc<Pool>,
}

impl fmt::Debug for Ground {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Ground").field("workspace", &self.workspace).finish_non_exhaustive()
    }
}

/// The servers of one process: those of the same kind, on the same ground, are one for all its threads.
#[derive(Default)]
pub struct Pool(Mutex<HashMap<Key, Weak<Server>>>);

/// What makes servers the same.
#[derive(PartialEq, Eq, Hash)]
struct Key {
    spec: ServerSpec,
    walls: Confinement,
    environment: Arc<BTreeMap<OsString, OsString>>,
    workspace: PathBuf,
}

impl fmt::Debug for Pool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Pool").finish_non_exhaustive()
    }
}

impl Pool {
    /// The server of `spec`: the one that there is, or a new one.
    pub(crate) fn server(&self, spec: &ServerSpec, ground: &Ground) -> Arc<Server> {
        let key = Key {
            spec: ServerSpec { enabled: true, ..spec.clone() },
            walls: program::walls(ground, &spec.walls),
            environment: Arc::clone(&ground.environment),
            workspace: ground.workspace.clone(),
        };
        let mut servers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        servers.retain(|_, server| server.strong_count() > 0);
        if let Some(server) = servers.get(&key).and_then(Weak::upgrade) {
            return server;
        }
        let server = Arc::new(Server::new(key.spec.clone(), ground.clone()));
        servers.insert(key, Arc::downgrade(&server));
        server
    }
}
