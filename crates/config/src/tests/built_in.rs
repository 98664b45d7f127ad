//! Providers that need no table: the file is in order, and `provider/model` selects one.

use std::collections::BTreeSet;

use super::{PROJECT, USER, check, check_error, load_files};
use crate::keys::QUIRKS;
use crate::provider::OPENAI;
use crate::{Environment, Settings, WireApi, built_in, is_built_in};

/// The settings with all of them.
fn all() -> Settings {
    check(&[], &[], &[]).settings.with_built_in()
}

#[test]
fn the_file_is_in_order() {
    let names: Vec<&str> = built_in::names().collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    let all = all();
    assert_eq!(all.model_providers.len(), names.len());
    let mut variables = Vec::new();
    for name in names.into_iter().filter(|name| *name != OPENAI) {
        // By itself, as it is read when it is selected, it is the same as among all, and in order for who writes such a table.
        let whole = &all.model_providers[name];
        let base_url = "model_providers.azure.base_url='https://x.example/v1'";
        let selected = check(&[], &[&format!("model={name}/m"), base_url], &[]).settings;
        if name != "azure" {
            assert_eq!(&selected.model_providers[name], whole);
        }
        assert_eq!((&*selected.model_provider, &*selected.model), (name, "m"));
        let is_local = whole.base_url.as_ref().is_some_and(|url| url.starts_with("http://127.0.0.1:"));
        let is_far = whole.base_url.as_ref().is_none_or(|url| url.starts_with("https://") && !url.ends_with('/'));
        assert!(is_local != is_far && whole.open_weights == is_local, "{name}");
        assert_eq!((whole.env_key.is_some(), whole.env_key_instructions.is_some()), (is_far, is_far), "{name}");
        variables.extend(whole.env_key.as_deref());
    }
    assert_eq!(built_in::variables().collect::<Vec<_>>(), variables);
}

/// A server has its quirks under any name, and each that the table of the user names is as it says there.
#[test]
fn quirks_are_those_of_the_server_unless_the_user_says_otherwise() {
    let quirks = |base_url: &str, more: &str| {
        let text = format!("[model_providers.own]\nbase_url = \"{base_url}\"\nwire_api = \"chat\"\n{more}");
        let settings = check(&[(USER, &text)], &["model_provider=own", "model=m"], &[]).settings;
        let quirks = settings.model_providers["own"].quirks.clone();
        quirks.into_iter().map(|(name, holds)| format!("{name}={holds}")).collect::<Vec<_>>().join(" ")
    };
    let openai =
        "cache_keys=true developer_role=true max_completion_tokens=true temperature_when_thinking=false verbosity=true";
    let mistral = "reasoning_effort=false stream_options=false user_after_result=false";
    for (base_url, more, expected) in [
        ("https://api.openai.com/v1", "", openai),
        ("https://my-resource.openai.azure.com/openai/v1", "", openai),
        ("https://me@API.OPENAI.com:443/v1", "", openai),
        ("https://notopenai.azure.com/v1", "", ""),
        ("https://api.openai.com.example.org/v1", "", ""),
        ("https://api.mistral.ai/v1", "", mistral),
        (
            "https://api.mistral.ai/v1",
            "quirks = { stream_options = true, verbosity = true }",
            "reasoning_effort=false stream_options=true user_after_result=false verbosity=true",
        ),
        ("https://api.deepseek.com", "", "json_schema=false"),
        ("https://openrouter.ai/api/v1", "", ""),
        ("http://localhost:11434/v1", "", "parallel_tool_calls=true"),
        ("http://[::1]:1234/v1", "", "parallel_tool_calls=true"),
        ("http://192.168.1.2/v1", "", ""),
        ("http://192.168.1.2/v1", "open_weights = true", "parallel_tool_calls=true"),
        (
            "http://192.168.1.2/v1",
            "open_weights = true\nquirks.parallel_tool_calls = false",
            "parallel_tool_calls=false",
        ),
    ] {
        assert_eq!(quirks(base_url, more), expected, "{base_url} {more}");
    }
    // Elsewhere too, a built-in one keeps its own.
    let there = ["model=mistral/m", "model_providers.mistral.base_url='http://10.0.0.1/v1'"];
    let settings = check(&[], &there, &[]).settings;
    assert_eq!(settings.model_providers["mistral"].quirks.len(), 3);
    let chat =
        check(&[], &["model_providers.openai.wire_api=chat", "openai_base_url='http://10.0.0.1/v1'"], &[]).settings;
    assert_eq!(chat.model_providers["openai"].quirks.len(), 5);
    let known: BTreeSet<&str> = QUIRKS.iter().map(|key| key.name).collect();
    assert!(all().model_providers.values().flat_map(|it| it.quirks.keys()).all(|name| known.contains(&**name)));
}

