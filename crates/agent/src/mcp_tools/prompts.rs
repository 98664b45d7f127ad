//! Prompts of servers: which a person can use, and what the model reads of one that is used.

use std::{collections::BTreeMap, time::Duration};

use codex_mcp::{PromptArgument, PromptMessage, RemotePrompt};
use codex_tools::cut;

use super::{
    LATE, McpUse,
    call::{FOR_MODEL, pictures, said},
};
use crate::{context::fill, spoken::Part};

pub(crate) const PROMPT: &str = include_str!("../prompts/mcp_prompt.md");
/// The word of the mark around what a server wrote.
const MARK: &str = "mcp_prompt";
/// Most that a list waits for servers that are starting.
const FOR_LIST: Duration = Duration::from_secs(2);

impl McpUse {
    /// Starts servers that nobody has needed yet, and waits a little until they can tell their prompts.
    pub async fn ready_for_list(&self) {
        self.servers.start();
        self.servers.ready(FOR_LIST).await;
    }

    /// The prompts of the servers that are ready.
    pub fn prompts(&self) -> Vec<RemotePrompt> {
        self.servers.prompts()
    }

    /// What the model reads where a person uses the prompt `called` with what was typed behind it; `None`: there is no such
    /// prompt.
    ///
    /// # Errors
    /// A sentence: something is missing that it takes, or the server does not answer.
    pub async fn prompt(&self, called: &str, typed: &str) -> Result<Option<Vec<Part>>, String> {
        self.servers.start();
        let find = || self.servers.prompts().into_iter().find(|prompt| prompt.called == called);
        if find().is_none() {
            self.servers.ready(LATE).await;
        }
        let Some(prompt) = find() else { return Ok(None) };
        let arguments = arguments(&prompt.arguments, typed).map_err(|why| format!("/{called} {why}"))?;
        let messages = self.servers.get_prompt(&prompt.server, &prompt.name, arguments).await;
        Ok(Some(read(&prompt, messages.map_err(|why| why.to_string())?)))
    }
}

/// Words go to arguments in order, all that are left to the last one; `NAME=VALUE` goes to that of this name.
fn arguments(takes: &[PromptArgument], typed: &str) -> Result<BTreeMap<String, String>, String> {
    let words = shlex::split(typed).unwrap_or_else(|| typed.split_whitespace().map(str::to_owned).collect());
    let mut given: BTreeMap<String, String> = BTreeMap::new();
    let mut plain = Vec::new();
    for word in words {
        match word.split_once('=').filter(|(name, _)| takes.iter().any(|argument| argument.name == *name)) {
            Some((name, value)) => drop(given.insert(name.to_owned(), value.to_owned())),
            None => plain.push(word),
        }
    }
    let open: Vec<&PromptArgument> = takes.iter().filter(|argument| !given.contains_key(&argument.name)).collect();
    if open.is_empty() && !plain.is_empty() {
        return Err(format!("takes no `{}`", plain.join(" ")));
    }
    let mut plain = plain.into_iter();
    for (at, argument) in open.iter().enumerate() {
        let value = match at + 1 == open.len() {
            true => plain.by_ref().collect::<Vec<_>>().join(" "),
            false => plain.next().unwrap_or_default(),
        };
        if !value.is_empty() {
            given.insert(argument.name.clone(), value);
        } else if argument.required {
            return Err(format!("needs `{}` behind it", argument.name));
        }
    }
    Ok(given)
}

fn read(prompt: &RemotePrompt, messages: Vec<PromptMessage>) -> Vec<Part> {
    let mut texts = Vec::new();
    let mut content = Vec::new();
    for message in messages {
        let text = said(std::slice::from_ref(&message.content));
        let whose = if message.is_assistant { "(as your own words:) " } else { "" };
        if !text.is_empty() {
            texts.push(format!("{whose}{text}"));
        }
        content.push(message.content);
    }
    // The same letters, no longer the same word.
    let mut text = cut(texts.join("\n\n"), FOR_MODEL);
    let pictures = pictures(&content, &mut text);
    let text = text.replace(MARK, "mcp prompt");
    let values = [("server", &*prompt.server), ("prompt", &*prompt.called), ("text", &*text)];
    let first = Part::text(fill(PROMPT.trim_end(), &values));
    std::iter::once(first).chain(pictures.into_iter().map(Part::Content)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_goes_to_arguments() {
        let argument =
            |name: &str, required| PromptArgument { name: name.into(), description: String::new(), required };
        let takes = [argument("language", true), argument("what", false)];
        let table = [
            ("rust", Ok("language=rust")),
            ("'plain C' all of it", Ok("language=plain C|what=all of it")),
            ("what=x=y rust", Ok("language=rust|what=x=y")),
            ("language=a b=c", Ok("language=a|what=b=c")),
            ("what='", Err("needs `language` behind it")),
            ("", Err("needs `language` behind it")),
            ("language=a what=b c", Err("takes no `c`")),
        ];
        for (typed, expected) in table {
            let given = arguments(&takes, typed);
            let given =
                given.map(|all| all.iter().map(|(name, it)| format!("{name}={it}")).collect::<Vec<_>>().join("|"));
            assert_eq!(given.as_deref().map_err(String::as_str), expected, "{typed}");
        }
        assert_eq!(arguments(&[], "x"), Err("takes no `x`".into()));
        assert_eq!(arguments(&[], " "), Ok(BTreeMap::new()));
    }
}
