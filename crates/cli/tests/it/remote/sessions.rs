//! What runs there, and how it ends.

use std::{fs, process::Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::{Elsewhere, Served, stderr, token};
use crate::{
    approvals::run,
    sandbox::visible_directory,
    support::{Place, events, wait_for},
};

fn script() -> Value {
    json!([run("pwd; echo hi > made"), { "text": "all done" }])
}

/// A line of events without what differs from one run to the next.
fn plain(mut event: Value) -> Value {
    for key in ["thread_id", "cost_usd"] {
        event.as_object_mut().unwrap().remove(key);
    }
    event
}

#[test]
fn exec_there_is_exec_here() {
    let (here, there) = (Place::new(script()), Place::new(script()));
    let own = here.codex(&["exec", "--json", "go"]).output().unwrap();
    let served = Served::start(&there, &[]);
    let elsewhere = Elsewhere::new();
    let mut remote = elsewhere.codex(&["--remote", &served.url, "exec", "--json", "-o", "answer", "go"]);
    let remote = remote.env("CODEX_REMOTE_TOKEN", token(&there)).output().unwrap();
    assert_eq!(remote.status.code(), Some(0), "{}", stderr(&remote));
    let workspace = |place: &Place| place.workspace.display().to_string();
    let text = |output: &[u8], place: &Place| String::from_utf8_lossy(output).replace(&workspace(place), "WORKSPACE");
    let lines = |output: &[u8], place: &Place| -> Vec<Value> {
        events(text(output, place).as_bytes()).into_iter().map(plain).collect()
    };
    assert_eq!(lines(&remote.stdout, &there), lines(&own.stdout, &here));
    assert!(there.workspace.join("made").exists(), "it ran there");
    assert_eq!(fs::read_to_string(elsewhere.path("answer")).unwrap(), "all done", "the file is here");
    assert!(!elsewhere.path("home/sessions").exists(), "the session is there");
}

#[test]
fn exec_resume_goes_on_there() {
    let place = Place::new(json!([{ "text": "one" }, { "text": "two" }]));
    let served = Served::start(&place, &[]);
    // On the same machine the token is found.
    let say = |arguments: &[&str]| {
        let arguments = [&["--remote", &served.url, "exec"], arguments].concat();
        let output = place.codex(&arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(say(&["first"]), "one\n");
    assert_eq!(say(&["resume", "--last", "second"]), "two\n");
    let request = place.server.requests().pop().unwrap().body.to_string();
    assert!(request.contains("first") && request.contains("second"), "{request}");
    assert_eq!(place.journals().len(), 1);
    // It was let go of: it can be gone on with here, without the server.
    drop(served);
}

#[test]
fn ctrl_c_interrupts_there() {
    let place = Place::new(json!([run("echo > started; sleep 1000"), { "text": "gone on" }]));
    let started = place.pipe("started");
    let served = Served::start(&place, &[]);
    let child = place.codex(&["--remote", &served.url, "exec", "go"]).spawn().unwrap();
    wait_for(&started, &child);
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    assert!(place.journals()[0].contains(r#""outcome":"interrupted""#));
    // Without a prompt it goes on there, as long as there is something to go on with.
    for (code, stdout, said) in [(0, "gone on\n", ""), (2, "", "nothing to go on with")] {
        let output = place.codex(&["--remote", &served.url, "exec", "resume", "--last"]).output().unwrap();
        let shown = (output.status.code(), String::from_utf8_lossy(&output.stdout));
        assert_eq!(shown, (Some(code), stdout.into()), "{}", stderr(&output));
        assert!(stderr(&output).contains(said), "{}", stderr(&output));
    }
}

#[test]
fn without_the_token_nothing_is_done_and_the_message_says_how_to_give_it() {
    let place = Place::new(script());
    let served = Served::start(&place, &[]);
    let elsewhere = Elsewhere::new();
    for given in [None, Some("0123456789abcdef0123456789abcdef")] {
        let mut command = elsewhere.codex(&["--remote", &served.url, "exec", "go"]);
        if let Some(given) = given {
            command.env("CODEX_REMOTE_TOKEN", given);
        }
        let output = command.stdin(Stdio::null()).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        let said = stderr(&output);
        assert!(said.contains("CODEX_REMOTE_TOKEN") && said.contains("--remote-token-file"), "{said}");
    }
    assert!(place.server.requests().is_empty());
    assert_eq!(served.stop().0, Some(0));
}

#[test]
fn named_tokens_open_the_server_until_they_are_revoked() {
    let place = Place::new(json!([{ "text": "one" }]));
    let served = Served::start(&place, &[]);
    let manage = |arguments: &[&str]| {
        let output = place.codex(&[&["serve", "token"], arguments].concat()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    let laptop = manage(&["add", "laptop", "--expires", "1h"]);
    let elsewhere = Elsewhere::new();
    fs::write(elsewhere.path("token"), &laptop).unwrap();
    let mut go = elsewhere.codex(&["--remote", &served.url, "--remote-token-file", "token", "exec", "go"]);
    let open = go.output().unwrap();
    assert_eq!(open.status.code(), Some(2), "others can read the file: {}", stderr(&open));
    rustix::fs::chmod(elsewhere.path("token"), rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
    let open = go.output().unwrap();
    assert_eq!(open.status.code(), Some(0), "{}", stderr(&open));
    let list = manage(&["list"]);
    assert!(list.contains("laptop") && !list.contains(laptop.trim()), "{list}");
    manage(&["revoke", "laptop"]);
    let closed = go.output().unwrap();
    assert_eq!(closed.status.code(), Some(2), "{}", stderr(&closed));
}

#[test]
fn a_client_works_where_the_server_lets_it_and_behind_its_walls() {
    let place = Place::new(json!([{ "text": "one" }, { "text": "two" }]));
    let (more, other) = (tempfile::tempdir_in("/var/tmp").unwrap(), tempfile::tempdir_in("/var/tmp").unwrap());
    let (more, other) = (more.path().to_str().unwrap(), other.path().to_str().unwrap());
    let served = Served::start(&place, &["--allow-cwd", more]);
    let table: [(&[&str], &str); 6] = [
        (&["--cd", more], ""),
        (&["--cd", other], "--allow-cwd"),
        (&["--cd", "/"], "--allow-cwd"),
        (&["--add-dir", other], "--allow-cwd"),
        (&["--sandbox", "danger-full-access"], "--sandbox danger-full-access"),
        (&["--sandbox", "read-only"], ""),
    ];
    for (flags, expected) in table {
        let arguments = [&["--remote", &served.url], flags, &["exec", "go"]].concat();
        let output = place.codex(&arguments).output().unwrap();
        let code = if expected.is_empty() { Some(0) } else { Some(2) };
        assert_eq!(output.status.code(), code, "{flags:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(expected), "{flags:?}: {}", stderr(&output));
    }
}

#[test]
fn the_servers_own_configuration_says_how_loose_the_walls_are() {
    let place = Place::new(json!([{ "text": "one" }, { "text": "two" }]));
    let config = std::fs::read_to_string(place.home.join("config.toml")).unwrap();
    std::fs::write(place.home.join("config.toml"), format!("sandbox = \"read-only\"\n{config}")).unwrap();
    let go = |served: &Served, sandbox: &str| {
        let arguments = ["--remote", &served.url, "--sandbox", sandbox, "exec", "go"];
        let output = place.codex(&arguments).output().unwrap();
        (output.status.code(), stderr(&output))
    };
    let served = Served::start(&place, &[]);
    let (code, said) = go(&served, "workspace-write");
    assert!(code == Some(2) && said.contains("gives `read-only` at most"), "{code:?}: {said}");
    assert_eq!(go(&served, "read-only").0, Some(0));
    drop(served);
    // A flag says it for this once.
    let served = Served::start(&place, &["--sandbox", "workspace-write"]);
    assert_eq!(go(&served, "workspace-write").0, Some(0));
}

#[test]
fn a_server_that_is_stopped_lets_turns_end_and_says_nothing_of_its_token() {
    let place = Place::new(json!([run("echo > started; read x < go"), { "text": "all done" }]));
    let (started, go) = (place.pipe("started"), place.unopened_pipe("go"));
    let served = Served::start(&place, &[]);
    let child = place.codex(&["--remote", &served.url, "exec", "go"]).spawn().unwrap();
    wait_for(&started, &child);
    let secret = token(&place);
    let stopping = std::thread::spawn(move || served.stop());
    fs::write(go, "x\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        (output.status.code(), output.stdout.as_slice()),
        (Some(0), b"all done\n".as_slice()),
        "{}",
        stderr(&output)
    );
    let (code, said) = stopping.join().unwrap();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("serve/token") && !said.contains(&secret), "{said}");
    assert!(place.journals()[0].contains(r#""outcome":"completed""#));
}

#[test]
fn a_server_that_is_started_again_finds_its_clients_and_marks_the_turn() {
    let place = Place::new(json!([run("echo > started; sleep 1000"), { "text": "gone on" }]));
    let started = place.pipe("started");
    let served = Served::start(&place, &[]);
    let (address, url) = (served.address().to_owned(), served.url.clone());
    let child = place.codex(&["--remote", &url, "exec", "go"]).spawn().unwrap();
    wait_for(&started, &child);
    served.kill();
    let served = Served::at(&place, &address, &[]);
    let output = child.wait_with_output().unwrap();
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.contains("is lost; trying again") && said.contains("connected to"), "{said}");
    let output = place.codex(&["--remote", &served.url, "exec", "resume", "--last", "go on"]).output().unwrap();
    assert_eq!(output.stdout, b"gone on\n", "{}", stderr(&output));
}

#[test]
fn exec_resume_without_a_prompt_leaves_a_turn_alone_that_runs() {
    let place = Place::new(json!([run("echo > started; read line < on"), { "text": "done" }]));
    let (started, on) = (place.pipe("started"), place.unopened_pipe("on"));
    let served = Served::start(&place, &[]);
    let child = place.codex(&["--remote", &served.url, "exec", "go"]).spawn().unwrap();
    wait_for(&started, &child);
    let output = place.codex(&["--remote", &served.url, "exec", "resume", "--last"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains("a turn is running in"), "{}", stderr(&output));
    fs::write(on, "on\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.stdout, b"done\n", "{}", stderr(&output));
}

#[test]
fn a_local_socket_is_its_owners_and_needs_no_token() {
    let place = Place::new(json!([{ "text": "one" }]));
    let path = place.home.join("socket");
    let address = format!("unix://{}", path.display());
    let served = Served::at(&place, &address, &[]);
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let output = Elsewhere::new().codex(&["--remote", &served.url, "exec", "go"]).output().unwrap();
    assert_eq!(output.stdout, b"one\n", "{}", stderr(&output));
    let second = place.codex(&["serve", &address]).output().unwrap();
    assert!(stderr(&second).contains("another server"), "{}", stderr(&second));
    assert_eq!(served.stop().0, Some(0));
    assert!(!path.exists());
}

#[test]
fn no_command_reaches_the_socket() {
    not_inside_another_sandbox!();
    let look = "test -e ../socket && test ! -S ../socket && echo masked";
    let place = Place::below(&visible_directory(), json!([run(look), { "text": "one" }]));
    let served = Served::at(&place, "unix://../socket", &[]);
    let socket = place.workspace.parent().unwrap().join("socket");
    assert_eq!(served.url, format!("unix://{}", socket.display()));
    assert!(std::os::unix::fs::FileTypeExt::is_socket(&fs::metadata(&socket).unwrap().file_type()));
    let output = place.codex(&["--remote", &served.url, "exec", "go"]).output().unwrap();
    assert_eq!(output.stdout, b"one\n", "{}", stderr(&output));
    let told = place.server.requests().pop().unwrap().body.to_string();
    assert!(told.contains("masked\\n"), "{told}");
    // Nor does one that another process of this program runs, which knows nothing of the server.
    let output = place.codex(&["sandbox", "-s", "workspace-write", "--", "sh", "-c", look]).output().unwrap();
    assert_eq!(output.stdout, b"masked\n", "{}", stderr(&output));
}

#[test]
fn a_connection_is_secret_and_the_server_is_known_by_its_fingerprint() {
    let place = Place::new(json!([{ "text": "one" }, { "text": "two" }]));
    let served = Served::start(&place, &["--tls"]);
    let url = served.url.clone();
    let (address, hash) = url.split_once("#sha256=").unwrap();
    assert!(address.starts_with("wss://127.0.0.1:"), "{address}");
    let say = |url: &str| place.codex(&["--remote", url, "exec", "go"]).output().unwrap();
    let known = say(&served.url);
    assert_eq!(known.stdout, b"one\n", "{}", stderr(&known));
    let other = format!("{address}#sha256={}", "0".repeat(hash.len()));
    for unknown in [address, other.as_str(), &address.replacen("wss", "ws", 1)] {
        let refused = say(unknown);
        assert_eq!(refused.status.code(), Some(2), "{unknown}: {}", stderr(&refused));
    }
    assert_eq!(place.server.requests().len(), 1);
    drop(served);
    let again = Served::at(&place, address.strip_prefix("wss://").unwrap(), &["--tls"]);
    assert_eq!(again.url, url, "the certificate is kept");
    let files = ["certificate.pem", "key.pem"].map(|name| place.home.join("serve").join(name));
    let files = files.map(|path| path.to_str().unwrap().to_owned());
    drop(again);
    let own = Served::start(&place, &["--tls-cert", &files[0], "--tls-key", &files[1]]);
    assert!(own.url.starts_with("wss://") && !own.url.contains('#'), "{}", own.url);
    let pinned = say(&format!("{}#sha256={hash}", own.url));
    assert_eq!(pinned.stdout, b"two\n", "{}", stderr(&pinned));
}

#[test]
fn what_others_on_the_way_could_use_is_refused_without_encryption() {
    let place = Place::new(json!([]));
    // Nobody is there, and nobody needs to be.
    let say = |flags: &[&str]| {
        let arguments = [&["--remote", "ws://192.0.2.1.invalid:1"], flags, &["exec", "go"]].concat();
        let output = place.codex(&arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        stderr(&output)
    };
    assert!(say(&[]).contains("is not encrypted"));
    for flags in [&["--full-auto"][..], &["--sandbox", "danger-full-access"]] {
        let said = say(flags);
        assert!(said.contains("--insecure-plaintext") && !said.contains("is not encrypted"), "{said}");
        assert!(say(&[&["--insecure-plaintext"], flags].concat()).contains("is not encrypted"));
    }
    let served = Served::at(&place, "0.0.0.0:0", &[]);
    let (code, said) = served.stop();
    assert!(code == Some(0) && said.contains("without TLS") && said.contains("ssh -L"), "{said}");
    let refused = place.codex(&["serve", "0.0.0.0:0", "--insecure-no-auth"]).output().unwrap();
    assert!(stderr(&refused).contains("only a loopback address"), "{}", stderr(&refused));
}

#[test]
fn commands_cannot_read_the_token() {
    let steps = json!([run("cat ../home/seen; cat ../home/serve/*; ls ../home/serve; echo over"), { "text": "one" }]);
    let place = Place::below(&visible_directory(), steps);
    fs::write(place.home.join("seen"), "what lies beside it is seen").unwrap();
    let served = Served::start(&place, &[]);
    let output = place.codex(&["--remote", &served.url, "exec", "go"]).output().unwrap();
    assert_eq!(output.stdout, b"one\n", "{}", stderr(&output));
    let told = place.server.requests().pop().unwrap().body.to_string();
    assert!(told.contains("beside it is seen") && told.contains("over"), "{told}");
    assert!(!told.contains(&token(&place)), "{told}");
}

#[test]
fn commands_cannot_read_a_token_of_the_users_own_making() {
    not_inside_another_sandbox!();
    let steps = json!([run("cat token; echo over"), { "text": "one" }]);
    let place = Place::new(steps);
    let path = place.workspace.join("token");
    fs::write(&path, "a-token-of-my-own").unwrap();
    rustix::fs::chmod(&path, rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
    let served = Served::start(&place, &["--token-file", "token"]);
    let output =
        place.codex(&["--remote", &served.url, "--remote-token-file", "token", "exec", "go"]).output().unwrap();
    assert_eq!(output.stdout, b"one\n", "{}", stderr(&output));
    let told = place.server.requests().pop().unwrap().body.to_string();
    assert!(told.contains("over") && !told.contains("of-my-own"), "{told}");
}
