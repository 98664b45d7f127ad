//! Profiles, nested files, variables, and lists that shrink: which layer wins, told by what each value covers.

use super::{PROJECT, SYSTEM, USER, check, check_error, load_files};

const LOCAL: &str = "p/.codex/config.local.toml";
const NESTED: &str = "p/src/.codex/config.toml";
const NESTED_LOCAL: &str = "p/src/.codex/config.local.toml";
/// Makes `p` a repository.
const REPOSITORY: (&str, &str) = ("p/.git/HEAD", "");

/// Where values came from, short: `user:1` for the first line of the user's file.
fn place(origin: &str) -> String {
    let names = [
        (SYSTEM, "system"),
        (NESTED_LOCAL, "nested-local"),
        (NESTED, "nested"),
        (LOCAL, "local"),
        (PROJECT, "project"),
        (USER, "user"),
    ];
    let Some((name, (_, rest))) =
        names.iter().find_map(|(path, name)| Some((name, origin.split_once(&format!("/{path}"))?)))
    else {
        return origin.into();
    };
    format!("{name}:{}", rest.split(':').nth(1).unwrap_or_default())
}

/// What a key comes to: `value origin < covered origin < …`, then `held value origin`.
fn explained(files: &[(&str, &str)], arguments: &[&str], key: &str) -> String {
    let loaded = load_files(&[files, &[REPOSITORY]].concat(), arguments).unwrap();
    let Some(found) = loaded.explain().into_iter().find(|it| it.key == key) else { return "nothing".into() };
    let one = |it: &crate::Placed| format!("{} {}", it.shown, place(&it.origin.to_string()));
    let mut text: Vec<String> = found.value.iter().chain(&found.covered).map(one).collect();
    if text.is_empty() {
        text.push("unset".into());
    }
    let held = found.held.iter().map(|it| format!(" held {}", one(it)));
    text.join(" < ") + &held.collect::<String>()
}

#[test]
fn layers_in_their_order() {
    let effort = |value: &str| {
        format!("model_reasoning_effort = \"{value}\"\n[profiles.w]\nmodel_reasoning_effort = \"{value}-w\"")
    };
    let all: Vec<(&str, String)> = [SYSTEM, USER, PROJECT, NESTED, LOCAL, NESTED_LOCAL]
        .iter()
        .zip(["a", "b", "c", "d", "e", "f"])
        .map(|(path, value)| (*path, effort(value)))
        .collect();
    let all: Vec<(&str, &str)> = all.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let files = r#""f" nested-local:1 < "e" local:1 < "d" nested:1 < "c" project:1 < "b" user:1 < "a" system:1"#;
    let key = "model_reasoning_effort";
    assert_eq!(explained(&all, &["--trust"], key), files);
    let profile =
        r#""f-w" nested-local:3 < "e-w" local:3 < "d-w" nested:3 < "c-w" project:3 < "b-w" user:3 < "a-w" system:3"#;
    assert_eq!(explained(&all, &["--trust", "-p=w"], key), format!("{profile} < {files}"));
    let typed = explained(&all, &["--trust", "-p=w", "model_reasoning_effort=high"], key);
    assert_eq!(typed, format!("\"high\" -c model_reasoning_effort=… < {profile} < {files}"));
}

