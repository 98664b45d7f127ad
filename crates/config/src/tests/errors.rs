//! Errors as the user reads them.

use super::{PROJECT, USER, check, check_error};
use crate::Environment;

/// The example that is passed around, as it looks after its line breaks were lost.
const ONE_LINE: &str = concat!(
    r#"model = "o4-mini" sandbox = "workspace-write" ask_for_approval = "untrusted" "#,
    r#"[profiles.work] model = "gpt-4.1" api_key_env = "OPENAI_WORK_API_KEY" "#,
    r#"add_dir = ["/shared-libs", "/company-docs"] [profiles.fast] model = "o4-mini" sandbox = "read-only" "#,
    r#"[permissions] allow = ["git diff", "git log", "git status", "npm test"] "#,
    r#"deny = ["destructive-commands", "privilege-escalation", "disk-operations"]"#,
);

fn user(text: &str, expected: &str) {
    check_error(&[(USER, text)], &[], expected);
}

#[test]
fn a_file_on_one_line() {
    user(
        ONE_LINE,
        "~/.codex/config.toml:1:19: a line break is missing before `sandbox` (column 19)
  1 | model = \"o4-mini\" sandbox = \"workspace-write\" ask_for_approval = \"untrusted\" [profiles.work] model =…
    |                   ^^^^^^^
  hint: the whole file is one line: its line breaks were lost; begin a new line before each `key =` and each `[table]`",
    );
}

