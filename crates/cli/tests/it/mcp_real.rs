//! Servers of tools that others have written, from the npm registry and the package index. They run where Node and Python
//! are installed.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Mutex,
};

use codex_protocol::{ApprovalPolicy, SandboxMode, ServerMessage, ServerNotification, ThreadStartParams, TurnStatus};
use codex_testkit::run_to_end;
use serde_json::{Value, json};

use crate::{
    mcp_command::{Place, parameter, told},
    screen::terminal::Terminal,
    sdk::npm_package,
    session::Session,
    support,
};

const EVERYTHING: &str = "@modelcontextprotocol/server-everything@2026.8.31";
const PYTHON: &str = "mcp==1.30.0";

/// The main file of server-everything; `None` where there is no Node.
pub fn everything() -> Option<PathBuf> {
    let file = "node_modules/@modelcontextprotocol/server-everything/dist/index.js";
    Some(npm_package("mcp-everything", EVERYTHING, file)?.join(file))
}

/// A Python that has FastMCP, installed once for all runs; `None` where there is no Python 3.10, which is said.
#[allow(clippy::print_stderr, reason = "a test that is skipped says so")]
#[allow(clippy::disallowed_methods, reason = "Python is a part of the test")]
fn python() -> Option<PathBuf> {
    static INSTALLING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = INSTALLING.lock();
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mcp-python");
    let (python, there) = (directory.join("bin/python"), directory.join("is-complete"));
    let run = |program: &Path, arguments: &[&str]| run_to_end(Command::new(program).args(arguments), "");
    if there.exists() {
        return Some(python);
    }
    let fits = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))";
    if run(Path::new("python3"), &["-c", fits]).is_ok_and(|ended| ended.exit != 0) {
        eprintln!("skipped: there is no Python 3.10 with venv");
        return None;
    }
    let made = run(Path::new("python3"), &["-m", "venv", "--clear", directory.to_str().unwrap()]);
    if made.is_err() {
        eprintln!("skipped: there is no Python");
        return None;
    }
    let pip = ["-m", "pip", "--disable-pip-version-check", "--timeout=20", "--retries=2", "install", "--quiet", PYTHON];
    let installed = run(&python, &pip).unwrap();
    assert!(installed.exit == 0, "pip: {}", installed.stderr);
    fs::write(there, "").unwrap();
    Some(python)
}

/// A server that ends with its test.
pub struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// server-everything over HTTP: its address.
#[allow(clippy::disallowed_methods, reason = "the server is a part of the test")]
pub fn everything_over_http(file: &Path) -> (Running, String) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut command = Command::new("node");
    command.arg(file).arg("streamableHttp").env("PORT", port.to_string());
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let running = Running(child);
    assert!(lines.any(|line| line.unwrap().contains("listening on port")), "it does not listen");
    // What it says later is read, lest it stands still.
    std::thread::spawn(move || lines.for_each(drop));
    (running, format!("http://127.0.0.1:{port}/mcp"))
}

/// A server with logins: its address, and the file that it writes when it renews a token.
#[allow(clippy::disallowed_methods, reason = "the server is a part of the test")]
fn with_logins(directory: &Path, python: &Path) -> (Running, String, PathBuf) {
    let renewed = directory.join("renewed");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mcp/oauth_server.py");
    let mut command = Command::new(python);
    command.arg(script).arg(&renewed).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut address = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
    let running = Running(child);
    let address = address.trim().to_owned();
    let place_of = address.strip_prefix("http://").unwrap().split('/').next().unwrap();
    // It says where before it listens there.
    while TcpStream::connect(place_of).is_err() {
        std::thread::yield_now();
    }
    (running, address, renewed)
}

/// Where a browser that goes to `address` is led.
fn led_to(address: &str) -> String {
    let (host, path) = address.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let location = answer.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("location").then(|| value.trim().to_owned())
    });
    location.unwrap_or(answer)
}

