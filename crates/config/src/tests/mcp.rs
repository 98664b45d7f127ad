//! Servers of tools in files of settings.

use std::{path::Path, time::Duration};

use super::{USER, check_error, load_files};
use crate::{McpApproval, McpNetwork, McpTransport, plugin_servers};

#[test]
fn a_file_of_the_existing_cli_means_the_same() {
    let text = r#"
[mcp_servers.docs]
command = "npx"
args = ["-y", "docs-server", "", "two\nlines"]
env = { LOG_LEVEL = "warn" }
env_vars = ["DOCS_TOKEN", { name = "OTHER", source = "local" }]
startup_timeout_sec = 20
tool_timeout_sec = 0.5
enabled_tools = ["search"]
disabled_tools = ["publish"]
default_tools_approval_mode = "prompt"
tools.search.approval_mode = "approve"

[mcp_servers.tracker]
url = "https://tracker.example.com/mcp/"
bearer_token_env_var = "TRACKER_TOKEN"
http_headers = { X-Region = "eu", Authorization = "Bearer sk-1" }
env_http_headers = { X-Key = "TRACKER_KEY" }
enabled = false
required = true
startup_timeout_ms = 2500
"#;
    let loaded = load_files(&[(USER, text)], &[]).unwrap();
    assert_eq!(loaded.warnings, []);
    let docs = &loaded.settings.mcp.servers["docs"];
    let McpTransport::Stdio(program) = &docs.transport else { panic!("{docs:?}") };
    assert_eq!(program.args, ["-y", "docs-server", "", "two\nlines"]);
    assert_eq!(program.env_vars, ["DOCS_TOKEN", "OTHER"]);
    assert_eq!(docs.startup_timeout, Duration::from_secs(20));
    assert_eq!(docs.tool_timeout, Duration::from_millis(500));
    assert_eq!(
        (docs.tools.only.as_deref(), &docs.tools.not[..]),
        (Some(&["search".to_owned()][..]), &["publish".to_owned()][..])
    );
    assert_eq!((docs.tools.approval, docs.tools.approvals["search"]), (McpApproval::Prompt, McpApproval::Approve));
    assert!(docs.enabled && docs.walls.sandbox && docs.walls.network == McpNetwork::Nothing);
    let tracker = &loaded.settings.mcp.servers["tracker"];
    let McpTransport::Http(address) = &tracker.transport else { panic!("{tracker:?}") };
    assert_eq!(address.url, "https://tracker.example.com/mcp/");
    assert_eq!((tracker.enabled, tracker.required), (false, true));
    assert_eq!(tracker.startup_timeout, Duration::from_millis(2500));
    assert_eq!(tracker.plain_secrets(), ["http_headers.Authorization"]);
    assert!(!format!("{loaded:?}").contains("LOG_LEVEL\": \"warn"), "values of variables are part of no text");
    assert!(!format!("{:?}", loaded.settings).contains("sk-1"), "nor are headers");
    for secret in ["TRACKER_TOKEN", "TRACKER_KEY"] {
        assert!(loaded.settings.secret_variables.contains(secret), "commands must not see {secret}");
    }
    let shown: Vec<_> = loaded.explain().into_iter().filter_map(|key| Some((key.key, key.value?.shown))).collect();
    let of = |key: &str| &shown.iter().find(|(name, _)| name == key).unwrap().1;
    assert_eq!(of("mcp_servers.docs.env.LOG_LEVEL"), "\"…\"");
    assert_eq!(of("mcp_servers.tracker.http_headers.Authorization"), "\"…\"");
}

/// What is ours: (keys, walls).
#[test]
fn the_walls_of_a_server() {
    let table = [
        ("sandbox = false", (false, 0, McpNetwork::Nothing)),
        ("writable_roots = [\"data\", \"/x\"]", (true, 2, McpNetwork::Nothing)),
        ("network = true", (true, 0, McpNetwork::All)),
        ("network = false", (true, 0, McpNetwork::Nothing)),
        ("network = [\"docs.rs\"]", (true, 0, McpNetwork::Only(vec!["docs.rs".into()]))),
    ];
    for (keys, (sandbox, roots, network)) in table {
        let text = format!("[mcp_servers.x]\ncommand = \"y\"\n{keys}\n");
        let walls = load_files(&[(USER, &text)], &[]).unwrap().settings.mcp.servers["x"].walls.clone();
        assert!(walls.writable_roots.iter().all(|path| path.is_absolute()), "{walls:?}");
        assert_eq!((walls.sandbox, walls.writable_roots.len(), walls.network), (sandbox, roots, network), "{keys}");
    }
}

