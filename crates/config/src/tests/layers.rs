//! Which layer wins, and what the settings come to.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::{PROJECT, USER, check, check_error, load_in};
use crate::keys::{self, KEYS, Key, Kind, Status};
use crate::{ApprovalMode, Environment, SandboxMode, WireApi, WorkspaceWrite, api_key, project_root};

type Pairs<'a> = &'a [(&'a str, &'a str)];

#[test]
fn without_files_everything_is_a_default() {
    let loaded = check(&[], &[], &[]);
    let settings = &loaded.settings;
    assert_eq!((&*settings.model, &*settings.model_provider), ("o4-mini", "openai"));
    assert_eq!(settings.sandbox, SandboxMode::WorkspaceWrite);
    assert_eq!(settings.sandbox_workspace_write, WorkspaceWrite { network_access: false });
    assert_eq!(settings.ask_for_approval, ApprovalMode::Untrusted);
    assert_eq!(settings.api_key_env, "OPENAI_API_KEY");
    assert!(settings.add_dir.is_empty() && loaded.files.is_empty() && loaded.origins.iter().next().is_none());
    assert_eq!((&settings.model_reasoning_effort, settings.model_context_window), (&None, None));
    let openai = &settings.model_providers["openai"];
    assert_eq!(settings.model_providers.len(), 1);
    assert_eq!(openai.base_url.as_deref(), Some("https://api.openai.com/v1"));
    assert_eq!((openai.env_key.as_deref(), openai.wire_api), (Some("OPENAI_API_KEY"), WireApi::Responses));
    assert_eq!(loaded.origins.get("model").to_string(), "built-in default");
}

#[test]
fn the_higher_layer_wins_whatever_it_calls_the_key() {
    let user = (USER, "sandbox = \"danger-full-access\"\nask_for_approval = \"never\"\nmodel = \"a\"");
    let project = (PROJECT, "sandbox_mode = \"workspace-write\"\napproval_policy = \"on-request\"\nmodel = \"b\"");
    let both = check(&[user, project], &["--trust"], &[]);
    assert_eq!(both.settings.sandbox, SandboxMode::WorkspaceWrite);
    assert_eq!(both.settings.ask_for_approval, ApprovalMode::OnRequest);
    assert_eq!(both.settings.model, "b");
    assert!(both.origins.get("sandbox.mode").to_string().ends_with("p/.codex/config.toml:1:16"));
    assert_eq!(both.files.len(), 2);

    let typed = check(&[user, project], &["--trust", "model=c", "sandbox_mode=read-only", "model=d"], &[]);
    assert_eq!((&*typed.settings.model, typed.settings.sandbox), ("d", SandboxMode::ReadOnly));
    assert_eq!(typed.origins.get("model").to_string(), "-c model=…");
}

