//! What threads of a connection run under as far as its client does not say.

use codex_protocol::{ClientRequest, ThreadResumeParams, ThreadStartParams};
use serde_json::{Map, Value};

/// `request` with what is absent in it taken from `defaults`.
pub(super) fn fill(request: ClientRequest, defaults: &ThreadStartParams) -> ClientRequest {
    match request {
        ClientRequest::ThreadStart(params) => ClientRequest::ThreadStart(start(params, defaults.clone())),
        ClientRequest::ThreadResume(params) => ClientRequest::ThreadResume(resume(params, defaults.clone())),
        ClientRequest::ThreadFork(mut params) => {
            params.from = resume(params.from, defaults.clone());
            params.ephemeral = params.ephemeral.or(defaults.ephemeral);
            ClientRequest::ThreadFork(params)
        }
        other => other,
    }
}

/// What opens a thread: the members that all ways of opening have, of `$params` or of `$defaults`, and those of its own.
macro_rules! filled {
    ($kind:ident, $params:ident, $defaults:ident, { $($own:tt)* }) => {
        $kind {
            model: $params.model.or($defaults.model),
            model_provider: $params.model_provider.or($defaults.model_provider),
            sandbox: $params.sandbox.or($defaults.sandbox),
            approval_policy: $params.approval_policy.or($defaults.approval_policy),
            config: both($params.config, $defaults.config),
            flags: [$defaults.flags, $params.flags].concat(),
            trust_project: $params.trust_project.or($defaults.trust_project),
            ask_trust: $params.ask_trust.or($defaults.ask_trust),
            full_auto: $params.full_auto.or($defaults.full_auto),
            strict_config: $params.strict_config.or($defaults.strict_config),
            live_output: $params.live_output.or(Some(true)),
            $($own)*
        }
    };
}

fn start(params: ThreadStartParams, defaults: ThreadStartParams) -> ThreadStartParams {
    filled!(ThreadStartParams, params, defaults, {
        cwd: params.cwd.or(defaults.cwd),
        ephemeral: params.ephemeral.or(defaults.ephemeral),
        thread_source: params.thread_source.or(defaults.thread_source),
    })
}

/// A thread goes on where it worked, unless the client says otherwise.
fn resume(params: ThreadResumeParams, defaults: ThreadStartParams) -> ThreadResumeParams {
    filled!(ThreadResumeParams, params, defaults, {
        thread_id: params.thread_id,
        cwd: params.cwd,
        take_over: params.take_over,
        without_model: params.without_model,
        after_seq: params.after_seq,
    })
}

/// Both settings; those of the client outrank the others.
fn both(client: Option<Map<String, Value>>, defaults: Option<Map<String, Value>>) -> Option<Map<String, Value>> {
    let mut all = defaults.unwrap_or_default();
    all.extend(client.unwrap_or_default());
    (!all.is_empty()).then_some(all)
}
