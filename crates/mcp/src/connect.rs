//! Makes a connection to a server, asks it for its lists, and asks it anything else.

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use rmcp::{
    RoleClient, ServiceError,
    model::{CancelledNotificationParam, ClientRequest, CustomRequest, RequestId},
    serve_client,
    service::{ClientInitializeError, Peer, PeerRequestOptions, RequestHandle, RunningService},
    transport::{
        DynamicTransportError,
        streamable_http_client::{AuthRequiredError, StreamableHttpError},
    },
};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use crate::{
    CallContext, CallError, Status, Transport,
    answers::List,
    client::Client,
    elicitation,
    guarded::Guarded,
    http, limits,
    program::{self, Pipe, Program},
    resources,
    server::{Life, Offers},
    stdio::{Broken, Pipes},
};

/// Progress lets a call take so many times its limit.
const LONGEST: u32 = 20;
/// The code of an error that says: a person has to go to certain pages first.
const PAGES_FIRST: i32 = -32042;

/// A connection that works.
pub(crate) struct Connected {
    pub(crate) service: RunningService<RoleClient, Client>,
    pub(crate) program: Option<Program>,
    pub(crate) shown: http::Shown,
}

/// Why there is none.
pub(crate) enum NotConnected {
    /// Who we are was asked for.
    Refused,
    /// In words that follow the server's name.
    Because(String),
}

/// Starts the server or reaches it, and says who we are.
pub(crate) async fn connect(life: &Life, broken: &Broken) -> Result<Connected, NotConnected> {
    let client = Client {
        server: life.spec.name.clone(),
        roots: life.roots(),
        calls: life.calls.clone(),
        relist: Arc::clone(&life.relist),
    };
    let shown = http::Shown::default();
    if let Transport::Http { .. } = &life.spec.transport {
        let transport = http::connect(&life.ground, &life.spec, shown.clone()).map_err(NotConnected::Because)?;
        let service = serve_client(client, Guarded::new(transport, Arc::clone(broken))).await;
        let service = service.map_err(|error| not_connected(&error, broken, None))?;
        return Ok(Connected { service, program: None, shown });
    }
    let started = program::start(&life.ground, &life.spec, &life.tail).await;
    let (mut program, Pipe { stdin, stdout }) = started.map_err(NotConnected::Because)?;
    let pipes = Pipes::new(stdout, stdin, life.tail.clone(), Arc::clone(broken));
    match serve_client(client, Guarded::new(pipes, Arc::clone(broken))).await {
        Ok(service) => Ok(Connected { service, program: Some(program), shown }),
        Err(error) => {
            let end = program.end_at_once().await;
            Err(not_connected(&error, broken, end))
        }
    }
}

fn not_connected(error: &ClientInitializeError, broken: &Broken, end: Option<String>) -> NotConnected {
    if error.is_authorization_required() {
        return NotConnected::Refused;
    }
    let broken = broken.lock().unwrap_or_else(PoisonError::into_inner).take();
    let because = broken.or_else(|| Some(format!("{} before it answered", end?)));
    NotConnected::Because(because.unwrap_or_else(|| match error {
        ClientInitializeError::JsonRpcError(error) => format!("refuses to start: {}", sentence(&error.message)),
        ClientInitializeError::ConnectionClosed(_) => "closed its output before it answered".to_owned(),
        ClientInitializeError::TransportError { error, .. } => {
            format!("cannot be reached: {}", sentence(&transport_error(error)))
        }
        error => format!("cannot be spoken to: {}", sentence(&error.to_string())),
    }))
}

/// What a server or a library says, fit for a sentence of ours.
fn sentence(text: &str) -> String {
    limits::line(text, limits::SENTENCE).trim_end_matches('.').to_owned()
}

/// What lies beneath an error of a transport; no address, in which there may be a secret.
fn transport_error(error: &DynamicTransportError) -> String {
    match error.error.downcast_ref::<http::Failed>() {
        Some(StreamableHttpError::Client(cause)) => codex_net::causes(cause),
        _ => error.error.to_string(),
    }
}

/// What the server calls itself.
pub(crate) fn title(peer: &Peer<RoleClient>) -> Option<String> {
    let info = serde_json::to_value(peer.peer_info()?.as_ref()).ok()?;
    let info = info.get("serverInfo")?;
    let text = |key| info.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let name = text("title").or_else(|| text("name"))?;
    let version = text("version").map(|version| format!(" {version}")).unwrap_or_default();
    Some(limits::line(&format!("{name}{version}"), limits::NAME))
}

/// Everything that the server says it offers.
pub(crate) async fn offers(life: &Life, peer: &Peer<RoleClient>) -> Offers {
    let info = peer.peer_info().and_then(|info| serde_json::to_value(info.as_ref()).ok()).unwrap_or_default();
    let has = |what: &str| info.pointer(&format!("/capabilities/{what}")).is_some_and(|it| !it.is_null());
    let (server, filter) = (&life.spec.name, &life.spec.tools);
    let (mut tools, mut prompts, mut listed) = (List::default(), List::default(), List::default());
    let mut trouble = Vec::new();
    if has("tools") {
        trouble.extend(pages(life, peer, "tools/list", |page| tools.add_tools(server, page)).await.err());
    }
    if has("prompts") {
        trouble.extend(pages(life, peer, "prompts/list", |page| prompts.add_prompts(server, page)).await.err());
    }
    let mut lists_resources = has("resources");
    if lists_resources {
        let listing = pages(life, peer, "resources/list", |page| listed.add_resources(server, page)).await;
        lists_resources = listing.is_ok();
        trouble.extend(listing.err());
    }
    trouble.extend([tools.left_out, prompts.left_out, listed.left_out].into_iter().flatten());
    // Some servers say that they have resources, and have none.
    let holds = !listed.entries.is_empty() || (lists_resources && resources::has_templates(life, peer).await);
    tools.entries.retain(|tool| tool.name != resources::TOOL);
    if holds {
        tools.entries.push(resources::tool(server));
    }
    tools.entries.retain(|tool| filter.passes(&tool.name));
    crate::names::tell_apart(&mut tools.entries);
    Offers {
        tools: tools.entries,
        prompts: prompts.entries,
        resources: listed.entries,
        trouble: trouble.into_iter().next(),
    }
}

