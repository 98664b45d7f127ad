//! `[shell_environment_policy]` as it is written: what loads, what is refused, what a project may not say.

use super::{PROJECT, USER, check, check_error};
use crate::Inherit;

#[test]
fn policies_are_read() {
    let text = "[shell_environment_policy]\ninherit = \"core\"\nignore_default_excludes = true\nexclude = [\"AWS_*\"]\n\
        include_only = [\"[A-Z]*\"]\nset = { CI = \"1\", EMPTY = \"\" }\nexperimental_use_profile = true\n";
    let policy =
        check(&[(USER, text)], &["shell_environment_policy.set.CI=\"2\""], &[]).settings.shell_environment_policy;
    assert_eq!(policy.inherit, Inherit::Core);
    assert!(policy.ignore_default_excludes);
    assert_eq!(format!("{:?} {:?}", policy.exclude, policy.include_only), r#"["AWS_*"] ["[A-Z]*"]"#);
    assert_eq!(format!("{:?}", Vec::from_iter(&policy.set)), r#"[("CI", "2"), ("EMPTY", "")]"#);
    let default = check(&[], &[], &[]).settings.shell_environment_policy;
    assert_eq!(default, crate::EnvironmentPolicy::default());
}

#[test]
fn what_would_do_nothing_is_an_error() {
    let never = "commands never get it: by it code is loaded into programs, or they act for you";
    let key = "commands never get it: it is to hold an API key or a header of a provider";
    let chat = "[model_providers.x]\nwire_api = \"chat\"\nenv_key = \"MINE\"\n[shell_environment_policy]\n";
    let table = [
        (
            "[shell_environment_policy]\ninherit = \"nothing\"".to_owned(),
            "2:11: `nothing` is not a value of `inherit`: it must be `none`, `core` or `all`
  2 | inherit = \"nothing\"
    |           ^^^^^^^^^"
                .to_owned(),
        ),
        (
            "[shell_environment_policy]\nexcludes = []".into(),
            "2:1: unknown key `excludes` in `[shell_environment_policy]`: a rule that is not understood is not enforced \
             either
  2 | excludes = []
    | ^^^^^^^^
  hint: did you mean `exclude`?"
                .into(),
        ),
        (
            "[shell_environment_policy]\nset = { A = 1 }".into(),
            "2:13: `set.A` must be a string, not a number
  2 | set = …
    |       ^
  hint: write it in quotes: `\"…\"`"
                .into(),
        ),
        (
            "[shell_environment_policy]\nset.LD_PRELOAD = \"/x.so\"".into(),
            format!(
                "2:18: `shell_environment_policy.set`: \"LD_PRELOAD\": {never}
  2 | set.LD_PRELOAD = \"…\"
    |                  ^^^"
            ),
        ),
        (
            "[shell_environment_policy]\nset.OPENAI_API_KEY = \"sk-1\"".into(),
            format!(
                "2:22: `shell_environment_policy.set`: \"OPENAI_API_KEY\": {key}
  2 | set.OPENAI_API_KEY = \"…\"
    |                      ^^^"
            ),
        ),
        // A provider that this version cannot talk to has its key all the same.
        (
            format!("{chat}set.MINE = \"sk-1\""),
            format!(
                "5:12: `shell_environment_policy.set`: \"MINE\": {key}
  5 | set.MINE = \"…\"
    |            ^^^"
            ),
        ),
        (
            "[shell_environment_policy]\nset.\"A=B\" = \"x\"".into(),
            "2:13: `shell_environment_policy.set`: \"A=B\": no environment variable has this name
  2 | set.\"A=B\" = \"…\"
    |             ^^^"
                .into(),
        ),
        (
            "[shell_environment_policy]\nexclude = [\"AWS_*\", \"[a\"]".into(),
            "2:21: `shell_environment_policy.exclude`: this is no pattern: unclosed character class; missing ']'
  2 | exclude = [\"AWS_*\", \"[a\"]
    |                     ^^^^"
                .into(),
        ),
    ];
    for (text, error) in table {
        check_error(&[(USER, &text)], &[], &format!("~/{USER}:{error}"));
    }
}

#[test]
fn a_project_that_nobody_trusts_says_nothing_of_it() {
    let text = "[shell_environment_policy]\nignore_default_excludes = true\nexclude = [\"*\"]\nset.CI = \"1\"";
    let told = "~/p/.codex/config.toml: this project is not trusted, so these settings of its file are held back: \
        `shell_environment_policy.ignore_default_excludes` (line 2), `shell_environment_policy.exclude` (line 3), \
        `shell_environment_policy.set` (line 4); `codex trust` shows them and asks, `--trust` honours them";
    let held = check(&[(PROJECT, text)], &[], &[told]).settings.shell_environment_policy;
    assert_eq!(held, crate::EnvironmentPolicy::default());
    let trusted = check(&[(PROJECT, text)], &["--trust"], &[]).settings.shell_environment_policy;
    assert!(trusted.ignore_default_excludes && trusted.set.contains_key("CI"));
}