/// (keys of a server, what is said)
#[test]
fn what_is_wrong_is_said_with_its_place() {
    let errors = [
        (
            "command = \"y\"\nurl = \"http://h/\"",
            "~/.codex/config.toml:3:7: `command` and `url` exclude each other: a server is started here, or is elsewhere \
             (server of tools `x`)",
        ),
        ("command = [\"y\"]", "~/.codex/config.toml:2:11: `command` must be a string, not a list"),
        ("url = \"h\"", "~/.codex/config.toml:2:7: `url` must be an address that begins with `https://` or `http://`"),
        (
            "url = \"http://h\"\nbearer_token_env_var = \"sk-1!\"",
            "~/.codex/config.toml:3:24: `bearer_token_env_var` must be the name of an environment variable, not the key itself",
        ),
        (
            "command = \"y\"\nenv_vars = [\"A=sk-1\"]",
            "~/.codex/config.toml:3:13: `env_vars` must be the name of an environment variable, not the value itself",
        ),
        (
            "command = \"y\"\ntool_timeout_sec = 0",
            "~/.codex/config.toml:3:20: `tool_timeout_sec` must be from a millisecond to a year (server of tools `x`)",
        ),
        (
            "command = \"y\"\ndisable_tools = [\"rm\"]",
            "~/.codex/config.toml:3:1: unknown key `disable_tools` in `[mcp_servers.x]`: a rule that is not understood is \
             not enforced either",
        ),
        (
            "command = \"y\"\ndefault_tools_approval_mode = \"always\"",
            "~/.codex/config.toml:3:31: `always` is not a value of `default_tools_approval_mode`: it must be `auto`, \
             `prompt` or `approve`",
        ),
    ];
    for (keys, said) in errors {
        let text = format!("[mcp_servers.x]\n{keys}\n");
        let error = load_files(&[(USER, &text)], &[]).unwrap_err().to_string();
        assert!(error.starts_with(said), "{keys}\n{error}");
        assert!(!error.contains("sk-1"), "{error}");
    }
    check_error(
        &[(USER, "mcp_oauth_callback_port = 0")],
        &[],
        "~/.codex/config.toml:1:27: `mcp_oauth_callback_port` must be a whole number from 1 to 65535\n  \
         1 | mcp_oauth_callback_port = …\n    |                           ^",
    );
    let warnings = [
        (
            "[mcp_servers.x]\nargs = [\"a\"]",
            "~/.codex/config.toml:2:8: the server of tools `x` is left out: it has neither a `command` nor a `url`, \
             and no plugin that is in use brings a server of this name",
        ),
        (
            "[mcp_servers.\"a b\"]\ncommand = \"y\"",
            "~/.codex/config.toml:2:11: the server of tools `a b` is left out: its name may have letters, digits, `-` and `_`, at most 64",
        ),
        ("[mcp_servers.x]\nenabled = false", ""),
        (
            "[mcp_servers.x]\ncommand = \"y\"\ncolour = 1",
            "~/.codex/config.toml:3:1: unknown key `colour` in `[mcp_servers.x]`",
        ),
    ];
    for (text, said) in warnings {
        let loaded = load_files(&[(USER, text)], &[]).unwrap();
        let told: Vec<&str> = loaded.warnings.iter().map(|warning| warning.message.as_str()).collect();
        assert_eq!(told, Vec::from_iter((!said.is_empty()).then_some(said)), "{text}");
    }
}

/// Of a server that a plugin brings the user's table narrows what is offered, and says when it asks; not what it is.
#[test]
fn a_table_without_a_command_is_added_to_what_a_plugin_brings() {
    let manifest = "[mcp_servers.s]\ncommand = \"x\"\nenabled_tools = [\"a\", \"b\"]\ntool_timeout_sec = 3";
    let (mut servers, _) = plugin_servers(Path::new("/p/plugin.toml"), manifest).unwrap();
    let table = "plugins.p.enabled = true\n[mcp_servers.s]\nenabled_tools = [\"b\", \"c\"]\ndisabled_tools = [\"d\"]\n\
        default_tools_approval_mode = \"prompt\"\nstartup_timeout_sec = 7\nsandbox = false\nenv = { A = \"1\" }\n\
        [mcp_servers.s.tools.b]\napproval_mode = \"approve\"";
    let loaded = load_files(&[(USER, table)], &[]).unwrap();
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    let mut additions = loaded.settings.mcp.additions;
    let mut found = servers.remove("s").unwrap();
    let told = additions["s"].clone().add_to("s", &mut found).unwrap().message;
    assert!(told.contains("is a plugin's, and `env`, `sandbox` of this table is not used"), "{told}");
    assert_eq!((&found.tools.only, &found.tools.not), (&Some(vec!["b".into()]), &vec!["d".into()]));
    assert_eq!((found.tools.approval, found.tools.approvals["b"]), (McpApproval::Prompt, McpApproval::Approve));
    assert_eq!((found.startup_timeout.as_secs(), found.tool_timeout.as_secs(), found.walls.sandbox), (7, 3, true));
    assert!(found.enabled && !found.required);
    let told = additions.remove("s").unwrap().left_out("s").unwrap().message;
    assert!(told.contains("`s` is left out: it has neither"), "{told}");
}

