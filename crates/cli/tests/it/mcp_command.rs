//! `codex mcp`: what is configured, changes of the user's file, and logging in to a server of this test's own.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt as _,
    process::{Output, Stdio},
    thread,
};

use serde_json::{Value, json};

use crate::{
    app_server::client::Client,
    support::{self, codex},
};

/// A home and a project of its own.
pub struct Place {
    temp: tempfile::TempDir,
}

impl Place {
    pub fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        fs::create_dir_all(temp.path().join("home")).unwrap();
        fs::create_dir_all(temp.path().join("project/.git")).unwrap();
        Self { temp }
    }

    /// `codex mcp` with these arguments.
    pub fn command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = codex(&self.temp.path().join("home"));
        command.current_dir(self.temp.path().join("project")).arg("mcp").args(arguments);
        command
    }

    /// What came of it: exit code, standard output, standard error.
    pub fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        told(&self.command(arguments).output().unwrap())
    }

    /// Where all of it is.
    pub fn directory(&self) -> &std::path::Path {
        self.temp.path()
    }

    fn settings(&self) -> String {
        fs::read_to_string(self.temp.path().join("home/config.toml")).unwrap_or_default()
    }
}

/// Exit code, standard output, standard error.
pub fn told(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn servers_are_added_shown_and_removed_in_the_users_file_alone() {
    let place = Place::new();
    fs::write(place.temp.path().join("home/config.toml"), "# mine\nmodel = \"m\"\n").unwrap();
    let (code, said, error) = place.run(&["add", "docs", "--env", "API_KEY=sk-1", "--", "npx", "-y", "docs server"]);
    assert_eq!(code, 0, "{error}");
    assert!(said.starts_with("The server of tools `docs` is added in "), "{said}");
    let (code, ..) = place.run(&["add", "tracker", "--url", "https://t.example/mcp/", "--bearer-token-env-var", "T"]);
    assert_eq!(code, 0);
    let settings: toml::Table = place.settings().parse().unwrap();
    let servers = toml::Value::Table(settings["mcp_servers"].as_table().unwrap().clone());
    assert_eq!(
        serde_json::to_value(servers).unwrap(),
        json!({
            "docs": { "command": "npx", "args": ["-y", "docs server"], "env": { "API_KEY": "sk-1" } },
            "tracker": { "url": "https://t.example/mcp/", "bearer_token_env_var": "T" },
        })
    );
    assert!(place.settings().starts_with("# mine\nmodel = \"m\"\n"), "{}", place.settings());
    // What a project has is shown too, and not in force.
    let theirs = r#"{ "mcpServers": { "theirs": { "command": "evil" } } }"#;
    fs::write(place.temp.path().join("project/.mcp.json"), theirs).unwrap();
    let (code, said, error) = place.run(&["list"]);
    assert_eq!(code, 0, "{error}");
    for line in [
        "docs: npx -y \"docs server\"; on  (",
        "tracker: https://t.example/mcp/; on, with a token",
        "theirs: held back",
    ] {
        assert!(said.contains(line), "{line}\n{said}");
    }
    assert!(said.contains("`mcp_servers.docs.env.API_KEY`"), "a plain secret is named\n{said}");
    let (_, all, _) = place.run(&["list", "--json"]);
    let all: Vec<Value> = serde_json::from_str(&all).unwrap();
    assert_eq!(all[0]["transport"]["env"], json!({ "API_KEY": "…" }));
    assert_eq!((&all[1]["auth_status"], &all[2]["enabled"]), (&json!("bearer_token"), &json!(false)));
    let (code, one, _) = place.run(&["get", "docs"]);
    assert!(code == 0 && one.contains("  command: npx -y \"docs server\"\n") && one.contains("API_KEY=…"), "{one}");
    for text in [said, one, serde_json::to_string(&all).unwrap()] {
        assert!(!text.contains("sk-1"), "{text}");
    }
    // Another of the same name takes its place as a whole.
    let (code, said, _) = place.run(&["add", "docs", "--", "other"]);
    assert!(code == 0 && said.contains("is replaced in"), "{said}");
    assert!(!place.settings().contains("sk-1"), "{}", place.settings());
    assert_eq!(place.run(&["remove", "docs"]).0, 0);
    assert_eq!(place.run(&["remove", "tracker"]).0, 0);
    assert_eq!(place.settings().trim_end(), "# mine\nmodel = \"m\"");
    let (code, _, error) = place.run(&["remove", "docs"]);
    assert!(code == 1 && error.contains("there is no server of tools `docs`"), "{error}");
}

/// (arguments, exit code, what is said)
#[test]
fn what_is_wrong_changes_nothing() {
    let place = Place::new();
    place.run(&["add", "docs", "--", "npx"]);
    let before = place.settings();
    for (arguments, code, said) in [
        (&["add", "a b", "--", "x"][..], 2, "the name of a server may have"),
        (&["add", "x"], 2, "`codex mcp add x -- COMMAND …` or `codex mcp add x --url ADDRESS`"),
        (&["add", "x", "--url", "ftp://h"], 1, "`url` must be an address"),
        (&["add", "docs", "--url", "ftp://h"], 1, "`url` must be an address"),
        (&["add", "x", "--url", "http://h", "--", "y"], 2, "cannot be used with"),
        (&["add", "x", "--env", "A", "--", "y"], 2, "--env takes NAME=VALUE"),
        (&["add", "x", "--url", "http://h", "--bearer-token-env-var", "sk-1!"], 1, "name of an environment variable"),
        (&["get", "x"], 2, "there is no server of tools `x`; known: docs"),
        (&["test", "x"], 2, "there is no server of tools `x`; known: docs"),
        (&["login", "x"], 2, "there is no server of tools `x`; known: docs"),
        (&["logout", "x"], 2, "there is no server of tools `x`; known: docs"),
        (&["login", "docs"], 1, "is a program: there is no login"),
    ] {
        let (got, _, error) = place.run(arguments);
        assert_eq!(got, code, "{arguments:?}\n{error}");
        assert!(error.contains(said) && !error.contains("sk-1"), "{arguments:?}\n{error}");
    }
    assert_eq!(place.settings(), before);
    place.run(&["remove", "docs"]);
    for command in ["get", "login", "logout"] {
        let (code, _, error) = place.run(&[command, "x"]);
        assert!(code == 2 && error.contains("`x`; none is configured"), "{command}: {code} {error}");
    }
}

/// An authorization server and a server of tools, which knows one code.
fn server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let own = origin.clone();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let (path, body) = request(&mut stream);
            let (status, answer) = match path.as_str() {
                "/.well-known/oauth-authorization-server" => (
                    200,
                    json!({
                        "issuer": own,
                        "authorization_endpoint": format!("{own}/authorize"),
                        "token_endpoint": format!("{own}/token"),
                        "registration_endpoint": format!("{own}/register"),
                        "revocation_endpoint": format!("{own}/revoke"),
                        "response_types_supported": ["code"],
                        "code_challenge_methods_supported": ["S256"],
                    }),
                ),
                "/register" => (201, json!({ "client_id": "c", "redirect_uris": [] })),
                "/token" if body.contains("code=good") => (
                    200,
                    json!({ "access_token": "t0ken", "token_type": "bearer", "refresh_token": "r", "expires_in": 3600 }),
                ),
                "/token" => (400, json!({ "error": "invalid_grant" })),
                "/revoke" => (200, json!({})),
                _ => (404, json!({})),
            };
            let text = answer.to_string();
            let head = format!(
                "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: "
            );
            let _ = stream.write_all(format!("{head}{}\r\n\r\n{text}", text.len()).as_bytes());
        }
    });
    origin
}