#[test]
fn a_part_before_a_slash_selects_one() {
    let here = "[model_providers.mine]\nbase_url = \"http://127.0.0.1:1/v1\"";
    let table: [(&str, &[&str], &str, &str); 13] = [
        ("", &["model=anthropic/claude-x"], "anthropic", "claude-x"),
        // Ids of a gateway have slashes of their own.
        ("", &["model=openrouter/anthropic/claude-x"], "openrouter", "anthropic/claude-x"),
        ("model_provider = \"groq\"\nmodel = \"openai/gpt-oss\"", &[], "groq", "openai/gpt-oss"),
        ("", &["model=openai/gpt-oss", "model_provider=together"], "together", "openai/gpt-oss"),
        // What is no provider is part of the id.
        ("model_provider = \"vllm\"\nmodel = \"a\"", &["model=Qwen/Qwen3-8B"], "vllm", "Qwen/Qwen3-8B"),
        ("", &["model=nobody/m"], "openai", "nobody/m"),
        // No model is named then, and that of the layers below is another provider's.
        ("model = \"gpt-5\"", &["model=anthropic/"], "anthropic", ""),
        ("", &["model=anthropic"], "anthropic", ""),
        ("model_provider = \"groq\"\nmodel = \"anthropic\"", &[], "groq", "anthropic"),
        (here, &["model=mine/"], "mine", ""),
        // A model may be called as a provider of the user's own.
        (here, &["model=mine"], "openai", "mine"),
        (here, &["model=mine/a/b"], "mine", "a/b"),
        ("[profiles.p]\nmodel = \"mistral/large\"", &["-p=p"], "mistral", "large"),
    ];
    for (text, arguments, provider, model) in table {
        let settings = check(&[(USER, text)], arguments, &[]).settings;
        assert_eq!((&*settings.model_provider, &*settings.model), (provider, model), "{text} {arguments:?}");
        assert!(is_built_in(provider) || provider == "mine");
    }
    assert!(!is_built_in("mine") && !is_built_in("") && !is_built_in("anthropic]"));
}

#[test]
fn a_table_changes_single_keys() {
    let text = "model = \"anthropic/claude-x\"\n[model_providers.anthropic]\nbase_url = \"http://127.0.0.1:1\"\n\
        first_byte_timeout_ms = 7\n";
    let loaded = check(&[(USER, text)], &[], &[]);
    let own = &loaded.settings.model_providers["anthropic"];
    assert_eq!(own.base_url.as_deref(), Some("http://127.0.0.1:1"));
    assert_eq!((own.wire_api, own.env_key.as_deref()), (WireApi::Anthropic, Some("ANTHROPIC_API_KEY")));
    assert_eq!((own.timeouts.first_byte.as_millis(), own.timeouts.idle.as_secs()), (7, 300));
    // The change and what it covers are explained.
    let shown = loaded.explain().into_iter().find(|it| it.key == "model_providers.anthropic.base_url").unwrap();
    assert_eq!(shown.value.unwrap().origin.to_string().rsplit('/').next(), Some("config.toml:3:12"));
    assert_eq!(shown.covered[0].shown, "\"https://api.anthropic.com/v1\"");
    // Of those that nobody names, nothing is there.
    assert!(!loaded.settings.model_providers.contains_key("mistral"));
}

/// Who sends the key in a header of their own needs no variable; a variable that they name counts all the same.
#[test]
fn a_header_may_bring_the_key() {
    let azure = "model = \"azure/m\"\n[model_providers.azure]\nbase_url = \"https://x.example/openai/v1\"\n";
    for (more, variable) in [
        ("", Some("AZURE_OPENAI_API_KEY")),
        ("env_http_headers = { \"Api-Key\" = \"MINE\" }", None),
        ("http_headers = { Authorization = \"Bearer x\" }", None),
        ("http_headers = { X-Team = \"x\" }", Some("AZURE_OPENAI_API_KEY")),
        ("env_key = \"OTHER\"\nhttp_headers = { api-key = \"x\" }", Some("OTHER")),
    ] {
        let settings = check(&[(USER, &format!("{azure}{more}"))], &[], &[]).settings;
        let azure = &settings.model_providers["azure"];
        assert_eq!((azure.env_key.as_deref(), azure.key_header.as_deref()), (variable, Some("api-key")), "{more}");
    }
}

