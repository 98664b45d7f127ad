//! What would become of a command, and by which rule: the answers of `codex permissions`.
//!
//! It asks the same code as a thread does, with what the same tool says of the command; nothing is run.

use std::path::Path;
use std::sync::Arc;

use codex_agent::{Workplace, uncovers};
use codex_config::Environment;
use codex_history::Arguments;
use codex_permissions::{Access, Policy, RuleKind, RuleText, class_data, class_names, explain};
use codex_protocol::{ErrorKind, RpcError, ThreadStartParams};
use codex_sandbox::Confinement;
use codex_tools::{Processes, ToolContext};
use serde_json::json;

use crate::build::{Bare, bare, configuration};

/// What would become of a command.
#[derive(Debug)]
pub struct Explained {
    /// `allow`, `ask` or `deny`.
    pub verdict: &'static str,
    /// The rule that decided, if one did.
    pub rule: Option<Rule>,
    /// Why, in a sentence without its full stop.
    pub reason: String,
    /// The simple commands that were found, each as its words.
    pub commands: Vec<Vec<String>>,
    /// The level of the sandbox, as the configuration spells it.
    pub level: String,
    /// The walls that it runs inside, or would.
    pub confinement: Confinement,
    /// What holds them here, in words for people, or why nothing does.
    pub held_by: String,
    /// What the user should know about the configuration.
    pub warnings: Vec<String>,
}

/// A rule in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// `deny`, `ask` or `allow`.
    pub kind: String,
    /// The rule as it was written, or the name of a class.
    pub text: String,
    /// Where it was written: `FILE:LINE:COLUMN`, a flag as typed, `built-in`.
    pub origin: String,
}

/// All rules in force in a directory, and what the user should know about the configuration.
#[derive(Debug)]
pub struct RulesInForce {
    /// In order of precedence.
    pub rules: Vec<Rule>,
    /// Of the configuration.
    pub warnings: Vec<String>,
}

/// Name of the built-in list of what runs without a question.
const READ_ONLY: &str = "read-only";

/// What would become of `command` in a thread started with `params`. `helper` as for [`crate::Server::in_process`].
///
/// # Errors
/// When the configuration is wrong, or `command` is none.
pub async fn explain_command(
    environment: &Environment,
    helper: &Path,
    params: ThreadStartParams,
    command: &str,
) -> Result<Explained, RpcError> {
    let Bare { workplace, warnings, temp: _temp } = bare(environment, helper, params).await?;
    let mut access = access(&workplace, command)?;
    access.uncovers = uncovers(&workplace, &access).await;
    let found = explain(&workplace.policy, &access);
    let held_by = match workplace.sandbox.line(&found.confinement).await {
        Ok(line) => line.to_owned(),
        Err(error) => error.to_string(),
    };
    Ok(Explained {
        verdict: found.verdict,
        rule: found.rule.map(Rule::from),
        reason: found.reason,
        commands: found.commands,
        level: json!(workplace.policy.level).as_str().unwrap_or_default().to_owned(),
        confinement: found.confinement,
        held_by,
        warnings,
    })
}

/// The rules in force in a thread started with `params`: those that deny, those that ask, those that allow.
///
/// # Errors
/// When the configuration is wrong.
pub async fn rules_in_force(
    environment: &Environment,
    helper: &Path,
    params: ThreadStartParams,
) -> Result<RulesInForce, RpcError> {
    let Bare { workplace, warnings, .. } = bare(environment, helper, params).await?;
    Ok(RulesInForce { rules: all_rules(&workplace.policy).into_iter().map(Rule::from).collect(), warnings })
}

/// All rules of a policy, what is built in too: those that deny, those that ask, those that allow.
pub(crate) fn all_rules(policy: &Policy) -> Vec<RuleText> {
    let built_in = |kind, text: &str| RuleText { kind, text: text.to_owned(), origin: "built-in".to_owned() };
    let mut all = policy.rules.texts().to_vec();
    all.extend(class_names().map(|name| built_in(RuleKind::Ask, name)));
    all.push(built_in(RuleKind::Allow, READ_ONLY));
    // Stable: within a kind the order is that of the layers, what is built in last.
    all.sort_by_key(|rule| rule.kind);
    all
}

/// What is in the class `name`, or in the list `read-only`, as text for people.
///
/// # Errors
/// There is none of this name; those that there are.
pub fn class(name: &str) -> Result<&'static str, String> {
    class_data(name).ok_or_else(|| {
        let known: Vec<&str> = class_names().chain([READ_ONLY]).collect();
        format!("there is no class `{name}`; there are {}", known.join(", "))
    })
}

/// What the tool for commands says that `command` will touch.
fn access(workplace: &Workplace, command: &str) -> Result<Access, RpcError> {
    let context = ToolContext {
        item_id: String::new(),
        turn_id: String::new(),
        roots: Arc::clone(&workplace.roots),
        protected: workplace.policy.protected.clone().into(),
        sandbox: Arc::clone(&workplace.sandbox),
        environment: Arc::clone(&workplace.environment),
        processes: Arc::new(Processes::new(1)),
        live: None,
        person: codex_tools::Person::default(),
        cancel: tokio_util::sync::CancellationToken::new(),
    };
    let arguments = Arguments::Json(json!({ "cmd": command }).to_string());
    let tools = codex_tools::all();
    let Some(tool) = tools.iter().find(|tool| tool.name() == "exec_command") else {
        return Err(RpcError::new(ErrorKind::Internal, "there is no tool for commands".to_owned()));
    };
    let prepared = tool.prepare(&arguments, &context).map_err(|error| configuration(&error.to_string()))?;
    Ok(prepared.access)
}

impl From<RuleText> for Rule {
    fn from(rule: RuleText) -> Self {
        Self { kind: rule.kind.to_string(), text: rule.text, origin: rule.origin }
    }
}