fn request(stream: &mut TcpStream) -> (String, String) {
    let mut read = Vec::new();
    loop {
        let mut piece = [0; 4096];
        let got = stream.read(&mut piece).unwrap();
        read.extend_from_slice(&piece[..got]);
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let lower = head.to_ascii_lowercase();
            let length = lower.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return (head.split(' ').nth(1).unwrap_or_default().to_owned(), body.to_owned());
            }
        }
        if got == 0 {
            return Default::default();
        }
    }
}

/// The value of a parameter of an address.
pub fn parameter(address: &str, name: &str) -> String {
    let url = address.parse::<hyper::Uri>().unwrap();
    let query = url.query().unwrap_or_default().to_owned();
    let pair = query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")).map(str::to_owned));
    pair.unwrap().replace("%3A", ":").replace("%2F", "/")
}

#[test]
fn a_login_is_kept_for_the_user_alone_and_ended() {
    let place = Place::new();
    let origin = server();
    place.run(&["add", "tracker", "--url", &format!("{origin}/mcp")]);
    let (_, said, _) = place.run(&["list"]);
    assert!(said.contains("; on, not logged in"), "{said}");
    // A code that is none.
    let login = |pasted: &str| {
        let mut child = place.command(&["login", "tracker", "--no-browser"]);
        let mut child = child.stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(pasted.as_bytes()).unwrap();
        told(&child.wait_with_output().unwrap())
    };
    let (code, _, error) = login("bad\n");
    assert!(code == 1 && error.contains("cannot be logged in to"), "{error}");
    let (code, _, error) = login("http://127.0.0.1:1/callback?code=good&state=another\n");
    assert!(code == 1 && error.contains("the answer to another login"), "{error}");
    let (code, said, error) = login("good\n");
    assert_eq!(code, 0, "{error}");
    assert!(said.contains("You are logged in to `tracker`"), "{said}");
    let file = place.temp.path().join("home/mcp_credentials.json");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(fs::read_to_string(&file).unwrap().contains("t0ken"));
    for arguments in [&["list"][..], &["list", "--json"], &["get", "tracker", "--json"]] {
        let (_, said, error) = place.run(arguments);
        assert!(!said.contains("t0ken") && !error.contains("t0ken"), "{said}{error}");
    }
    let (_, said, _) = place.run(&["list"]);
    assert!(said.contains("; on, logged in"), "{said}");
    let (code, said, _) = place.run(&["logout", "tracker"]);
    assert!(code == 0 && said.contains("its token is given back"), "{said}");
    assert!(!file.exists());
    let (code, said, _) = place.run(&["logout", "tracker"]);
    assert!(code == 0 && said.contains("You were not logged in"), "{said}");
    // A server that is taken out leaves its token behind, which can be forgotten all the same.
    login("good\n");
    place.run(&["remove", "tracker"]);
    let (code, said, _) = place.run(&["logout", "tracker"]);
    assert!(code == 0 && said.contains("You are logged out of `tracker`") && !file.exists(), "{said}");
    let (code, _, error) = place.run(&["logout", "tracker"]);
    assert!(code == 2 && error.contains("there is no server of tools `tracker`"), "{error}");
}