#[test]
fn the_same_file_with_its_line_breaks() {
    let mut text = ONE_LINE.to_string();
    for start in
        ["sandbox", "ask_for", "[profiles", "[perm", "model = \"gpt", "model = \"o4-mini\" \n", "api_key", "add_dir"]
    {
        text = text.replace(&format!(" {start}"), &format!("\n{start}"));
    }
    text = text.replace(" model", "\nmodel").replace(" allow", "\nallow");
    let text = text.replace(" deny", "\ndeny");
    let settings = check(&[(USER, &text)], &[], &[]).settings;
    assert_eq!((&*settings.model, settings.permissions.len()), ("o4-mini", 7));
    // Whoever finds that a rule means nothing can show where it stands.
    let error = settings.permissions[1].error("no").to_string();
    let expected = ":13:33: no
  13 | deny = [\"destructive-commands\", \"privilege-escalation\", \"disk-operations\"]
     |                                 ^^^^^^^^^^^^^^^^^^^^^^";
    assert!(error.ends_with(expected), "{error}");
}

#[test]
fn line_breaks_missing_further_down() {
    let table = [
        ("a = 1\nb = [1, 2] c = 3\n", "2:12", "c"),
        ("search = true [tui]\nx = 1\n", "1:15", "[tui]"),
        ("[tui] \"x y\" = 1\n# end\n", "1:7", "\"x y\""),
    ];
    for (text, place, part) in table {
        let error = super::load_files(&[(USER, text)], &[]).unwrap_err();
        let message = format!("~/.codex/config.toml:{place}: a line break is missing before `{part}`");
        // A name in quotes with a space in it is beyond this guess; TOML's own words do then.
        assert!(error.starts_with(&message) || part.contains(' '), "{error}");
        assert!(!error.contains("the whole file"), "{error}");
    }
}

#[test]
fn not_toml() {
    user(
        "# mine\nmodel = o4-mini\n",
        "~/.codex/config.toml:2:9: this is not TOML: string values must be quoted, expected literal string
  2 | model = o4-mini
    |         ^^^^^^^
  hint: texts need quotes: `\"…\"`",
    );
    user(
        "permissions = { allow = [] deny = [] }",
        "~/.codex/config.toml:1:28: this is not TOML: missing comma between key-value pairs, expected `,`
  1 | permissions = { allow = [] deny = [] }
    |                            ^",
    );
    user(
        "model = \"a\"\nmodel = \"b\"",
        "~/.codex/config.toml:2:1: `model` is set twice
  2 | model = \"b\"
    | ^^^^^",
    );
}

#[test]
fn wrong_types_and_values() {
    user(
        "sandbox = \"readonly\"",
        "~/.codex/config.toml:1:11: `readonly` is not a value of `sandbox`: it must be `read-only`, `workspace-write` or `danger-full-access`
  1 | sandbox = \"readonly\"
    |           ^^^^^^^^^^
  hint: did you mean `read-only`?",
    );
    user(
        "approval_policy = \"always\"",
        "~/.codex/config.toml:1:19: `always` is not a value of `approval_policy`: it must be `untrusted`, `on-request` or `never`
  1 | approval_policy = \"always\"
    |                   ^^^^^^^^",
    );
    user(
        "\n[profiles.x]\nadd_dir = \"/a\"",
        "~/.codex/config.toml:3:11: `add_dir` must be a list of strings, not a string
  3 | add_dir = \"/a\"
    |           ^^^^
  hint: write it in brackets: `[\"/a\"]`",
    );
}

/// (text, place and message), for those whose underline was seen above.
#[test]
fn first_lines() {
    let table = [
        ("model = 4", "1:9: `model` must be a string, not a number"),
        ("model = \"\"", "1:9: `model` must not be empty"),
        ("model = \"a\\u001b[2J\"", "1:9: `model` must not contain control characters"),
        ("search = \"true\"", "1:10: `search` must be `true` or `false`, not a string"),
        ("model_context_window = 0x10", "1:24: `model_context_window` must be a whole number from 1000 to 100000000"),
        ("sandbox = 1", "1:11: `sandbox` must be `read-only`, `workspace-write` or `danger-full-access`, not a number"),
        (
            "[sandbox]\nmode = \"none\"",
            "2:8: `none` is not a value of `mode`: it must be `read-only`, `workspace-write` or `danger-full-access`",
        ),
        (
            "sandbox_mode = \"read-only\"\n[sandbox]\nmode = \"workspace-write\"",
            "3:1: `sandbox_mode` and `mode` are two names of one setting; keep one of them",
        ),
        (
            "[sandbox]\nhidden = [\"/x\"]",
            "2:1: unknown key `hidden` in `[sandbox]`: a rule that is not understood is not enforced either",
        ),
        ("hide = [\"/x\"]", "1:1: unknown key `hide`: a rule that is not understood is not enforced either"),
        ("[sandbox]\nhide = \"/x\"", "2:8: `hide` must be a list of strings, not a string"),
        (
            "[sandbox]\nhide = [\"/etc\", \"/no/such/*.pem\"]",
            "2:17: `/no/such/*.pem` is not there, and patterns are not understood: name each path",
        ),
        ("model_providers.x = 3", "1:21: `model_providers.x` must be a table, not a number"),
        ("profiles = 3", "1:12: `profiles` must be a table of tables, not a number"),
        (
            "openai_base_url = \"api.openai.com\"",
            "1:19: `openai_base_url` must be an address that begins with `https://` or `http://`",
        ),
        (
            "model_providers.x.base_url = \"ftp://host\"",
            "1:30: `base_url` must be an address that begins with `https://` or `http://` (provider `x`)",
        ),
        (
            "model_providers.x.base_url = \"http://host:99999/v1\"",
            "1:30: `base_url` is not a valid address: invalid port number (provider `x`)",
        ),
        (
            "model_providers.x.base_url = \"http://host/a b\"",
            "1:30: `base_url` is not a valid address: it contains a space (provider `x`)",
        ),
        (
            "model_providers.x.http_headers.\"A B\" = \"1\"",
            "1:32: `http_headers.A B`: no header can have this name (provider `x`)",
        ),
        (
            "model_providers.x.http_headers.\"\" = \"1\"",
            "1:32: `http_headers.`: no header can have this name (provider `x`)",
        ),
        (
            "model_providers.x.env_http_headers.\"Ä\" = \"A\"",
            "1:36: `env_http_headers.Ä`: no header can have this name (provider `x`)",
        ),
        (
            "model_providers.x.http_headers.A = \"1\\n2\"",
            "1:36: the value of `http_headers.A` must not contain control characters (provider `x`)",
        ),
        ("model_providers.x.http_headers.A = 1", "1:36: `http_headers.A` must be a string, not a number"),
        (
            "model_providers.x.wire_api = \"grpc\"",
            "1:30: `grpc` is not a value of `wire_api`: it must be `responses`, `chat`, `chat_completions` or `anthropic`",
        ),
        ("add_dir = [1]", "1:12: `add_dir` must be a list of strings; this is a number"),
        (
            "sandbox = \"read-only\"\nsandbox_mode = \"read-only\"",
            "2:1: `sandbox` and `sandbox_mode` are two names of one setting; keep one of them",
        ),
        (
            "[model_providers.x]\napi_key_env = \"A\"\nenv_key = \"B\"",
            "3:1: `api_key_env` and `env_key` are two names of one setting; keep one of them",
        ),
        (
            "model_provider = \"opnai\"",
            "1:18: there is no provider `opnai`; known: anthropic, azure, deepseek, fireworks, gemini, groq, llamacpp, lmstudio, mistral, ollama, openai, openrouter, together, vllm, xai",
        ),
        (
            "model_provider = \"x\"\nmodel_providers.x.name = \"X\"",
            "1:18: the provider `x` has no `base_url` in `[model_providers.x]`",
        ),
        (
            "model = \"x/y\"\nmodel_providers.x.wire_api = \"chat\"",
            "1:9: the provider `x` has no `base_url` in `[model_providers.x]`",
        ),
        // What would not be obeyed is refused.
        (
            "[permissions.projects.\"/x\"]\ndenny = [\"x\"]",
            "2:1: unknown key `denny` in `[permissions.projects.\"/x\"]`: a rule that is not understood is not enforced either",
        ),
        ("[permissions.projects.x]\nallow = [\"x\"]", "2:9: `x` is not a project: its rules need its absolute path"),
        (
            "[permissions]\ndenny = [\"x\"]",
            "2:1: unknown key `denny` in `[permissions]`: a rule that is not understood is not enforced either",
        ),
        ("deny = [\"x\"]", "1:1: unknown key `deny`: a rule that is not understood is not enforced either"),
        ("[permission]\nx = 1", "1:2: unknown key `permission`: a rule that is not understood is not enforced either"),
    ];
    for (text, expected) in table {
        for file in [USER, PROJECT] {
            let error = super::load_files(&[(file, text)], &["--trust"]).unwrap_err();
            assert_eq!(error.lines().next().unwrap(), format!("~/{file}:{expected}"), "{text}");
        }
    }
}

#[test]
fn the_command_line() {
    let table = [
        ("model=4", "-c model=4: `model` must be a string, not a number\n  hint: write it in quotes: `\"4\"`"),
        (
            "sandbox=rw",
            "-c sandbox=rw: `rw` is not a value of `sandbox`: it must be `read-only`, `workspace-write` or `danger-full-access`",
        ),
        ("model", "-c model: `model` must be `key=value`"),
        ("add_dir=[\"nowhere\"]", "-c add_dir=…: `~/p/src/nowhere` does not exist"),
        ("sandbox.hide=[\"x\"]", "-c sandbox.hide=…: `~/p/src/x` does not exist, so it cannot be hidden"),
        (
            "model_provider=x",
            "-c model_provider=…: there is no provider `x`; known: anthropic, azure, deepseek, fireworks, gemini, groq, llamacpp, lmstudio, mistral, ollama, openai, openrouter, together, vllm, xai",
        ),
    ];
    for (argument, expected) in table {
        check_error(&[], &[argument], expected);
    }
}

#[test]
fn unknown_keys_are_warnings_with_the_nearest_one() {
    check(
        &[(
            USER,
            "modle = \"x\"\ncolour = 1\nexclude_slash_tmpp = true\n[model_providers.a]\nbase_ur = \"x\"\nmodel = \"y\"\n[profiles.b.profiles.c]\n",
        )],
        &["auto_compat=true"],
        &[
            "~/.codex/config.toml:1:1: unknown key `modle`; did you mean `model`?",
            "~/.codex/config.toml:2:1: unknown key `colour`",
            "~/.codex/config.toml:3:1: unknown key `exclude_slash_tmpp`",
            "~/.codex/config.toml:5:1: unknown key `base_ur` in `[model_providers.a]`; did you mean `base_url`?",
            "~/.codex/config.toml:6:1: unknown key `model` in `[model_providers.a]`; `model` is a top-level key: move it above the first `[table]`",
            "~/.codex/config.toml:7:13: unknown key `profiles` in `[profiles.b]`; `profiles` is a top-level key: move it above the first `[table]`",
            "-c auto_compat=true: unknown key `auto_compat`; did you mean `auto_compact`?",
        ],
    );
}

/// Walls that are misspelt or misplaced: (text, place, key and table, hint).
#[test]
fn a_wall_that_would_not_stand_is_an_error() {
    let moved = "it stands in the table [model_providers.mock]; move it above the first table";
    let mock = "[model_providers.mock]\n";
    let table = [
        ("sanbox = \"read-only\"", "1:1", "`sanbox`", "did you mean `sandbox`?"),
        ("sandbox-mode = \"read-only\"", "1:1", "`sandbox-mode`", "did you mean `sandbox_mode`?"),
        ("Sandbox = \"read-only\"", "1:1", "`Sandbox`", "did you mean `sandbox`?"),
        ("approval_polcy = \"untrusted\"", "1:1", "`approval_polcy`", "did you mean `approval_policy`?"),
        ("network_access = false", "1:1", "`network_access`", "did you mean `sandbox_workspace_write.network_access`?"),
        (
            "[sandbox_workspace_write]\nnetwork-acess = false",
            "2:1",
            "`network-acess` in `[sandbox_workspace_write]`",
            "did you mean `network_access`?",
        ),
        (
            "[sandbox_workspace_writ]\nnetwork_access = false",
            "1:2",
            "`sandbox_workspace_writ`",
            "did you mean `sandbox_workspace_write`?",
        ),
        ("[permision]\n", "1:2", "`permision`", "did you mean `permissions`?"),
        (&format!("{mock}sandbox = \"read-only\""), "2:1", "`sandbox` in `[model_providers.mock]`", moved),
        (
            &format!("{mock}ask-for-approval = \"untrusted\""),
            "2:1",
            "`ask-for-approval` in `[model_providers.mock]`",
            moved,
        ),
        (
            &format!("{mock}sandbx = \"read-only\""),
            "2:1",
            "`sandbx` in `[model_providers.mock]`",
            &format!("did you mean `sandbox`? {moved}"),
        ),
        // Below a table that nobody looks at.
        (
            "[tui]\nx = 1\nsandbox = \"read-only\"",
            "3:1",
            "`sandbox` in `[tui]`",
            "it stands in the table [tui]; move it above the first table",
        ),
        (
            "[projects.\"/x\"]\napproval_policy = \"untrusted\"",
            "2:1",
            "`approval_policy` in `[projects.\"/x\"]`",
            "it stands in the table [projects.\"/x\"]; move it above the first table",
        ),
        (
            "[[colours.red]]\nsandbox_mode = \"read-only\"",
            "2:1",
            "`sandbox_mode` in `[colours.red]`",
            "it stands in the table [colours.red]; move it above the first table",
        ),
        (
            "[model_providers.m.http_headers]\nsandbox = \"read-only\"",
            "2:1",
            "`sandbox` in `[model_providers.m.http_headers]`",
            "it stands in the table [model_providers.m.http_headers]; move it above the first table",
        ),
    ];
    for (text, place, key, hint) in table {
        let error = super::load_files(&[(USER, text)], &[]).map(|loaded| loaded.settings).unwrap_err();
        let first =
            format!("~/{USER}:{place}: unknown key {key}: a rule that is not understood is not enforced either\n");
        assert!(error.starts_with(&first) && error.contains(&format!("\n  hint: {hint}")), "{text}\n{error}");
    }
    let typed = [
        ("sanbox=read-only", "did you mean `sandbox`?"),
        ("model_providers.x.sandbox=read-only", "did you mean `sandbox`?"),
        ("tui={sandbox = \"read-only\"}", "did you mean `sandbox`?"),
        ("network_access=false", "did you mean `sandbox_workspace_write.network_access`?"),
    ];
    for (argument, hint) in typed {
        let error = super::load_files(&[], &[argument]).map(|loaded| loaded.settings).unwrap_err();
        assert!(error.contains("not enforced") && error.ends_with(&format!("\n  hint: {hint}")), "{error}");
    }
    // Another program's key of that name, with a value that is none of ours.
    check(&[(USER, "[colours]\nsandbox = \"elevated\"")], &[], &["~/.codex/config.toml:1:2: unknown key `colours`"]);
}

/// A key in the place of the name of its variable: (text, first line of the error).
#[test]
fn a_secret_is_never_shown() {
    let mock = "[model_providers.mock]\nbase_url = \"http://x\"\n";
    let table = [
        (
            "api_key_env = \"sk-1\"",
            "1:15: `api_key_env` must be the name of an environment variable, not the key itself",
        ),
        (
            &format!("{mock}env_key = \"sk-1\""),
            "3:11: `env_key` must be the name of an environment variable, not the key itself (provider `mock`)",
        ),
        (
            &format!("{mock}env_http_headers = {{ X-Org = \"sk-1\" }}"),
            "3:30: `env_http_headers.X-Org` must be the name of an environment variable, not the value itself (provider `mock`)",
        ),
    ];
    for (text, expected) in table {
        user(text, &format!("~/{USER}:{expected}"));
    }
    let hidden: [(&str, &[&str]); 8] = [
        ("env_key = sk-1", &[]),
        ("env_key = \"sk-1\" model = 4", &[]),
        ("[model_providers.mock.http_headers]\nX = sk-1", &[]),
        ("model_providers.mock.http_headers = { X = \"sk-1\", Y = 1 }", &[]),
        ("openai_base_url = \"htp://me:sk-1@x\"", &[]),
        ("", &["api_key_env=sk-1"]),
        ("", &["model_providers.mock.env_key=sk-1"]),
        ("", &["model_providers.mock.http_headers=sk-1"]),
    ];
    for (text, arguments) in hidden {
        let error = super::load_files(&[(USER, text)], arguments).map(|loaded| loaded.settings).unwrap_err();
        assert!(!error.contains("sk-1"), "{text} {arguments:?}\n{error}");
    }
}

#[test]
fn warnings_that_explain_an_error_are_shown_with_it() {
    user(
        "model_provider = \"mock\"\n[model_providrs.mock]\nbase_url = \"http://x\"",
        "~/.codex/config.toml:1:18: there is no provider `mock`; known: anthropic, azure, deepseek, fireworks, gemini, groq, llamacpp, lmstudio, mistral, ollama, openai, openrouter, together, vllm, xai
  1 | model_provider = \"mock\"
    |                  ^^^^^^
  warning: ~/.codex/config.toml:2:2: unknown key `model_providrs`; did you mean `model_providers`?",
    );
    // Of all layers, and those of the one with the error too.
    check_error(
        &[(USER, "colour = 1"), (PROJECT, "auto_compat = 1\nadd_dir = 3")],
        &[],
        "~/p/.codex/config.toml:2:11: `add_dir` must be a list of strings, not a number
  2 | add_dir = 3
    |           ^
  warning: ~/.codex/config.toml:1:1: unknown key `colour`
  warning: ~/p/.codex/config.toml:1:1: unknown key `auto_compat`; did you mean `auto_compact`?",
    );
    check_error(
        &[(USER, "colour = 1")],
        &["shape=1", "oss=1"],
        "-c oss=1: `oss` must be `true` or `false`, not a number
  warning: ~/.codex/config.toml:1:1: unknown key `colour`
  warning: -c shape=1: unknown key `shape`",
    );
    let many: String = (0..12).map(|n| format!("colour{n} = 1\n")).collect();
    let error = super::load_files(&[(USER, &(many + "oss = 1"))], &[]).map(|loaded| loaded.settings).unwrap_err();
    assert!(error.lines().count() == 14 && error.ends_with("\n  and 2 more warnings"), "{error}");
}

/// Slips with a repair: (text, message, hint).
#[test]
fn repairs() {
    let providers = "did you mean the table [model_providers.mock]?";
    let table = [
        ("[model_provider.mock]\nbase_url = \"http://x\"", "`model_provider` must be a string, not a table", providers),
        (
            "model_provider = \"mock\"\n[model_provider.mock]\nbase_url = \"http://x\"",
            "this is not TOML: cannot extend value of type string with a dotted key",
            providers,
        ),
        ("model = null", "`null` is not a value of TOML", "TOML has no null; to set nothing, leave the key out"),
        ("model = None", "`None` is not a value of TOML", "TOML has no null; to set nothing, leave the key out"),
        ("search = True", "this is not TOML: invalid boolean, expected `true`", "write it in small letters: `true`"),
        (
            "add_dir = [a]",
            "this is not TOML: string values must be quoted, expected literal string",
            "texts need quotes: `\"…\"`",
        ),
        (
            "sandbox = true",
            "`sandbox` must be `read-only`, `workspace-write` or `danger-full-access`, not a boolean",
            "",
        ),
        (
            "[model_providers.mock]\nname = \"a\"\n[model_providers.mock] # again\nname = \"b\"",
            "`[model_providers.mock]` is set twice",
            "",
        ),
    ];
    for (text, message, hint) in table {
        let error = super::load_files(&[(USER, text)], &[]).map(|loaded| loaded.settings).unwrap_err();
        assert!(error.lines().next().unwrap().ends_with(&format!(": {message}")), "{text}\n{error}");
        assert_eq!(error.split_once("\n  hint: ").map_or("", |(_, hint)| hint), hint, "{text}");
    }
}

/// A commented file whose line breaks were lost: (text, whether it is noticed).
#[test]
fn a_file_that_is_one_comment() {
    let table = [
        (format!("# My settings {ONE_LINE}\n"), true),
        ("\n  # mine [tui] # x\n\n".into(), true),
        ("# mine\n".into(), false),
        ("# model = \"x\"\n# oss = false\n".into(), false),
        ("model = \"x\" # a = b\n".into(), false),
        (String::new(), false),
    ];
    let warning =
        &["~/.codex/config.toml: the whole file is one comment, so nothing in it has an effect; were its line \
                   breaks lost?"][..];
    for (text, noticed) in table {
        check(&[(USER, &text)], &[], if noticed { warning } else { &[] });
    }
}

/// The selected provider takes a key, and there is none: (file, variables, error; empty if there is a key or none needed).
#[test]
fn there_is_no_api_key() {
    let mock = "model_provider = \"mock\"\n[model_providers.mock]\nbase_url = \"https://example.com\"\n";
    let local = "model_provider = \"mock\"\n[model_providers.mock]\nbase_url = \"http://127.0.0.1:1/v1\"\n";
    let own = format!("{mock}env_key = \"MY_KEY\"\nenv_key_instructions = \"ask the team\"\n");
    let missing = "built-in default: the provider `openai` needs an API key, and `OPENAI_API_KEY`";
    let export = "\n  hint: export OPENAI_API_KEY=…, or store a key with `codex login`; keys are made at https://platform.openai.com/api-keys";
    type Variables<'a> = &'a [(&'a str, &'a str)];
    let table: [(&str, Variables, String); 13] = [
        ("", &[], format!("{missing} is not set{export}")),
        ("", &[("OPENAI_API_KEY", "")], format!("{missing} is not set{export}")),
        ("", &[("OPENAI_API_KEY", " \n")], format!("{missing} holds none{export}")),
        ("", &[("OPENAI_API_KEY", "k")], String::new()),
        ("", &[("CODEX_API_KEY", "k")], String::new()),
        (
            "# mine\napi_key_env = \"WORK_KEY\"",
            &[("OPENAI_API_KEY", "k")],
            "~/.codex/config.toml:2:15: the provider `openai` needs an API key, and `WORK_KEY` is not set
  2 | api_key_env = \"…\"
    |               ^^^
  hint: export WORK_KEY=…, or store a key with `codex login`; keys are made at https://platform.openai.com/api-keys"
                .into(),
        ),
        (
            "[model_providers.openai]\nenv_key = \"MINE\"",
            &[],
            "~/.codex/config.toml:2:11: the provider `openai` needs an API key, and `MINE` is not set
  2 | env_key = \"…\"
    |           ^^^
  hint: export MINE=…, or store a key with `codex login`; keys are made at https://platform.openai.com/api-keys"
                .into(),
        ),
        (
            &own,
            &[("CODEX_API_KEY", "k"), ("OPENAI_API_KEY", "k")],
            "~/.codex/config.toml:4:11: the provider `mock` needs an API key, and `MY_KEY` is not set
  4 | env_key = \"…\"
    |           ^^^
  hint: export MY_KEY=…, or store a key with `codex login --provider mock`; ask the team"
                .into(),
        ),
        // It may be the key itself.
        (
            "\napi_key_env = \"sk123\"",
            &[],
            "~/.codex/config.toml:2:15: the provider `openai` needs an API key, and the variable named here is not set
  2 | api_key_env = \"…\"
    |               ^^^
  hint: export it, or store a key with `codex login`; keys are made at https://platform.openai.com/api-keys"
                .into(),
        ),
        (
            "model_providers.openai.env_key = \"AKIA0123\"",
            &[],
            "~/.codex/config.toml:1:34: the provider `openai` needs an API key, and the variable named here is not set
  1 | model_providers.openai.env_key = \"…\"
    |                                  ^^^
  hint: export it, or store a key with `codex login`; keys are made at https://platform.openai.com/api-keys"
                .into(),
        ),
        (&own, &[("MY_KEY", "k")], String::new()),
        (mock, &[], String::new()),
        (local, &[], String::new()),
    ];
    for (text, variables, expected) in table {
        let loaded = super::load_files(&[(USER, text)], &[]).unwrap();
        let environment = Environment::from_pairs(variables.iter().copied());
        let error = loaded.require_api_key(&environment).err().map(|error| error.to_string()).unwrap_or_default();
        let file = error.find(".codex/config.toml").map_or(0, |at| error[..at].len());
        let shown = if file > 0 { error.replace(&error[..file], "~/") } else { error };
        assert_eq!(shown, expected, "{text} {variables:?}");
    }
}