/// The default ranks just above the file that names it, the tables of files above it each just above theirs.
#[test]
fn a_default_profile_ranks_above_its_file_alone() {
    let table = |name: &str| format!("[profiles.w]\nmodel = \"{name}-w\"\n");
    let (system, user, project) = (table("system"), table("user"), table("project"));
    let user_names = format!("model = \"user\"\ndefault_profile = \"w\"\n{user}");
    let project_names = format!("model = \"project\"\nprofile = \"w\"\n{project}");
    let plain = format!("model = \"project\"\n{project}");
    type Files<'a> = &'a [(&'a str, &'a str)];
    let cases: &[(Files, &[&str], &str)] = &[
        // The file above the one that names it wins over the profile, and its own table over it.
        (
            &[(SYSTEM, &system), (USER, &user_names), (PROJECT, "model = \"project\"")],
            &[],
            r#""project" project:1 < "user-w" user:4 < "system-w" system:2 < "user" user:1 < "o4-mini" built-in default"#,
        ),
        (
            &[(USER, &user_names), (PROJECT, &plain)],
            &[],
            r#""project-w" project:3 < "project" project:1 < "user-w" user:4 < "user" user:1 < "o4-mini" built-in default"#,
        ),
        (
            &[(USER, &user), (PROJECT, &project_names)],
            &["--trust"],
            r#""project-w" project:4 < "user-w" user:2 < "project" project:1 < "o4-mini" built-in default"#,
        ),
        // One that is named on the command line or in the environment replaces the default.
        (
            &[(USER, &format!("{user_names}[profiles.x]\nmodel = \"x\"\n"))],
            &["-p=x"],
            r#""x" user:6 < "user" user:1 < "o4-mini" built-in default"#,
        ),
        (
            &[(USER, &format!("{user_names}[profiles.x]\nmodel = \"x\"\n"))],
            &["$CODEX_PROFILE=x"],
            r#""x" user:6 < "user" user:1 < "o4-mini" built-in default"#,
        ),
        (
            &[(USER, &format!("{user_names}[profiles.x]\nmodel = \"x\"\n"))],
            &["$CODEX_PROFILE=y", "default_profile=x"],
            r#""x" user:6 < "user" user:1 < "o4-mini" built-in default"#,
        ),
    ];
    for (files, arguments, expected) in cases {
        assert_eq!(explained(files, arguments, "model"), *expected, "{files:?} {arguments:?}");
    }
}

#[test]
fn variables_rank_between_files_and_arguments() {
    let files = [(USER, "model = \"user\"\n[profiles.w]\nmodel = \"w\"")];
    let below = "\"w\" user:3 < \"user\" user:1 < \"o4-mini\" built-in default";
    let variable = format!("\"env\" $CODEX_MODEL < {below}");
    assert_eq!(explained(&files, &["-p=w", "$CODEX_MODEL=env"], "model"), variable);
    assert_eq!(
        explained(&files, &["-p=w", "$CODEX_MODEL=env", "model=c"], "model"),
        format!("\"c\" -c model=… < {variable}")
    );
    assert_eq!(explained(&files, &["$CODEX_MODEL="], "model"), "\"user\" user:1 < \"o4-mini\" built-in default");
    let url = explained(&[], &["$OPENAI_BASE_URL=http://localhost:1/v1/"], "openai_base_url");
    assert_eq!(url, "\"http://localhost:1/v1\" $OPENAI_BASE_URL < \"https://api.openai.com/v1\" built-in default");
    let split = check(&[(USER, "model_providers.l.base_url = \"http://x\"")], &["$CODEX_MODEL=l/m"], &[]).settings;
    assert_eq!((&*split.model_provider, &*split.model), ("l", "m"));
    check_error(
        &[],
        &["$OPENAI_BASE_URL=localhost"],
        "$OPENAI_BASE_URL: `openai_base_url` must be an address that begins with `https://` or `http://`",
    );
}

#[test]
fn profiles_that_are_not_there() {
    let two = "[profiles.work]\nmodel = \"w\"\n[profiles.fast]\n";
    let cases: &[(&str, &[&str], &str)] = &[
        ("", &["-p=x"], "--profile x: there is no profile `x`; no file has a table `[profiles.NAME]`"),
        (
            two,
            &["-p=wrok"],
            "--profile wrok: there is no profile `wrok`; known: fast, work\n  hint: did you mean `work`?",
        ),
        (two, &["$CODEX_PROFILE=x"], "$CODEX_PROFILE: there is no profile `x`; known: fast, work"),
        (two, &["default_profile=x"], "-c default_profile=…: there is no profile `x`; known: fast, work"),
        (
            "default_profile = \"x\"\n[profiles.other]\n",
            &[],
            "~/.codex/config.toml:1:19: there is no profile `x`; known: other\n  1 | default_profile = \"x\"\n    |                   ^^^",
        ),
    ];
    for (user, arguments, expected) in cases {
        check_error(&[(USER, user)], arguments, expected);
    }
    // One that sets nothing is one.
    check(&[(USER, two)], &["-p=fast"], &[]);
}