#[test]
fn a_token_of_a_variable_is_shown_to_its_server() {
    let place = Place::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/mcp", listener.local_addr().unwrap());
    let heard = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut read = vec![0; 8192];
        let got = stream.read(&mut read).unwrap();
        String::from_utf8_lossy(&read[..got]).to_ascii_lowercase()
    });
    place.run(&["add", "tracker", "--url", &address, "--bearer-token-env-var", "T"]);
    let (_, said, error) = told(&place.command(&["test", "tracker"]).env("T", "s3cret").output().unwrap());
    assert!(heard.join().unwrap().contains("authorization: bearer s3cret"));
    assert!(!said.contains("s3cret") && !error.contains("s3cret"), "{said}{error}");
}

#[test]
fn a_browser_is_led_back_to_a_port_of_this_machine() {
    let place = Place::new();
    let origin = server();
    place.run(&["add", "tracker", "--url", &format!("{origin}/mcp")]);
    let mut child = place.command(&["login", "tracker", "--no-browser"]);
    let mut child = child.spawn().unwrap();
    // Standard input says nothing: the browser alone can answer.
    let mut shown = String::new();
    let mut stderr = child.stderr.take().unwrap();
    while !shown.contains("code_challenge_method") || !shown.ends_with('\n') {
        let mut piece = [0; 4096];
        let got = stderr.read(&mut piece).unwrap();
        assert!(got > 0, "{shown}");
        shown += std::str::from_utf8(&piece[..got]).unwrap();
    }
    let address = shown.lines().find(|line| line.contains("code_challenge")).unwrap().trim();
    let (state, redirect) = (parameter(address, "state"), parameter(address, "redirect_uri"));
    let port = redirect.strip_prefix("http://127.0.0.1:").unwrap().split('/').next().unwrap();
    let mut browser = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
    write!(browser, "GET /callback?code=good&state={state} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").unwrap();
    let mut page = String::new();
    browser.read_to_string(&mut page).unwrap();
    assert!(page.starts_with("HTTP/1.1 200 OK"), "{page}");
    let (code, said, _) = told(&child.wait_with_output().unwrap());
    assert!(code == 0 && said.contains("You are logged in to `tracker`"), "{said}");
    // A server that is elsewhere now gets nothing.
    let (_, said, _) = place.run(&["add", "tracker", "--url", &format!("{origin}/elsewhere")]);
    assert!(said.contains("is replaced"), "{said}");
    let (_, said, _) = place.run(&["list"]);
    assert!(said.contains("; on, not logged in"), "{said}");
}

