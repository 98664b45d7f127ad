//! Servers of models on the user's own machine: which models they have, and what these can hold and do.
//!
//! All of it is asked of the server: what a model was made for is not what it was loaded with.

mod replies;
#[cfg(test)]
mod tests;

use std::time::Duration;

use codex_net::HttpClients;
use futures_util::future::join_all;
use serde_json::json;

use crate::{HttpConfig, http::Questions, text_calls::Calling};

/// How long a server may take for an answer about itself. It is on this machine, or one that the user named.
const LIMIT: Duration = Duration::from_secs(2);

/// Of how many models a server is asked what they can do, before one is chosen.
const LOOKED_AT: usize = 8;

/// The programs that serve open-weight models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerKind {
    /// Ollama.
    Ollama,
    /// LM Studio.
    LmStudio,
    /// The server of llama.cpp.
    LlamaCpp,
    /// vLLM.
    Vllm,
    /// One that is only known to speak its wire.
    Other,
}

impl ServerKind {
    /// The kind of the built-in provider of this name.
    pub fn named(provider: &str) -> Self {
        match provider {
            "ollama" => Self::Ollama,
            "lmstudio" => Self::LmStudio,
            "llamacpp" => Self::LlamaCpp,
            "vllm" => Self::Vllm,
            _ => Self::Other,
        }
    }

    /// How a model is asked for calls, as far as is known of it, and how if the server refuses that.
    pub fn calling(self, takes_tools: Option<bool>) -> (Calling, Calling) {
        // All of them hold an answer to a schema (`response_format`); of others that is not known.
        let without = if self == Self::Other { Calling::Text } else { Calling::Constrained };
        (if takes_tools == Some(false) { without } else { Calling::Native }, without)
    }
}

/// A server that has answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalServer {
    /// What it is.
    pub kind: ServerKind,
    /// What it has, in its order; models that only embed are not among them.
    pub models: Vec<LocalModel>,
}

/// A model of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalModel {
    /// What requests call it.
    pub id: String,
    /// Whether it is in memory.
    pub is_loaded: bool,
    /// The host that runs it, if that is not the server.
    pub runs_at: Option<String>,
    /// Whether it takes tools; `None`: the server does not say.
    pub takes_tools: Option<bool>,
    /// What it can hold; `None`: the server does not say.
    pub window: Option<Window>,
}

/// How much fits into a request and its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// In tokens.
    pub tokens: u64,
    /// Whether the server has not said, and this is what its kind gives a model unless told otherwise.
    pub is_assumed: bool,
    /// What the model was made for, in tokens.
    pub most: Option<u64>,
}

impl LocalModel {
    pub(crate) fn new(id: &str) -> Self {
        Self { id: id.to_owned(), is_loaded: false, runs_at: None, takes_tools: None, window: None }
    }

    /// Whether `name` means it: Ollama's ids may be given without their tag.
    pub fn is(&self, name: &str) -> bool {
        self.id == name || self.id.strip_suffix(":latest") == Some(name)
    }
}

impl LocalServer {
    /// The server of `config`, and its models.
    ///
    /// Ollama has some of them run elsewhere, and only its own list says which: every server is asked for that list.
    ///
    /// # Errors
    /// Why there is none, or that it does not say where its models run, briefly.
    pub async fn find(config: &HttpConfig, kind: ServerKind, clients: &HttpClients) -> Result<Self, String> {
        let questions = Questions::new(config, clients, LIMIT)?;
        let list = questions.get("models").await?;
        let (said, models) = replies::models(&list).ok_or("what answers there is no server of models")?;
        let mut server = Self { kind: said.unwrap_or(kind), models };
        let untold = |why: &str| format!("it does not say where its models run (/api/tags: {why})");
        let tags = questions.get_if_there("/api/tags").await.map_err(|why| untold(&why))?;
        let tags = tags.as_ref().and_then(replies::ollama_models);
        let some_elsewhere = tags.iter().flatten().any(|model| model.runs_at.is_some());
        if some_elsewhere || said.is_none() && tags.is_some() {
            // Others have that list too, under a name of their own, and run all of it.
            server.kind = ServerKind::Ollama;
        }
        // What else is not told is not known: the list alone is enough to go on.
        match server.kind {
            ServerKind::Ollama => {
                server.models = tags.ok_or_else(|| untold("no list"))?;
                if let Ok(loaded) = questions.get("/api/ps").await {
                    replies::ollama_loaded(&loaded, &mut server.models);
                }
            }
            ServerKind::LmStudio => {
                if let Ok(more) = questions.get("/api/v0/models").await {
                    replies::lmstudio_models(&more, &mut server.models);
                }
            }
            ServerKind::LlamaCpp => {
                if let Ok(props) = questions.get("/props").await {
                    replies::llamacpp_props(&props, &mut server.models);
                }
            }
            ServerKind::Vllm | ServerKind::Other => {}
        }
        Ok(server)
    }

    /// Asks for what the list does not say, of the model that `wanted` names, or of the first few.
    pub async fn look_closer(&mut self, config: &HttpConfig, wanted: Option<&str>, clients: &HttpClients) {
        if self.kind != ServerKind::Ollama {
            return;
        }
        let Ok(questions) = Questions::new(config, clients, LIMIT) else { return };
        let meant = self.models.iter_mut().filter(|model| wanted.is_none_or(|wanted| model.is(wanted)));
        let asked = meant.filter(|model| model.runs_at.is_none()).take(LOOKED_AT).map(async |model| {
            let shown = questions.post("/api/show", &json!({ "model": model.id })).await.ok()?;
            replies::ollama_shown(&shown, model);
            replies::ollama_only_embeds(&shown).then(|| model.id.clone())
        });
        let embed: Vec<String> = join_all(asked).await.into_iter().flatten().collect();
        self.models.retain(|model| !embed.contains(&model.id));
    }

    /// The model to take if none is named: one that is loaded, else one that takes tools, else the first.
    pub fn preferred(&self) -> Option<&LocalModel> {
        let rank = |model: &&LocalModel| (!model.is_loaded, model.takes_tools != Some(true));
        self.models.iter().filter(|model| model.runs_at.is_none()).min_by_key(rank)
    }
}