/// A profile of a project that is not trusted keeps what cannot loosen, and is judged against what lies below it.
#[test]
fn a_profile_cannot_loosen_either() {
    let user = "sandbox = \"workspace-write\"\n[profiles.w]\nsandbox = \"danger-full-access\"\n";
    let project = "default_profile = \"w\"\n[profiles.w]\nmodel = \"m\"\nsandbox = \"workspace-write\"\nadd_dir = [\"/\"]\n\
        permissions.deny = [\"rm\"]\n";
    let files = [(USER, user), (PROJECT, project)];
    assert_eq!(
        explained(&files, &["-p=w"], "sandbox.mode"),
        r#""workspace-write" project:4 < "danger-full-access" user:3 < "workspace-write" user:1 < "workspace-write" built-in default"#
    );
    assert_eq!(explained(&files, &["-p=w"], "model"), r#""m" project:3 < "o4-mini" built-in default"#);
    assert_eq!(explained(&files, &["-p=w"], "permissions.deny"), r#"["rm"] project:6"#);
    assert!(explained(&files, &["-p=w"], "add_dir").starts_with("unset held [\""));
    // The project does not select it.
    assert_eq!(explained(&files, &[], "default_profile"), r#"unset held "w" project:1"#);
    assert_eq!(
        explained(&files, &[], "sandbox.mode"),
        r#""workspace-write" user:1 < "workspace-write" built-in default"#
    );
    let strict = "sandbox = \"read-only\"\n[profiles.w]\nmodel = \"m\"";
    let looser = [(USER, strict), (PROJECT, "[profiles.w]\nsandbox = \"workspace-write\"")];
    assert_eq!(
        explained(&looser, &["-p=w"], "sandbox.mode"),
        r#""read-only" user:1 < "workspace-write" built-in default held "workspace-write" project:2"#
    );
}

#[test]
fn lists_shrink_by_name() {
    let user = "[permissions]\nallow = [\"a\", \"b\"]\ndeny = [\"c\"]\n";
    let cases: &[(&str, &[&str], &str, &str)] = &[
        (
            "permissions.allow = [\"!a\", \"d\"]",
            &["--trust"],
            "permissions.allow",
            r#"["b", "d"] project:1 < ["a"] user:2"#,
        ),
        ("permissions.allow = [\"!*\"]", &["--trust"], "permissions.allow", r#"[] project:1 < ["a", "b"] user:2"#),
        (
            "permissions.allow = [\"d\", \"!*\"]",
            &["--trust"],
            "permissions.allow",
            r#"["d"] project:1 < ["a", "b"] user:2"#,
        ),
        ("", &["permissions.deny=[\"!c\"]"], "permissions.deny", r#"[] -c permissions.deny=… < ["c"] user:3"#),
        // What forbids is the user's to take back.
        (
            "permissions.deny = [\"!c\", \"e\"]",
            &[],
            "permissions.deny",
            r#"["c", "e"] project:1 held ["!c"] project:1"#,
        ),
        ("permissions.allow = [\"!a\"]", &[], "permissions.allow", r#"["a", "b"] user:2 held ["!a"] project:1"#),
    ];
    for (project, arguments, key, expected) in cases {
        assert_eq!(
            explained(&[(USER, user), (PROJECT, project)], arguments, key),
            *expected,
            "{project} {arguments:?}"
        );
    }
    let dirs = [("a/f", ""), ("b/f", "")];
    let files = [
        &[(USER, "add_dir = [\"~/a\", \"~/b\"]"), (PROJECT, "add_dir = [\"!~/a\"]\nsandbox.hide = [\"!x\"]")],
        &dirs[..],
    ]
    .concat();
    let nothing =
        |place: &str| format!("~/p/.codex/config.toml:{place}: `!~/p/x` removes nothing: no layer below has it");
    let loaded = check(&files, &["--trust"], &[&nothing("2:17")]);
    assert_eq!(loaded.settings.add_dir, [std::path::PathBuf::from("~/b")]);
    assert!(loaded.settings.sandbox_details.hide.is_empty());
}

#[test]
fn strictness_makes_warnings_errors() {
    let error = "~/.codex/config.toml:1:1: unknown key `modle`; did you mean `model`?\n  \
        1 | modle = \"x\"\n    | ^^^^^\n  \
        hint: `--strict-config` makes what would be a warning an error\n  \
        warning: ~/.codex/config.toml:2:1: unknown key `colour`";
    check_error(&[(USER, "modle = \"x\"\ncolour = 1")], &["--strict-config"], error);
    check(&[(USER, "model = \"x\"")], &["--strict-config"], &[]);
}

/// The guide's example, with its line breaks.
#[test]
fn the_example_of_the_guide() {
    let text = "model = \"o4-mini\"\nsandbox = \"workspace-write\"\nask_for_approval = \"untrusted\"\n\n\
        [profiles.work]\nmodel = \"gpt-4.1\"\napi_key_env = \"OPENAI_WORK_API_KEY\"\n\
        add_dir = [\"/shared-libs\", \"/company-docs\"]\n\n\
        [profiles.fast]\nmodel = \"o4-mini\"\nsandbox = \"read-only\"\n\n\
        [permissions]\nallow = [\"git diff\", \"git log\", \"git status\", \"npm test\"]\n\
        deny = [\"destructive-commands\", \"privilege-escalation\", \"disk-operations\"]\n";
    check(&[(USER, text)], &[], &[]);
    let missing = |column: u32, name: &str| {
        format!("~/.codex/config.toml:8:{column}: `/{name}` does not exist, so it is not added")
    };
    let work = check(&[(USER, text)], &["-p=work"], &[&missing(12, "shared-libs"), &missing(28, "company-docs")]);
    assert_eq!((&*work.settings.model, &*work.settings.api_key_env), ("gpt-4.1", "OPENAI_WORK_API_KEY"));
    let fast = check(&[(USER, text)], &["-p=fast"], &[]);
    assert_eq!(fast.settings.sandbox, crate::SandboxMode::ReadOnly);
    assert_eq!(fast.profile.unwrap().1.to_string(), "--profile fast");
}

#[test]
fn secrets_are_not_explained() {
    let user = "api_key_env = \"WORK_KEY\"\n[model_providers.x]\nbase_url = \"http://me:sesame@x\"\n\
        http_headers.X-Org = \"sesame\"\nquery_params.v = \"sesame\"\nenv_key = \"XKEY\"\n\
        [model_providers.y]\nenv_key = \"gsk_sesame1\"\nenv_http_headers.A = \"gsk_sesame1\"\n\
        [shell_environment_policy.set]\nA = \"sesame\"\n";
    for (key, expected) in [
        ("api_key_env", r#""WORK_KEY" user:1 < "OPENAI_API_KEY" built-in default"#),
        ("model_providers.x.base_url", r#""http://…@x/" user:3"#),
        ("model_providers.x.http_headers.X-Org", r#""…" user:4"#),
        ("model_providers.x.query_params.v", r#""…" user:5"#),
        ("model_providers.x.env_key", r#""XKEY" user:6"#),
        ("model_providers.x.grammars", "nothing"),
        ("model_providers.y.env_key", r#""…" user:8"#),
        ("model_providers.y.env_http_headers.A", r#""…" user:9"#),
        ("shell_environment_policy.set.A", r#""…" user:11"#),
    ] {
        assert_eq!(explained(&[(USER, user)], &[], key), expected);
    }
}
