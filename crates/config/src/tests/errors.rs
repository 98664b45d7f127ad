//! Errors as the user reads them.

use super::{PROJECT, USER, check, check_error};

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
    // Until deny rules are enforced, a file that relies on them must not seem to work.
    user(
        &text,
        "~/.codex/config.toml:13:8: deny rules are not enforced by this version yet; remove them or wait
  13 | deny = [\"destructive-commands\", \"privilege-escalation\", \"disk-operations\"]
     |        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^",
    );
    let (without, _) = text.split_once("\ndeny").unwrap();
    let loaded =
        check(&[(USER, without)], &[], &["~/.codex/config.toml:12:9: allow rules have no effect in this version yet"]);
    assert_eq!(loaded.settings.model, "o4-mini");
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
    |         ^^^^^^^",
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
        "approval_policy = \"on-failure\"",
        "~/.codex/config.toml:1:19: `on-failure` is not a value of `approval_policy`: it must be `untrusted`, `on-request` or `never`
  1 | approval_policy = \"on-failure\"
    |                   ^^^^^^^^^^^^",
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
        ("[sandbox]", "1:1: `sandbox` must be `read-only`, `workspace-write` or `danger-full-access`, not a table"),
        ("model_providers.x = 3", "1:21: `model_providers.x` must be a table, not a number"),
        ("profiles = 3", "1:12: `profiles` must be a table of tables, not a number"),
        (
            "openai_base_url = \"api.openai.com\"",
            "1:19: `openai_base_url` must be an address that begins with `https://` or `http://`",
        ),
        ("model_providers.x.http_headers.A = 1", "1:36: `http_headers.A` must be a string, not a number"),
        (
            "model_providers.x.wire_api = \"grpc\"",
            "1:30: `grpc` is not a value of `wire_api`: it must be `responses`, `scripted`, `chat`, `chat_completions` or `anthropic`",
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
        ("model_provider = \"opnai\"", "1:18: there is no provider `opnai`; known: openai"),
        (
            "model_provider = \"x\"\nmodel_providers.x.name = \"X\"",
            "1:18: the provider `x` has no `base_url` in `[model_providers.x]`",
        ),
        (
            "model_provider = \"x\"\nmodel_providers.x.wire_api = \"scripted\"",
            "1:18: the provider `x` has no `script` in `[model_providers.x]`",
        ),
        (
            "model = \"x/y\"\nmodel_providers.x.wire_api = \"chat\"",
            "2:30: the provider `x` speaks `chat`, which this version does not yet",
        ),
        // What would not be obeyed is refused.
        ("search = true", "1:10: web search is not available in this version yet"),
        ("oss = true", "1:7: `oss` is not available in this version yet"),
        ("profile = \"x\"", "1:11: profiles are not available in this version yet; remove this line or wait"),
        ("permissions.ask = [\"x\"]", "1:19: ask rules are not enforced by this version yet; remove them or wait"),
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
        ("add_dir=[\"nowhere\"]", "-c add_dir=[\"nowhere\"]: `~/p/src/nowhere` does not exist"),
        ("model_provider=x", "-c model_provider=x: there is no provider `x`; known: openai"),
        ("oss=true", "-c oss=true: `oss` is not available in this version yet"),
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
            "modle = \"x\"\ncolour = 1\nnetwork_access = true\n[model_providers.a]\nbase_ur = \"x\"\nmodel = \"y\"\n[profiles.b.profiles.c]\n",
        )],
        &["sandbx=read-only"],
        &[
            "~/.codex/config.toml:1:1: unknown key `modle`; did you mean `model`?",
            "~/.codex/config.toml:2:1: unknown key `colour`",
            "~/.codex/config.toml:3:1: unknown key `network_access`; did you mean `sandbox_workspace_write.network_access`?",
            "~/.codex/config.toml:5:1: unknown key `base_ur` in `[model_providers.a]`; did you mean `base_url`?",
            "~/.codex/config.toml:6:1: unknown key `model` in `[model_providers.a]`; `model` is a top-level key: move it above the first `[table]`",
            "~/.codex/config.toml:7:13: unknown key `profiles` in `[profiles.b]`; `profiles` is a top-level key: move it above the first `[table]`",
            "-c sandbx=read-only: unknown key `sandbx`; did you mean `sandbox`?",
        ],
    );
}