/// What `codex mcp test NAME --json` says, and its exit code.
fn tested(place: &Place, name: &str) -> (i32, Value) {
    let (code, said, error) = place.run(&["test", name, "--json"]);
    (code, serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}{error}")))
}

fn names(said: &Value, what: &str) -> Vec<String> {
    let of = |it: &Value| it["name"].as_str().or(it.as_str()).unwrap().to_owned();
    said[what].as_array().unwrap().iter().map(of).collect()
}

#[test]
fn a_server_says_what_it_offers_over_either_transport() {
    not_inside_another_sandbox!();
    let Some(file) = everything() else { return };
    let place = Place::new();
    let (_running, address) = everything_over_http(&file);
    place.run(&["add", "here", "--", "node", file.to_str().unwrap(), "stdio"]);
    place.run(&["add", "there", "--url", &address]);
    for name in ["here", "there"] {
        let (code, said) = tested(&place, name);
        assert_eq!(code, 0, "{said:#}");
        assert_eq!((&said["ready"], &said["error"]), (&json!(true), &Value::Null), "{said:#}");
        for tool in ["echo", "get-sum", "get-tiny-image", "trigger-long-running-operation"] {
            assert!(names(&said, "tools").iter().any(|it| it == tool), "{name}: {tool}\n{said:#}");
        }
        assert!(!names(&said, "prompts").is_empty() && !names(&said, "resources").is_empty(), "{said:#}");
    }
    // For people, and what was never one.
    let (code, said, _) = place.run(&["test", "here"]);
    assert!(code == 0 && said.starts_with("here: ready after ") && said.contains("  tools ("), "{said}");
    place.run(&["add", "gone", "--", "node", "/nowhere/index.js"]);
    let (code, said, _) = place.run(&["test", "gone"]);
    assert!(code == 1 && said.starts_with("gone: not ready after "), "{said}");
    assert!(said.contains("  it wrote to standard error:\n"), "what it says of the reason is told\n{said}");
}

/// Adds a server to the settings of `place`, all of whose tools may be called.
fn add(place: &support::Place, name: &str, how: &str) {
    let path = place.home.join("config.toml");
    let before = fs::read_to_string(&path).unwrap();
    let server = format!("[mcp_servers.{name}]\ndefault_tools_approval_mode = \"approve\"\n{how}\n");
    fs::write(&path, before + &server).unwrap();
}

/// A turn with a server of these settings: what clients are told of how far calls are, and what the model is told at last.
async fn turn_with(name: &str, how: &str) -> (Vec<String>, String) {
    let call = |tool: &str, arguments: Value| json!({ "tool": format!("mcp__{name}__{tool}"), "arguments": arguments });
    let place = support::Place::new(json!({ "pick": "results", "steps": [
        call("get-sum", json!({ "a": 2, "b": 40 })),
        call("get-tiny-image", json!({})),
        call("trigger-long-running-operation", json!({ "duration": 0.5, "steps": 2 })),
        call("get-sum", json!({ "a": "two" })),
        { "text": "done" },
    ]}));
    add(&place, name, how);
    let (approval_policy, sandbox) = (Some(ApprovalPolicy::Never), Some(SandboxMode::WorkspaceWrite));
    let params = ThreadStartParams { approval_policy, sandbox, live_output: Some(true), ..Default::default() };
    let mut session = Session::with(&place, params).await;
    session.say("go").await;
    let mut far = Vec::new();
    loop {
        let ServerMessage::Event(event) = session.message().await else { panic!("nothing is asked") };
        match event.notification {
            ServerNotification::McpToolCallProgress(progress) => far.push(progress.message),
            ServerNotification::TurnCompleted(changed) => {
                assert_eq!(changed.turn.status, TurnStatus::Completed, "{:?}", changed.turn);
                return (far, place.server.requests().pop().unwrap().body["input"].to_string());
            }
            _ => {}
        }
    }
}