#[test]
fn tables_merge_and_directories_append() {
    let user = (
        USER,
        "add_dir = [\"~/a\", \"b\"]\n[sandbox_workspace_write]\nnetwork_access = true\nwritable_roots = [\"~/c\"]\n\
         [model_providers.x]\nbase_url = \"http://x/\"\nhttp_headers = { A = \"1\", B = \"2\" }\n",
    );
    let project =
        (PROJECT, "add_dir = [\"lib\", \"~/a\"]\n[model_providers.x]\nhttp_headers.B = \"sesame\"\nenv_key = \"X\"");
    let dirs = [("a/f", ""), (".codex/b/f", ""), ("c/f", ""), ("p/lib/f", ""), ("p/src/own/f", "")];
    let loaded = check(&[&[user, project], &dirs[..]].concat(), &["--trust", "add_dir=[\"own\"]"], &[]);
    let expected = ["~/a", "~/.codex/b", "~/c", "~/p/lib", "~/p/src/own"];
    assert_eq!(loaded.settings.add_dir, expected.map(PathBuf::from));
    assert_eq!(loaded.origins.get("add_dir[5]").to_string(), "-c add_dir=…");
    assert!(loaded.settings.sandbox_workspace_write.network_access);
    let x = &loaded.settings.model_providers["x"];
    assert_eq!((x.base_url.as_deref(), x.env_key.as_deref(), &*x.name), (Some("http://x"), Some("X"), "x"));
    assert_eq!(format!("{:?}", x.http_headers), r#"{"A": "1", "B": "sesame"}"#);
    assert!(!format!("{x:?}").contains("sesame"), "values of headers may be secrets");
    assert!(format!("{x:?}").contains("http://x"));
    let text = "model_providers.x.base_url = \"http://me:sesame@x\"";
    let x = &check(&[(USER, text)], &[], &[]).settings.model_providers["x"];
    assert!(!format!("{x:?}").contains("sesame"), "so may be parts of an address");
}

/// The level and the table of the same name, in whatever layers they stand.
#[test]
fn a_level_and_the_rest_of_its_table_meet() {
    use SandboxMode::{DangerFullAccess, ReadOnly, WorkspaceWrite};
    let table = "[sandbox]\nmode = \"read-only\"\nhide = [\"a\", \"/b\", \"~/c\"]\nallow_domains = [\"x.example\"]\n";
    let project = "sandbox_mode = \"read-only\"\n[sandbox]\nhide = [\"d\"]\n";
    let typed: &[&str] = &["sandbox=workspace-write", "sandbox.hide=[\"e\"]"];
    let cases: &[(&str, &str, &[&str], SandboxMode, &str)] = &[
        (table, "", &[], ReadOnly, "~/p/a /b ~/c"),
        (table, "sandbox = \"danger-full-access\"", &[], DangerFullAccess, "~/p/a /b ~/c"),
        ("sandbox = \"danger-full-access\"", project, &[], ReadOnly, "~/p/d"),
        (table, project, typed, WorkspaceWrite, "~/p/a /b ~/c ~/p/d ~/p/src/e"),
        ("", "", &["sandbox={mode = \"read-only\", hide = [\"e\"]}"], ReadOnly, "~/p/src/e"),
        ("", "", &["sandbox_mode=read-only", "sandbox.mode=workspace-write"], WorkspaceWrite, ""),
    ];
    for (user, project, arguments, mode, hidden) in cases {
        let arguments = [&["--trust"], *arguments].concat();
        let loaded = check(&[(USER, user), (PROJECT, project), ("p/src/e", "")], &arguments, &[]);
        assert_eq!(loaded.settings.sandbox, *mode, "{user} {project} {arguments:?}");
        let hide = &loaded.settings.sandbox_details.hide;
        assert_eq!(hide.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" "), *hidden);
    }
    let loaded = check(&[(USER, table), (PROJECT, project)], &["--trust"], &[]);
    for (key, origin) in [
        ("sandbox.mode", "p/.codex/config.toml:1:16"),
        ("sandbox.hide[0]", ".codex/config.toml:3:9"),
        ("sandbox.hide[3]", "p/.codex/config.toml:3:9"),
    ] {
        assert!(loaded.origins.get(key).to_string().ends_with(origin), "{key}");
    }
}

/// Rules add up, each with its place; those of another project do not hold here.
#[test]
fn rules_of_all_layers_and_of_this_project() {
    let user = "[permissions]\nallow = [\"a\",\n  \"b\"]\ndeny = [\"c\"]\n\
        [permissions.projects.\"~/p\"]\nallow = [\"d\"]\ndeny = [\"e\"]\n\
        [permissions.projects.\"~/q\"]\nallow = [\"f\"]\n";
    let project = "permissions.allow = [\"g\"]";
    let arguments = ["--trust", "permissions.deny=[\"h\"]", "permissions.deny=[\"i\"]", "permissions.ask=[\"j\"]"];
    let loaded = check(&[(USER, user), (PROJECT, project), ("q/x", "")], &arguments, &[]);
    let rules = loaded.settings.permissions.iter().map(|rule| {
        let origin = rule.origin.to_string();
        let place = origin.rsplit('/').next().unwrap();
        format!("{:?} {} {place}", rule.kind, rule.text)
    });
    let expected = [
        "Deny c config.toml:4:9",
        "Deny h -c permissions.deny=…",
        "Deny i -c permissions.deny=…",
        "Deny e config.toml:7:9",
        "Ask j -c permissions.ask=…",
        "Allow a config.toml:2:10",
        "Allow b config.toml:3:3",
        "Allow g config.toml:1:22",
        "Allow d config.toml:6:10",
    ];
    assert_eq!(rules.collect::<Vec<_>>(), expected);
}

#[test]
fn lists_that_add_up_are_known_by_their_path() {
    let table = [
        ("permissions.deny", true),
        ("permissions . allow", true),
        ("sandbox.hide", true),
        ("add_dir", true),
        ("sandbox_workspace_write.writable_roots", true),
        ("sandbox", false),
        ("sandbox.mode", false),
        ("model", false),
        ("nothing.deny", false),
    ];
    for (path, expected) in table {
        assert_eq!(keys::appends(path), expected, "{path}");
    }
}