/// The file of other agents.
const THEIRS: &str = r#"{ "mcpServers": {
  "docs": { "command": "npx", "args": ["-y", "${PACKAGE:-docs-server}", "--as=${USER_NAME}"], "env": { "TOKEN": "${TOKEN}" } },
  "tracker": { "type": "http", "url": "${BASE:-https://tracker.example}/mcp", "headers": { "X-Key": "sk-1" } },
  "old": { "type": "sse", "url": "https://old.example/sse" },
  "both": { "command": "a", "url": "https://b" },
  "wrong": { "command": ["a"] },
  "unset": { "command": "${NOT_SET}" },
  "off": { "command": "c", "disabled": true }
} }"#;

#[test]
fn a_file_of_other_agents_counts_once_it_is_trusted() {
    let files = [("p/.mcp.json", THEIRS), ("p/.git/HEAD", "")];
    let variables = ["$USER_NAME=me", "$TOKEN=sk-2"];
    let held = load_files(&files, &variables).unwrap();
    assert!(held.settings.mcp.servers.is_empty(), "{:?}", held.settings.mcp);
    let wanted: Vec<String> = held
        .trust
        .files
        .iter()
        .flat_map(|file| &file.held)
        .map(|held| format!("{} = {}", held.key, held.value))
        .collect();
    // As they stand: nothing of the user's environment gets into the question.
    for line in [
        "mcp_servers.docs.command = \"npx\"",
        "mcp_servers.docs.args = [\"-y\", \"${PACKAGE:-docs-server}\", \"--as=${USER_NAME}\"]",
        "mcp_servers.docs.env.TOKEN = \"…\"",
        "mcp_servers.tracker.url = \"${BASE:-https://tracker.example}/mcp\"",
        "mcp_servers.unset.command = \"${NOT_SET}\"",
    ] {
        assert!(wanted.iter().any(|it| it == line), "{line}\n{wanted:#?}");
    }
    let warnings: Vec<&str> = held.warnings.iter().map(|warning| warning.message.as_str()).collect();
    assert_eq!(warnings.len(), 4, "{warnings:#?}");
    assert!(warnings[3].starts_with(
        "~/p/.mcp.json: this project is not trusted, so these settings of its file are held back: `mcp_servers."
    ));

    let loaded = load_files(&files, &[&variables[..], &["--trust"]].concat()).unwrap();
    let servers = &loaded.settings.mcp.servers;
    assert_eq!(servers.keys().collect::<Vec<_>>(), ["docs", "off", "tracker"]);
    let McpTransport::Stdio(docs) = &servers["docs"].transport else { panic!("{servers:?}") };
    assert_eq!(
        (&docs.args[1..], docs.env["TOKEN"].as_str()),
        (&["docs-server".to_owned(), "--as=me".to_owned()][..], "sk-2")
    );
    assert!(servers["docs"].walls.sandbox && !servers["off"].enabled);
    let McpTransport::Http(tracker) = &servers["tracker"].transport else { panic!("{servers:?}") };
    assert_eq!((tracker.url.as_str(), tracker.headers["X-Key"].as_str()), ("https://tracker.example/mcp", "sk-1"));
    let warnings: Vec<String> = loaded.warnings.iter().map(|warning| warning.message.clone()).collect();
    assert_eq!(
        warnings,
        [
            "~/p/.mcp.json:4:3: the server of tools `old` is left out: its type `sse` is not known; known: stdio, http",
            "~/p/.mcp.json:5:3: the server of tools `both` is left out: it must have a `command` or a `url`",
            "~/p/.mcp.json:6:3: the server of tools `wrong` is left out: `command` must be a string, not a list",
            "~/p/.mcp.json:7:3: the server of tools `unset` is left out: the variable `NOT_SET` is not set",
        ]
    );
}

/// What a stranger's file says stops nothing: (its text, what is said).
#[test]
fn a_file_of_other_agents_stops_nothing() {
    let table = [
        ("{", "~/p/.mcp.json:1:1: line 1 is no JSON, so its servers of tools are left out"),
        ("{\"mcpServers\": 3}", ""),
        ("[]", ""),
    ];
    for (text, said) in table {
        let loaded = load_files(&[("p/.mcp.json", text), ("p/.git/HEAD", "")], &["--trust"]).unwrap();
        let told: Vec<String> = loaded.warnings.iter().map(|warning| warning.message.clone()).collect();
        assert_eq!(told.join("\n"), said, "{text}");
    }
}