#[tokio::test]
async fn texts_pictures_and_progress_come_over_either_transport() {
    not_inside_another_sandbox!();
    let Some(file) = everything() else { return };
    let (_running, address) = everything_over_http(&file);
    for how in [format!("command = \"node\"\nargs = [{file:?}, \"stdio\"]"), format!("url = {address:?}")] {
        let (far, told) = turn_with("all", &how).await;
        assert!(told.contains("The sum of 2 and 40 is 42."), "{how}\n{told}");
        assert!(told.contains("data:image/png;base64,iVBORw0KGgo"), "{how}: a picture is shown as one\n{told}");
        assert!(told.contains("Long running operation completed."), "{how}\n{told}");
        assert!(told.contains("Failed: ") || told.contains("The tool failed. "), "{how}: wrong arguments\n{told}");
        assert!(far.contains(&"1 of 2".to_owned()), "{how}: {far:?}");
    }
}

/// Starts a login, and says what address it shows.
fn login(place: &Place, name: &str, pasting: bool) -> (Child, String) {
    let mut command = place.command(&["login", name, "--no-browser"]);
    let mut child = command.stdin(if pasting { Stdio::piped() } else { Stdio::null() }).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut shown = String::new();
    while !shown.contains("code_challenge") {
        shown.clear();
        assert!(stderr.read_line(&mut shown).unwrap() > 0, "no address is shown");
    }
    std::thread::spawn(move || stderr.lines().for_each(drop));
    (child, shown.trim().to_owned())
}

#[test]
fn a_login_lasts_is_renewed_once_and_ends() {
    not_inside_another_sandbox!();
    let Some(python) = python() else { return };
    let place = Place::new();
    let (_running, address, renewed) = with_logins(place.directory(), &python);
    place.run(&["add", "notes", "--url", &address]);
    let (code, said) = tested(&place, "notes");
    assert!(code == 1 && said["needs_login"] == json!(true), "{said:#}");

    // The whole address is pasted.
    let (mut child, shown) = login(&place, "notes", true);
    let led = led_to(&shown);
    assert!(led.starts_with(&parameter(&shown, "redirect_uri")), "{led}");
    writeln!(child.stdin.take().unwrap(), "{led}").unwrap();
    let (code, said, _) = told(&child.wait_with_output().unwrap());
    assert!(code == 0 && said.contains("You are logged in to `notes`"), "{said}");
    // The first token ends soon, so it is renewed; the next does not.
    for _ in 0..2 {
        let (code, said) = tested(&place, "notes");
        assert!(code == 0 && names(&said, "tools") == ["note"], "{said:#}");
        assert_eq!(fs::read_to_string(&renewed).unwrap(), "renewed\n");
    }
    let (code, said, _) = place.run(&["logout", "notes"]);
    assert!(code == 0 && said.contains("You are logged out of `notes`"), "{said}");
    let (code, said) = tested(&place, "notes");
    assert!(code == 1 && said["needs_login"] == json!(true), "{said:#}");

    // A browser is led back.
    let (child, shown) = login(&place, "notes", false);
    let page = led_to(&led_to(&shown));
    assert!(page.starts_with("HTTP/1.1 200 OK"), "{page}");
    let (code, said, _) = told(&child.wait_with_output().unwrap());
    assert!(code == 0 && said.contains("You are logged in to `notes`"), "{said}");
    assert_eq!(tested(&place, "notes").0, 0);
}