#[test]
fn directories_that_are_missing() {
    let loaded = check(
        &[(USER, "add_dir = [\"/no/such\",\n  \"config.toml\", \"/\"]")],
        &[],
        &[
            "~/.codex/config.toml:1:12: `/no/such` does not exist, so it is not added",
            "~/.codex/config.toml:2:3: `~/.codex/config.toml` is not a directory, so it is not added",
        ],
    );
    assert_eq!(loaded.settings.add_dir, [PathBuf::from("/")]);
}

/// (user's file, arguments, provider, model).
#[test]
fn a_model_may_name_its_provider() {
    let local = "[model_providers.local]\nbase_url = \"http://x\"\n";
    let table: &[(&str, &[&str], &str, &str)] = &[
        ("model = \"local/qwen\"\n", &[], "local", "qwen"),
        ("model = \"openai/gpt-5\"\n", &[], "openai", "gpt-5"),
        ("model = \"qwen/qwen3\"\n", &[], "openai", "qwen/qwen3"),
        ("model = \"local/qwen/3\"\n", &[], "local", "qwen/3"),
        ("model = \"local/\"\n", &[], "local", ""),
        // A router's models carry names of other providers.
        ("model = \"openai/gpt-5\"\nmodel_provider = \"local\"\n", &[], "local", "openai/gpt-5"),
        ("", &["model=openai/gpt-5", "model_provider=local"], "local", "openai/gpt-5"),
        ("model_provider = \"local\"\n", &["model=openai/gpt-5"], "openai", "gpt-5"),
        ("model = \"local/a\"\n", &["model=b"], "local", "b"),
        ("", &["model=x/a", "model_providers.x.base_url=http://y"], "x", "a"),
        ("", &["model=local/a", "model=local/b"], "local", "b"),
    ];
    for (user, arguments, provider, model) in table {
        let settings = check(&[(USER, &format!("{user}{local}"))], arguments, &[]).settings;
        assert_eq!((&*settings.model_provider, &*settings.model), (*provider, *model), "{user} {arguments:?}");
    }
}

/// (user's file, environment, variable, value).
#[test]
fn api_keys_stay_with_their_provider() {
    let local = "model_provider = \"local\"\nmodel_providers.local.base_url = \"http://x\"\n";
    let table: &[(&str, Pairs, &str, Option<&str>)] = &[
        ("", &[], "OPENAI_API_KEY", None),
        ("", &[("OPENAI_API_KEY", " sk \n")], "OPENAI_API_KEY", Some("sk")),
        ("", &[("OPENAI_API_KEY", "")], "OPENAI_API_KEY", None),
        ("", &[("OPENAI_API_KEY", "sk"), ("CODEX_API_KEY", "ck")], "CODEX_API_KEY", Some("ck")),
        ("api_key_env = \"WORK\"", &[("OPENAI_API_KEY", "sk"), ("WORK", "wk")], "WORK", Some("wk")),
        ("model_providers.openai.env_key = \"WORK\"", &[("WORK", "wk")], "WORK", Some("wk")),
        (local, &[("OPENAI_API_KEY", "sk"), ("CODEX_API_KEY", "ck")], "", None),
        (
            &format!("{local}model_providers.local.env_key = \"L\""),
            &[("L", "lk"), ("CODEX_API_KEY", "ck")],
            "L",
            Some("lk"),
        ),
    ];
    for (user, pairs, variable, value) in table {
        let key = api_key(&check(&[(USER, user)], &[], &[]).settings, &Environment::from_pairs(pairs.iter().copied()))
            .unwrap();
        assert_eq!((&*key.variable, key.value.as_deref()), (*variable, *value), "{user}");
        assert!(!format!("{key:?}").contains("sk"));
    }
}

#[test]
fn providers_in_full() {
    let text = "openai_base_url = \"https://proxy.example/v1\"\napi_key_env = \"WORK\"\n\
        [model_providers.demo]\nname = \"Demo\"\nwire_api = \"anthropic\"\ngrammars = false\n\
        stream_idle_timeout_ms = 5000\nrequest_max_retries = 0\nstream_max_retries = 1\nenv_key_instructions = \"Ask.\"\n\
        query_params = { v = \"1\" }\nenv_http_headers = { X-Org = \"ORG\" }\n\
        [model_providers.\"a.b\"]\nwire_api = \"chat\"\n";
    let settings = check(&[(USER, text)], &[], &[]).settings;
    assert_eq!(settings.model_providers["a.b"].wire_api, WireApi::Chat);
    assert!(["ORG", "WORK"].iter().all(|name| settings.secret_variables.contains(*name)));
    assert!(!settings.secret_variables.contains("OPENAI_API_KEY"));
    let openai = &settings.model_providers["openai"];
    assert_eq!(openai.base_url.as_deref(), Some("https://proxy.example/v1"));
    assert_eq!((openai.timeouts.idle.as_secs(), openai.request_max_retries, openai.stream_max_retries), (300, 5, 5));
    assert_eq!((openai.timeouts.connect.as_secs(), openai.timeouts.first_byte.as_secs()), (15, 300));
    let demo = &settings.model_providers["demo"];
    assert_eq!((&*demo.name, demo.wire_api, demo.grammars), ("Demo", WireApi::Anthropic, Some(false)));
    assert_eq!((demo.timeouts.idle.as_secs(), demo.request_max_retries, demo.stream_max_retries), (5, 0, 1));
    assert_eq!((demo.timeouts.connect.as_secs(), demo.timeouts.first_byte.as_secs()), (15, 5));
    assert_eq!(demo.query_params["v"], "1");
}