#[test]
fn what_is_missing_is_named_and_where_to_get_it() {
    check_error(
        &[(USER, "model = \"azure/m\"")],
        &[],
        "~/.codex/config.toml:1:9: the provider `azure` has no `base_url` in `[model_providers.azure]`
  1 | model = \"azure/m\"
    |         ^^^^^^^^^
  hint: key and address are in the Azure portal, under `Keys and Endpoint` of the resource",
    );
    check_error(
        &[(USER, "model_provider = \"gemni\"")],
        &[],
        "~/.codex/config.toml:1:18: there is no provider `gemni`; known: anthropic, azure, deepseek, fireworks, gemini, \
         groq, llamacpp, lmstudio, mistral, ollama, openai, openrouter, together, vllm, xai
  1 | model_provider = \"gemni\"
    |                  ^^^^^^^
  hint: did you mean `gemini`?",
    );
    let loaded = check(&[], &["model=xai/grok"], &[]);
    let needs = |pairs: &[(&'static str, &'static str)]| {
        let environment = Environment::from_pairs(pairs.iter().copied());
        loaded.require_api_key(&environment).map_err(|error| error.to_string())
    };
    assert_eq!(
        needs(&[("OPENAI_API_KEY", "k"), ("CODEX_API_KEY", "k")]).unwrap_err(),
        "-c model=…: the provider `xai` needs an API key, and `XAI_API_KEY` is not set
  hint: export XAI_API_KEY=…, or store a key with `codex login --provider xai`; keys are made at https://console.x.ai"
    );
    assert_eq!(needs(&[("XAI_API_KEY", "k")]), Ok(()));
}

/// The model that is asked without a word is OpenAI's.
#[test]
fn a_model_must_be_named_where_the_usual_one_is_not() {
    let own = "[model_providers.own]\nbase_url = \"http://127.0.0.1:1\"";
    for (text, arguments, is_missing) in [
        ("", &["model_provider=mistral"][..], true),
        ("model_provider = \"ollama\"", &[], true),
        ("", &["model_provider=mistral", "model=x"], false),
        ("", &["model=mistral/x"], false),
        ("", &["model_provider=ollama", "oss=true"], false),
        (own, &["model_provider=own"], false),
        (own, &["model=own/"], true),
        ("", &["model=anthropic/"], true),
        ("model = \"gpt-5\"", &["model=anthropic"], true),
        ("", &["model=openai"], true),
        ("", &["model=ollama", "oss=true"], false),
        ("", &[], false),
    ] {
        let loaded = check(&[(USER, text)], arguments, &[]);
        assert_eq!(loaded.require_model().is_err(), is_missing, "{text} {arguments:?}");
    }
    let error = check(&[], &["model=anthropic/"], &[]).require_model().unwrap_err();
    assert_eq!(
        error.to_string(),
        "-c model=…: no model of the provider `anthropic` is named
  hint: `codex models anthropic` lists its models; `-m anthropic/MODEL` names one"
    );
    let error = check(&[], &["model_provider=xai"], &[]).require_model().unwrap_err();
    assert_eq!(
        error.to_string(),
        "-c model_provider=…: no model of the provider `xai` is named
  hint: `codex models xai` lists its models; `-m xai/MODEL` names one"
    );
}

/// A stranger's project does not choose who is asked.
#[test]
fn a_project_that_nobody_trusts_selects_none() {
    let loaded = load_files(&[(PROJECT, "model = \"ollama/x\"")], &[]).unwrap();
    assert_eq!((&*loaded.settings.model_provider, &*loaded.settings.model), ("openai", "o4-mini"));
    assert_eq!(loaded.warnings.len(), 1);
    let trusted = check(&[(PROJECT, "model = \"ollama/x\"")], &["--trust"], &[]).settings;
    assert_eq!(trusted.model_provider, "ollama");
}

/// Any of them may come to be asked in a session: commands see the keys of none, unless they are given one.
#[test]
fn commands_see_no_key_of_theirs() {
    let settings = check(&[], &[], &[]).settings;
    assert!(settings.secret_variables.contains("ANTHROPIC_API_KEY"));
    let text = "[shell_environment_policy.set]\nXAI_API_KEY = \"for the tests\"";
    let settings = check(&[(USER, text)], &[], &[]).settings;
    assert!(!settings.secret_variables.contains("XAI_API_KEY"));
    assert!(settings.secret_variables.contains("ANTHROPIC_API_KEY"));
}
