//! Built-in providers: one is selected by its name, gets its own key in its own header, and its models are listed.

use std::{fs, process::Output};

use codex_testkit::{RawAnswer, RawEnding, RawServer};
use serde_json::{Value, json};

use crate::support::Place;

/// The exit code, standard output and standard error.
fn ran(place: &Place, arguments: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = place.codex(arguments).envs(variables.iter().copied()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

/// A place with these settings in place of the usual ones; `URL` is the address of the scripted server.
fn place(settings: &str) -> Place {
    let place = Place::new(json!([{ "text": "one" }, { "text": "two" }, { "text": "three" }]));
    fs::write(place.home.join("config.toml"), settings.replace("URL", &place.server.base_url())).unwrap();
    place
}

#[test]
fn one_is_selected_by_its_name_and_has_a_key_of_its_own() {
    let place = place(
        "[model_providers.azure]\nbase_url = \"URL\"\nquery_params = { api-version = \"preview\" }\n\
         [model_providers.mine]\nbase_url = \"URL\"\n",
    );
    let exec = ["exec", "-m", "azure/deployed/model", "go"];
    // No key of another counts.
    let (code, stdout, stderr) = ran(&place, &exec, &[("OPENAI_API_KEY", "k0"), ("XAI_API_KEY", "k1")]);
    assert_eq!((code, stdout.as_str()), (Some(2), ""), "{stderr}");
    for part in ["`AZURE_OPENAI_API_KEY` is not set", "codex login --provider azure", "in the Azure portal"] {
        assert!(stderr.contains(part), "{part} is missing: {stderr}");
    }
    assert_eq!(place.server.requests().len(), 0);
    let (code, stdout, stderr) = ran(&place, &exec, &[("AZURE_OPENAI_API_KEY", "k2"), ("OPENAI_API_KEY", "k0")]);
    assert_eq!((code, stdout.as_str()), (Some(0), "one\n"), "{stderr}");
    let request = place.server.requests().remove(0);
    assert_eq!((request.header("api-key"), request.header("authorization")), ("k2", ""));
    assert_eq!(request.body["model"], "deployed/model");
    assert!(request.uri.ends_with("/responses?api-version=preview"), "{}", request.uri);
    // A part that names no provider is part of the id.
    let (code, ..) = ran(&place, &["exec", "-c", "model_provider=mine", "-m", "mine/a/b", "go"], &[]);
    assert_eq!(code, Some(0));
    assert_eq!(place.server.requests().pop().unwrap().body["model"], "mine/a/b");
}

#[test]
fn models_are_listed_of_who_has_a_key_and_of_this_machine() {
    let place = place("model = \"anthropic/claude-x\"\n[model_providers.mistral]\nbase_url = \"URL\"\n");
    let variables = [("MISTRAL_API_KEY", "k-mistral")];
    let list = |arguments: &[&str]| {
        // Of servers that may run here none is asked.
        let dead = ["ollama", "lmstudio", "llamacpp", "vllm"]
            .map(|id| format!("model_providers.{id}.base_url=\"http://127.0.0.1:9/v1\""));
        let flags = dead.iter().flat_map(|setting| ["-c", setting]);
        ran(&place, &flags.chain(arguments.iter().copied()).collect::<Vec<_>>(), &variables)
    };
    let (code, stdout, stderr) = list(&["models"]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{stdout}");
    for part in [
        "anthropic (selected): Anthropic, https://api.anthropic.com/v1; no key: set ANTHROPIC_API_KEY, or keep one with \
         `codex login --provider anthropic`; keys are made at https://platform.claude.com, under `Settings`, `API keys`\n",
        "; key from $MISTRAL_API_KEY\n  mock\n",
        "ollama: Ollama, http://127.0.0.1:9/v1; no list of models: cannot connect to http://127.0.0.1:9/v1/models: ",
        "azure: Azure OpenAI; no key: ",
    ] {
        assert!(stdout.contains(part), "{part} is missing: {stdout}");
    }
    let asked = place.server.lists();
    assert_eq!(asked.iter().map(|request| request.header("authorization")).collect::<Vec<_>>(), ["Bearer k-mistral"]);
    assert_eq!(place.server.requests().len(), 0);

    let (code, stdout, _) = list(&["models", "--json", "mistral"]);
    let found: Value = serde_json::from_str(&stdout).unwrap();
    let expected = json!({ "providers": [{
        "id": "mistral", "name": "Mistral", "selected": false, "address": place.server.base_url(),
        "source": "variable", "variable": "MISTRAL_API_KEY", "open_weights": false,
        "models": [{ "id": "mock", "context_window": null, "price": null }], "error": null,
    }] });
    assert_eq!((code, found), (Some(0), expected));
    // Each language has its own header for the key.
    let own = format!("model_providers.anthropic.base_url=\"{}\"", place.server.base_url());
    let (code, ..) = ran(&place, &["-c", &own, "models", "anthropic"], &[("ANTHROPIC_API_KEY", "k-anthropic")]);
    let asked = place.server.lists().pop().unwrap();
    assert_eq!((code, asked.header("x-api-key"), asked.header("authorization")), (Some(0), "k-anthropic", ""));
    assert_ne!(asked.header("anthropic-version"), "");
    // Whoever names one wants its list.
    assert_eq!(list(&["models", "anthropic"]).0, Some(1));
    assert_eq!(list(&["models", "vllm"]).0, Some(1));
    let (code, _, stderr) = list(&["models", "mistrel"]);
    assert!(
        code == Some(2) && stderr.contains("there is no provider `mistrel`; known: anthropic, azure, "),
        "{stderr}"
    );
}

#[test]
fn a_key_is_kept_for_a_built_in_provider_and_told_of() {
    let place = place("[model_providers.groq]\nbase_url = \"URL\"\nwire_api = \"responses\"\n");
    let mut login = place.codex(&["login", "--provider", "groq"]);
    let pipe = place.home.join("key");
    fs::write(&pipe, "gsk-0123456789").unwrap();
    assert!(login.stdin(fs::File::open(&pipe).unwrap()).output().unwrap().status.success());
    let (_, stdout, _) = ran(&place, &["login", "status"], &[("XAI_API_KEY", "k")]);
    for part in ["groq: key kept in ", "xai: key from $XAI_API_KEY\n", "openai (selected): no key; "] {
        assert!(stdout.contains(part), "{part} is missing: {stdout}");
    }
    assert!(!stdout.contains("mistral"), "{stdout}");
    // A key is kept for a server; one without an address has none.
    let (code, _, stderr) = ran(&place, &["login", "--provider", "azure"], &[]);
    assert!(code == Some(2) && stderr.contains("set `base_url` in [model_providers.azure] first"), "{stderr}");
    let (code, stdout, stderr) = ran(&place, &["exec", "-m", "groq/openai/gpt-oss", "go"], &[]);
    assert_eq!((code, stdout.as_str()), (Some(0), "one\n"), "{stderr}");
    assert_eq!(place.server.requests()[0].header("authorization"), "Bearer gsk-0123456789");
}

/// (settings of the provider, bytes of each answer, what is said, how often the server is asked)
#[test]
fn each_provider_has_its_own_patience() {
    let trouble = "HTTP/1.1 500 Trouble\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let begun = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let table = [
        ("first_byte_timeout_ms = 250\nrequest_max_retries = 9", "", RawEnding::Hang, "did not answer for 0.25 s", 1),
        // What has begun may take as long as a stream may be silent.
        ("first_byte_timeout_ms = 60000\nstream_idle_timeout_ms = 300", begun, RawEnding::Hang, "for 0.3 s", 1),
        ("request_max_retries = 0", trouble, RawEnding::Close, "HTTP 500", 1),
        ("request_max_retries = 1", trouble, RawEnding::Close, "HTTP 500", 2),
        ("", trouble, RawEnding::Close, "HTTP 500", 1),
    ];
    for (settings, bytes, ending, words, times) in table {
        let server = RawServer::start(move |_| RawAnswer::new(bytes, ending));
        let place = Place::new(json!([]));
        let url = server.base_url();
        let provider = format!(
            "model = \"x\"\nmodel_provider = \"x\"\n[model_providers.x]\nbase_url = \"{url}\"\nstream_max_retries = 0\n{settings}\n"
        );
        fs::write(place.home.join("config.toml"), provider).unwrap();
        let (code, _, stderr) = ran(&place, &["exec", "go"], &[]);
        assert!(code == Some(1) && stderr.contains(words), "{settings}: {stderr}");
        assert_eq!(server.answered(), times, "{settings}: {stderr}");
    }
}