#[test]
fn other_clients_log_in_too() {
    let place = support::Place::new(json!([]));
    let origin = server();
    let config = place.home.join("config.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("{text}\n[mcp_servers.tracker]\nurl = \"{origin}/mcp\"\n")).unwrap();
    let mut client = Client::start(&place, &[]);
    let begin = |client: &mut Client| {
        let begun = client.ask("mcpServer/oauth/login", json!({ "name": "tracker" })).unwrap();
        let address = begun["authorizationUrl"].as_str().unwrap();
        assert!(
            address.starts_with(&format!("{origin}/authorize?")) && address.contains("code_challenge"),
            "{address}"
        );
        begun["loginId"].clone()
    };
    let (first, second) = (begin(&mut client), begin(&mut client));
    // Another takes its place.
    let told = client.until("mcpServer/oauthLogin/completed")["params"].clone();
    assert_eq!((&told["loginId"], &told["success"]), (&first, &json!(false)));
    let paste = |login: &Value, text: &str| json!({ "loginId": login, "text": text });
    for (login, text, why) in [(&first, "good", "does not wait any more"), (&second, "bad", "cannot be logged in to")] {
        let error = client.ask("mcpServer/oauth/paste", paste(login, text)).unwrap_err();
        assert!(error["message"].as_str().unwrap().contains(why), "{error}");
    }
    client.ask("mcpServer/oauth/paste", paste(&second, "good")).unwrap();
    let told = client.until("mcpServer/oauthLogin/completed")["params"].clone();
    let expected = json!({ "name": "tracker", "success": true, "error": null, "loginId": second, "threadId": null });
    assert_eq!(told, expected);
    assert!(fs::read_to_string(place.home.join("mcp_credentials.json")).unwrap().contains("t0ken"));
    let error = client.ask("mcpServer/oauth/login", json!({ "name": "none" })).unwrap_err();
    assert!(error["message"].as_str().unwrap().contains("there is no server of tools `none`"), "{error}");
    // One that waits for nobody ends with its time.
    client.ask("mcpServer/oauth/login", json!({ "name": "tracker", "timeoutSecs": 0 })).unwrap();
    let told = client.until("mcpServer/oauthLogin/completed")["params"].clone();
    assert!(told["error"].as_str().unwrap().contains("nobody has logged in"), "{told}");
    client.end();
}