#[test]
fn a_file_of_the_existing_cli_loads() {
    let text = r#"
model = "gpt-5-codex"
model_reasoning_effort = "ultra"
model_reasoning_summary = "auto"
model_verbosity = "low"
model_context_window = 400_000
approval_policy = "on-request"
sandbox_mode = "workspace-write"
preferred_auth_method = "apikey"
disable_response_storage = true
hide_agent_reasoning = false
show_raw_agent_reasoning = true
personality = "pragmatic"
notify = ["notify-send", "Codex"]
web_search = "live"
file_opener = "vscode"

[sandbox_workspace_write]
network_access = true
exclude_slash_tmp = false

[features]
unified_exec = true

[tools]
web_search = true

[history]
persistence = "none"

[tui]
notifications = true

[shell_environment_policy]
inherit = "core"

[mcp_servers.docs]
command = "npx"
args = ["-y", "docs"]

[projects."/home/me/work"]
trust_level = "trusted"

[notice]
hide_full_access_warning = true

[analytics]
enabled = false

[model_providers.ollama]
name = "Ollama"
base_url = "http://localhost:11434/v1"
wire_api = "chat"

[model_providers.azure]
name = "Azure"
base_url = "https://x.openai.azure.com/openai"
env_key = "AZURE_OPENAI_API_KEY"
query_params = { api-version = "2025-04-01-preview" }
requires_openai_auth = false

[profiles.fast]
model = "gpt-5-mini"
approval_policy = "never"
model_reasoning_summary = "none"
"#;
    let loaded = check(
        &[(USER, text)],
        &[],
        &[
            "~/.codex/config.toml:3:26: `ultra` is not a usual value of `model_reasoning_effort`; it is sent as it is",
            "~/.codex/config.toml: not used by this version: \
             features, tools, \
             model_providers.azure.requires_openai_auth",
        ],
    );
    assert_eq!(loaded.settings.model_context_window, Some(400_000));
    assert_eq!(loaded.settings.ask_for_approval, ApprovalMode::OnRequest);
    assert!(loaded.settings.sandbox_workspace_write.network_access);
    check(&[(USER, "web_search = \"disabled\"\nsearch = false\npermissions.deny = []\nadd_dir = []")], &[], &[]);
}

#[test]
fn files_that_cannot_be_read() {
    check_error(&[(".codex/config.toml/x", "")], &[], "~/.codex/config.toml: is not a file");
    check_error(&[("p/.codex/config.toml/x", "")], &[], "~/p/.codex/config.toml: is not a file");
    let large = "#".repeat((1 << 18) + 1);
    check_error(&[(USER, &large)], &[], "~/.codex/config.toml: is larger than 256 KiB, too large for settings");

    let home = tempfile::tempdir().unwrap();
    fs::create_dir_all(home.path().join(".codex")).unwrap();
    fs::create_dir_all(home.path().join("p/src")).unwrap();
    let file = home.path().join(USER);
    fs::write(&file, b"# ok\nmodel = \"\xff\"\n").unwrap();
    let error = load_in(home.path(), &[]).unwrap_err().to_string();
    assert!(error.contains("config.toml:2:10: this is not UTF-8 text"), "{error}");
    fs::remove_file(&file).unwrap();
    symlink("nowhere", &file).unwrap();
    assert!(load_in(home.path(), &[]).unwrap_err().message.starts_with("cannot be read: "));
}