/// Asks for one page after the other, until there is no more or no room.
async fn pages(
    life: &Life,
    peer: &Peer<RoleClient>,
    method: &str,
    mut add: impl FnMut(&Value) -> bool,
) -> Result<(), String> {
    let mut cursor: Option<String> = None;
    for _ in 0..limits::PAGES {
        let params = cursor.as_ref().map_or_else(|| json!({}), |cursor| json!({"cursor": cursor}));
        let limit = life.spec.tool_timeout;
        let page = ask(life, peer, method, params, &CallContext::default(), limit).await;
        let page = page.map_err(|error| format!("{method}: {error}"))?;
        if !add(&page) {
            return Ok(());
        }
        let next = page.get("nextCursor").and_then(Value::as_str).filter(|next| !next.is_empty()).map(str::to_owned);
        if next.is_none() || next == cursor {
            return Ok(());
        }
        cursor = next;
    }
    Ok(())
}

/// A request that was not answered; dropped as such, the server is told to give up.
struct Waiting {
    peer: Peer<RoleClient>,
    id: Option<RequestId>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let Some(id) = self.id.take() else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let peer = self.peer.clone();
        let reason = Some("nobody waits for it any more".to_owned());
        runtime.spawn(async move { peer.notify_cancelled(CancelledNotificationParam::new(Some(id), reason)).await });
    }
}

/// Asks `peer`, which is the server of `life`, and waits for what it answers.
pub(crate) async fn ask(
    life: &Life,
    peer: &Peer<RoleClient>,
    method: &str,
    params: Value,
    context: &CallContext,
    limit: Duration,
) -> Result<Value, CallError> {
    let request = ClientRequest::CustomRequest(CustomRequest::new(method, Some(params)));
    let known = life.calls.add(context);
    let sent = peer.send_cancellable_request(request, PeerRequestOptions::no_options()).await;
    let RequestHandle { mut rx, id, progress_token, .. } = sent.map_err(|error| failed(life, &error))?;
    known.sent(progress_token);
    let mut waiting = Waiting { peer: peer.clone(), id: Some(id) };
    let mut longest = Instant::now() + limit * LONGEST;
    let mut until = Instant::now() + limit;
    let answer = loop {
        tokio::select! {
            biased;
            answer = &mut rx => break answer,
            () = context.cancel.cancelled() => return Err(CallError::Cancelled),
            () = known.call.activity.notified() => {
                let now = Instant::now();
                // What a person took is not the server's.
                if known.call.has_asked() {
                    longest = longest.max(now + limit);
                }
                until = (now + limit).min(longest);
            }
            () = sleep_until(until), if !known.call.is_asking() => {
                return Err(CallError::TimedOut { server: life.spec.name.clone(), seconds: limit.as_secs() });
            }
        }
    };
    waiting.id = None;
    let result = answer.unwrap_or(Err(ServiceError::TransportClosed)).map_err(|error| failed(life, &error))?;
    Ok(serde_json::to_value(result).unwrap_or_default())
}

fn failed(life: &Life, error: &ServiceError) -> CallError {
    let server = life.spec.name.clone();
    match error {
        ServiceError::McpError(error) if error.code.0 == PAGES_FIRST => {
            let pages = elicitation::pages(&server, error.data.as_ref());
            CallError::PagesFirst { server, message: sentence(&error.message), pages }
        }
        ServiceError::McpError(error) => CallError::Refused { server, message: sentence(&error.message) },
        ServiceError::Cancelled { .. } => CallError::Cancelled,
        error if wants_login(error) => {
            life.needs_login();
            CallError::NeedsLogin(server)
        }
        ServiceError::TransportClosed => CallError::Lost { server, why: "the connection ended".to_owned() },
        ServiceError::TransportSend(error) => CallError::Lost { server, why: sentence(&transport_error(error)) },
        error => CallError::Lost { server, why: sentence(&error.to_string()) },
    }
}

fn wants_login(error: &ServiceError) -> bool {
    let ServiceError::TransportSend(error) = error else { return false };
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error.error.as_ref());
    while let Some(current) = cause {
        if current.is::<AuthRequiredError>() {
            return true;
        }
        cause = current.source();
    }
    false
}

/// The connection to the server, which is waited for while it is on its way.
pub(crate) async fn peer(life: &Life, context: &CallContext) -> Result<Peer<RoleClient>, CallError> {
    let status = tokio::select! {
        status = life.settled() => status,
        () = context.cancel.cancelled() => return Err(CallError::Cancelled),
    };
    let server = life.spec.name.clone();
    if status == Status::NeedsLogin {
        return Err(CallError::NeedsLogin(server));
    }
    let why = || match life.error() {
        Some(error) => error,
        None => "does not run".to_owned(),
    };
    life.peer().ok_or_else(|| CallError::NotReady { server, why: why() })
}