/// What the user's own server gets is not for a project's of the same name; walls that the user opens for a project's are.
#[test]
fn a_server_of_another_file_is_another() {
    let user = "[mcp_servers.docs]\nurl = \"https://mine/\"\nbearer_token_env_var = \"MINE\"\nsandbox = false\n\
                [mcp_servers.own]\nnetwork = true";
    let project = "[mcp_servers.docs]\nurl = \"https://theirs/\"\n[mcp_servers.own]\ncommand = \"x\"";
    let servers =
        load_files(&[(USER, user), ("p/.codex/config.toml", project)], &["--trust"]).unwrap().settings.mcp.servers;
    let McpTransport::Http(docs) = &servers["docs"].transport else { panic!("{servers:?}") };
    assert_eq!((docs.url.as_str(), &docs.bearer_token_env_var), ("https://theirs/", &None));
    assert!(servers["docs"].walls.sandbox);
    assert_eq!(servers["own"].walls.network, McpNetwork::All);
    let typed = load_files(&[(USER, user)], &["mcp_servers.docs.url=https://other/"]).unwrap().settings.mcp.servers;
    let McpTransport::Http(docs) = &typed["docs"].transport else { panic!("{typed:?}") };
    assert_eq!((docs.url.as_str(), docs.bearer_token_env_var.as_deref()), ("https://other/", Some("MINE")));
}

#[test]
fn a_directory_that_keeps_the_place_of_the_file_is_none() {
    let loaded = load_files(&[("p/.mcp.json/x", ""), ("p/.git/HEAD", "")], &["--trust"]).unwrap();
    assert!(loaded.warnings.is_empty() && loaded.settings.mcp.servers.is_empty(), "{:?}", loaded.warnings);
}

/// Whoever names a whole server names another one: nothing that the user's had is for it. A key of a server changes the user's.
#[test]
fn a_whole_server_of_the_command_line_inherits_nothing() {
    let user = "[mcp_servers.docs]\nurl = \"https://docs.example/mcp\"\nbearer_token_env_var = \"DOCS_TOKEN\"\n\
                http_headers = { A = \"sk-1\" }\ntools.search.approval_mode = \"approve\"\n\
                [mcp_servers.build]\ncommand = \"build\"\nenv = { TOKEN = \"sk-2\" }\nsandbox = false\n\
                [mcp_servers.rules.tools.x]\napproval_mode = \"approve\"\n";
    for whole in [
        &[r#"mcp_servers.docs={url="https://other.example"}"#, r#"mcp_servers.build={command="/tmp/x"}"#][..],
        &[r#"mcp_servers={docs={url="https://other.example"},build={command="/tmp/x"}}"#],
    ] {
        let servers = load_files(&[(USER, user)], whole).unwrap().settings.mcp.servers;
        let McpTransport::Http(docs) = &servers["docs"].transport else { panic!("{servers:?}") };
        assert_eq!((docs.url.as_str(), docs.headers.len()), ("https://other.example", 0));
        assert!(docs.bearer_token_env_var.is_none() && servers["docs"].tools.approvals.is_empty(), "{servers:?}");
        let McpTransport::Stdio(build) = &servers["build"].transport else { panic!("{servers:?}") };
        assert!(build.env.is_empty() && servers["build"].walls.sandbox, "{servers:?}");
    }
    // Nor what the command line said before of another one; what it says after that is of this one.
    let before = [
        r#"mcp_servers.docs.bearer_token_env_var="DOCS_TOKEN""#,
        r#"mcp_servers={docs={url="https://docs.example",http_headers={A="sk-1"}}}"#,
        r#"mcp_servers."docs"={url="https://other.example"}"#,
        "mcp_servers.docs.enabled=false",
    ];
    let servers = load_files(&[], &before).unwrap().settings.mcp.servers;
    let McpTransport::Http(docs) = &servers["docs"].transport else { panic!("{servers:?}") };
    assert_eq!((docs.url.as_str(), docs.headers.len()), ("https://other.example", 0));
    assert!(docs.bearer_token_env_var.is_none() && !servers["docs"].enabled, "{servers:?}");
    let whole = [r#"mcp_servers."rules"={command="/tmp/x"}"#];
    assert!(load_files(&[(USER, user)], &whole).unwrap().settings.mcp.servers["rules"].tools.approvals.is_empty());
    let key = [r#"mcp_servers.docs.url="https://other.example""#];
    let servers = load_files(&[(USER, user)], &key).unwrap().settings.mcp.servers;
    let McpTransport::Http(docs) = &servers["docs"].transport else { panic!("{servers:?}") };
    assert_eq!(
        (docs.url.as_str(), docs.bearer_token_env_var.as_deref()),
        ("https://other.example", Some("DOCS_TOKEN"))
    );
}