#[test]
fn project_roots() {
    let temp = tempfile::tempdir().unwrap();
    let temp = fs::canonicalize(temp.path()).unwrap();
    for dir in [
        "home/.codex",
        "home/.git",
        "home/p/.git",
        "home/p/a/b",
        "home/p/q/.codex",
        "home/plain",
        "out/x/.codex",
        "out/x/y",
    ] {
        fs::create_dir_all(temp.join(dir)).unwrap();
    }
    fs::create_dir_all(temp.join("home/linked")).unwrap();
    fs::write(temp.join("home/linked/.git"), "gitdir: elsewhere").unwrap();
    symlink(temp.join("home/p/a"), temp.join("home/plain/link")).unwrap();
    let table = [
        ("home/p", Some("home/p")),
        ("home/p/a/b", Some("home/p")),
        // Settings further down are a layer, not another project.
        ("home/p/q", Some("home/p")),
        ("home/plain", None),
        ("home/plain/link", Some("home/p")),
        ("home/linked", Some("home/linked")),
        ("home", None),
        ("out/x/y", Some("out/x")),
    ];
    for (workspace, expected) in table {
        let got = project_root(&temp.join(workspace), &temp.join("home"));
        assert_eq!(got, expected.map(|path| temp.join(path)), "{workspace}");
    }
    // Only root can give a directory away.
    if std::os::unix::fs::chown(temp.join("out/x"), Some(65534), None).is_ok() {
        assert_eq!(project_root(&temp.join("out/x/y"), &temp.join("home")), None, "a stranger's directory steers");
    }
    assert_eq!(project_root(Path::new("/"), &temp), None);
}

/// Every key that is said to have an effect is one that resolving knows, and every default parses.
#[test]
fn the_table_of_keys_and_the_settings_agree() {
    fn sample(keys: &'static [Key], path: &str, out: &mut Vec<String>) {
        for key in keys.iter().filter(|key| key.status == Status::Used) {
            let value = match key.kind {
                Kind::Table(children) | Kind::Strict(children) | Kind::StrictOrFirst(children) => {
                    sample(children, &format!("{path}{}.", key.name), out);
                    continue;
                }
                Kind::Named(children) => {
                    let name = if key.name == "projects" { "\"/x\"" } else { "x" };
                    sample(children, &format!("{path}{}.{name}.", key.name), out);
                    continue;
                }
                Kind::Profiles => "{ x = {} }".into(),
                Kind::Url => "\"http://x\"".into(),
                Kind::Choice(names) | Kind::Suggested(names) | Kind::FlagOrChoice(names) => format!("{:?}", names[0]),
                Kind::Known(names) => format!("{:?}", names[0]),
                Kind::KnownTexts(names) | Kind::FlagOrKnownTexts(names) => format!("[{:?}]", names[0]),
                Kind::Lists => "{ z = [\"y\"] }".into(),
                // A server has a command or an address.
                Kind::Endpoint => {
                    out.push(format!("{}y.{} = \"http://x\"", path.trim_end_matches("x."), key.name));
                    continue;
                }
                Kind::Flag | Kind::FlagOrTexts => "false".into(),
                Kind::Count(least, _) => least.to_string(),
                Kind::Amount => "1.5".into(),
                Kind::Paths | Kind::ProjectPaths | Kind::Texts | Kind::Arguments | Kind::Variables => "[]".into(),
                Kind::TextMap | Kind::Headers | Kind::VariableHeaders => "{ z = \"y\" }".into(),
                Kind::Text if key.name == "default_profile" => continue,
                Kind::Text if key.name == "model_provider" => "\"x\"".into(),
                Kind::Text
                | Kind::Prose
                | Kind::TextOrFalse
                | Kind::TextOrTexts
                | Kind::Variable
                | Kind::ProjectPath => "\"x\"".into(),
                Kind::Hooks => "[]".into(),
                Kind::Any => unreachable!("{} is used, so it has a type", key.name),
            };
            out.push(format!("{path}{} = {value}", key.name));
        }
    }
    let mut lines = Vec::new();
    sample(KEYS, "", &mut lines);
    check(&[(USER, &lines.join("\n"))], &[], &[]);
    for key in KEYS.iter().filter(|key| !key.default.is_empty()) {
        check(&[(USER, &format!("{} = {}", key.name, key.default))], &[], &[]);
    }
    // Each choice that this version has a type for.
    for (key, names) in KEYS.iter().filter_map(|key| match key.kind {
        Kind::Choice(names) => Some((key.name, names)),
        Kind::StrictOrFirst([Key { kind: Kind::Choice(names), .. }, ..]) => Some((key.name, *names)),
        _ => None,
    }) {
        names.iter().for_each(|name| drop(check(&[(USER, &format!("{key} = {name:?}"))], &[], &[])));
    }
}