/// What `/mcp` shows is what holds now, and a login is begun there: by a browser, and by what is pasted.
#[test]
fn a_person_logs_in_from_the_screen() {
    not_inside_another_sandbox!();
    let Some(python) = python() else { return };
    for by_browser in [true, false] {
        let place = support::Place::new(json!([]));
        let (_running, address, _) = with_logins(place.home.parent().unwrap(), &python);
        add(&place, "notes", &format!("url = {address:?}"));
        // Wide enough for the address on one line.
        let mut terminal = Terminal::start(&place, &[], 40, 900);
        terminal.until("Ask, or /help").until(" · approval ");
        // It is said in the transcript as well; what is waited for is the list, which was opened before it was known.
        let is_listed = |screen: &str| screen.lines().any(|row| row.starts_with("› ○ notes  wants a login"));
        terminal.press("/mcp\r", "MCP servers").until_it("a list that says so", is_listed);
        terminal.press("\r", "log in");
        terminal.press("\x1b[B\r", "Log in to notes").until("code_challenge");
        let screen = terminal.screen();
        let shown = screen.split_whitespace().find(|word| word.contains("code_challenge")).unwrap();
        let led = led_to(shown);
        if by_browser {
            let page = led_to(&led);
            assert!(page.starts_with("HTTP/1.1 200 OK"), "{page}");
        } else {
            terminal.paste("nonsense");
            terminal.until("(8 characters, not shown)").press("\r", "cannot be logged in to");
            terminal.paste(&led);
            terminal.until(" characters, not shown)").send("\r");
        }
        terminal.until("you are logged in to notes").until("Ask, or /help");
        terminal.press("/mcp\r", "ready · 1 tools");
    }
}

#[test]
fn a_server_that_has_taken_its_token_back_is_logged_in_to_again() {
    not_inside_another_sandbox!();
    let Some(python) = python() else { return };
    let place = Place::new();
    let (_running, address, _) = with_logins(place.directory(), &python);
    place.run(&["add", "notes", "--url", &address]);
    let log_in = || {
        let (child, shown) = login(&place, "notes", false);
        led_to(&led_to(&shown));
        assert_eq!(told(&child.wait_with_output().unwrap()).0, 0);
        assert_eq!(tested(&place, "notes").0, 0);
    };
    log_in();
    let revoked = place.directory().join("revoked");
    fs::write(&revoked, "").unwrap();
    // Neither the token nor what renews it is taken any more: both are forgotten.
    let (code, said) = tested(&place, "notes");
    assert!(code == 1 && said["needs_login"] == json!(true), "{said:#}");
    let (_, said, _) = place.run(&["list"]);
    assert!(said.contains("not logged in"), "{said}");
    fs::remove_file(&revoked).unwrap();
    log_in();
}

/// The server of files, behind walls that let it write where the settings say, and nowhere else.
#[test]
fn the_server_of_files_works_where_the_settings_let_it() {
    not_inside_another_sandbox!();
    const PACKAGE: &str = "@modelcontextprotocol/server-filesystem@2026.8.31";
    let file = "node_modules/@modelcontextprotocol/server-filesystem/dist/index.js";
    let Some(directory) = npm_package("mcp-filesystem", PACKAGE, file) else { return };
    let file = directory.join(file);
    let write = |path: &Path| {
        let arguments = json!({ "path": path.join("made.txt"), "content": "made\n" });
        json!({ "tool": "mcp__fs__write_file", "arguments": arguments })
    };
    // Where commands see what lies beside the workspace.
    let base = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let [declared, other] = ["declared", "other"].map(|name| base.path().canonicalize().unwrap().join(name));
    [&declared, &other].into_iter().for_each(|path| fs::create_dir(path).unwrap());
    let steps = [write(Path::new("")), write(&declared), write(&other), json!({ "text": "done" })];
    let place = support::Place::below(base.path(), Value::from(steps.to_vec()));
    // It is started with all of them; where it works is what it is told, and what its walls let it.
    let args = json!([file, place.workspace, declared, other]);
    add(&place, "fs", &format!("command = \"node\"\nargs = {args}\nwritable_roots = [{declared:?}]"));
    let ran = place.codex(&["exec", "go"]).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let made = [&place.workspace, &declared, &other].map(|path| path.join("made.txt").exists());
    let told = place.server.requests().pop().unwrap().body["input"].to_string();
    assert_eq!(made, [true, true, false], "{told}");
    assert!(told.contains("Access denied"), "{told}");
}
