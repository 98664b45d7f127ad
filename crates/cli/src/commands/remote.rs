//! `--remote`: a connection to a server elsewhere, and the token that opens it.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, IsTerminal, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use codex_client::{
    Connection,
    remote::{self, Address, Endpoint, Refused, Secret, token_file},
};
use codex_config::{Environment, variables};
use codex_server::auth::read_token;

use crate::{
    args::{CassetteOptions, RemoteOptions, SandboxLevel, ThreadOptions},
    hidden, terminal,
};

/// Where a session is that is not here.
#[derive(Debug, Clone)]
pub struct Elsewhere {
    pub address: Address,
    token_file: Option<PathBuf>,
    insecure_plaintext: bool,
}

impl Elsewhere {
    /// What was typed, if anything was.
    ///
    /// # Errors
    /// A sentence for the user when it is no address.
    pub fn typed(options: &RemoteOptions) -> Result<Option<Self>, String> {
        let Some(url) = &options.remote else { return Ok(None) };
        let address = Address::parse(url).map_err(|error| format!("--remote: {error}"))?;
        let (token_file, insecure_plaintext) = (options.remote_token_file.clone(), options.insecure_plaintext);
        Ok(Some(Self { address, token_file, insecure_plaintext }))
    }

    /// Warns where others on the way can hear and change what is said, and refuses there what would be theirs to use.
    ///
    /// # Errors
    /// A sentence for the user.
    pub fn check(&self, thread: &ThreadOptions) -> Result<(), String> {
        if !self.address.is_plain() {
            return Ok(());
        }
        let unsafe_flag = match thread.sandbox {
            Some(SandboxLevel::DangerFullAccess) => Some("--sandbox danger-full-access"),
            _ if thread.full_auto => Some("--full-auto"),
            _ => None,
        };
        if let Some(flag) = unsafe_flag.filter(|_| !self.insecure_plaintext) {
            return Err(format!(
                "{flag}: without TLS others on the way to {} could have anything done there; use `wss://`, or an SSH \
                 tunnel, or --insecure-plaintext",
                self.address
            ));
        }
        if let Address::Tcp { host, port, .. } = &self.address {
            terminal::complain(&format!(
                "warning: {} is not encrypted: others on the way can read and change everything; use `wss://`, or a \
                 tunnel: ssh -L {port}:localhost:{port} {host}",
                self.address
            ));
        }
        Ok(())
    }

    /// Refuses what is done where models are asked.
    ///
    /// # Errors
    /// A sentence for the user.
    pub fn check_cassette(&self, cassette: &CassetteOptions) -> Result<(), String> {
        if *cassette == CassetteOptions::default() {
            return Ok(());
        }
        Err("--record and --replay: models are asked by the other machine; type the command there, without --remote"
            .into())
    }

    /// Connects, with a token from a flag, the environment, this machine's own server, an earlier time, or a question.
    ///
    /// # Errors
    /// A sentence for the user.
    pub async fn connect(&self, environment: &Environment) -> Result<Connection, String> {
        let home = environment.codex_home().map_err(|error| error.to_string())?;
        let secret = self.secret(environment, &home)?;
        let endpoint =
            |secret| Endpoint { address: self.address.clone(), secret, version: env!("CARGO_PKG_VERSION").to_owned() };
        match remote::connect(endpoint(secret)).await {
            Ok(connection) => Ok(connection),
            Err(Refused::Unauthorized) if io::stdin().is_terminal() && self.token_file.is_none() => {
                let token = self.ask().await?;
                let connection = remote::connect(endpoint(Some(Secret::Token(token.clone())))).await;
                let connection = connection.map_err(|refused| refused.to_string())?;
                if let Err(error) = self.remember(&home, &token) {
                    terminal::complain(&format!("warning: the token is not kept for the next time: {error}"));
                }
                Ok(connection)
            }
            Err(Refused::Unauthorized) => Err(format!(
                "{} needs a token that it knows: set CODEX_REMOTE_TOKEN, or give --remote-token-file FILE",
                self.address
            )),
            Err(refused) => Err(refused.to_string()),
        }
    }

    fn secret(&self, environment: &Environment, home: &Path) -> Result<Option<Secret>, String> {
        if let Some(path) = &self.token_file {
            return read_token(path).map(|token| Some(Secret::Token(token)));
        }
        if let Some(token) = environment.get(variables::CODEX_REMOTE_TOKEN) {
            return Ok(Some(Secret::Token(token.to_owned())));
        }
        if let Some(token) = self.remembered(home)? {
            return Ok(Some(Secret::Token(token)));
        }
        let own = token_file(home);
        match self.address.is_local() && own.exists() {
            true => read_token(&own).map(|token| Some(Secret::Own(token))),
            false => Ok(None),
        }
    }

    /// A token that was typed.
    async fn ask(&self) -> Result<String, String> {
        let question = format!("Token of {} (it is not shown): ", self.address);
        let typed =
            hidden::line(&terminal::harmless(&question)).await.map_err(|error| format!("the terminal: {error}"))?;
        match typed {
            hidden::Typed::Line(line) => {
                let token = String::from_utf8_lossy(&line).trim().to_owned();
                if token.is_empty() { Err("no token was typed".into()) } else { Ok(token) }
            }
            _ => Err("no token was typed".into()),
        }
    }

    fn remembered(&self, home: &Path) -> Result<Option<String>, String> {
        Ok(kept(home)?.remove(&self.address.to_string()))
    }

    fn remember(&self, home: &Path, token: &str) -> Result<(), String> {
        let mut tokens = kept(home)?;
        tokens.insert(self.address.to_string(), token.to_owned());
        let path = file(home);
        let said = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let text = serde_json::to_vec_pretty(&tokens).map_err(|error| said(&error))?;
        let new = path.with_extension("new");
        let write = || {
            let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
            file.write_all(&text)?;
            fs::rename(&new, &path)
        };
        write().map_err(|error: io::Error| said(&error))
    }
}

/// Where tokens of servers elsewhere are kept, by address.
fn file(home: &Path) -> PathBuf {
    home.join("remote-tokens.json")
}

fn kept(home: &Path) -> Result<BTreeMap<String, String>, String> {
    let path = file(home);
    match fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| format!("{}: {error}", path.display())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}
