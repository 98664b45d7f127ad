//! The schema of settings: it is the one that is checked in, and it takes what loads and nothing that is wrong.
//!
//! `UPDATE=1 cargo test -p codex-config` renews `docs/config.schema.json`.

use std::fs;
use std::path::{Path, PathBuf};

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::Value;

use super::{USER, existing, load_files};
use crate::schema;

/// A file of this repository.
pub(super) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// Holds a file that is made from a table of this crate to what the table says, or renews it.
pub(super) fn is_current(path: &str, expected: &str) {
    let file = repository(path);
    #[allow(clippy::disallowed_methods, reason = "a word of whoever runs the tests")]
    let update = std::env::var_os("UPDATE").is_some();
    if update {
        fs::write(&file, expected).unwrap();
    }
    let current = fs::read_to_string(&file).unwrap_or_default();
    assert!(current == expected, "{path} is not what the code says: UPDATE=1 cargo test -p codex-config");
}

#[test]
fn it_is_the_one_that_is_checked_in() {
    is_current("docs/config.schema.json", &(serde_json::to_string_pretty(&schema()).unwrap() + "\n"));
}

struct Checker {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Checker {
    fn new() -> Self {
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.add_resource("config.json", schema()).unwrap();
        let index = compiler.compile("config.json", &mut schemas).unwrap();
        Self { schemas, index }
    }

    /// What is wrong with a text; `None` if it is as the schema says.
    fn check(&self, text: &str) -> Option<String> {
        let table: toml::Table = text.parse().unwrap();
        let value: Value = serde_json::to_value(table).unwrap();
        self.schemas.validate(&value, self.index).err().map(|error| format!("{error:#}"))
    }
}

/// The blocks of TOML of a document.
fn examples(document: &str) -> Vec<String> {
    let text = fs::read_to_string(repository(document)).unwrap();
    let blocks = text.split("```toml\n").skip(1);
    let blocks: Vec<_> = blocks.map(|block| block.split("```").next().unwrap().to_owned()).collect();
    assert!(!blocks.is_empty(), "{document} has no examples");
    blocks
}

#[test]
fn it_takes_the_examples_of_the_documents() {
    let checker = Checker::new();
    for text in ["README.md", "docs/configuration.md", "docs/mcp.md"].map(examples).concat() {
        assert_eq!(checker.check(&text), None, "{text}");
        load_files(&[(USER, &text)], &[]).unwrap();
    }
}

/// What the loader takes, with or without warnings, the schema takes.
#[test]
fn it_takes_what_loads() {
    let table = [
        "",
        "model = \"m\"\nmodel_reasoning_effort = \"unheard of\"",
        "sandbox = \"read-only\"",
        "sandbox_mode = \"danger-full-access\"",
        "[sandbox]\nmode = \"workspace-write\"\nhide = [\"x\"]\nallow_domains = [\"crates.io\"]",
        "web_search = \"live\"",
        "web_search = false",
        "approval_policy = \"never\"",
        "[permissions]\ndeny = [\"x\"]\n[permissions.projects.\"/x\"]\nask = [\"y\"]",
        "[model_providers.x]\nbase_url = \"http://127.0.0.1:1/v1\"\napi_key_env = \"K\"\nhttp_headers = { X-Org = \"1\" }",
        "[model_providers.x]\nstream_max_retries = 0\nenv_http_headers = { A = \"K\" }\nquery_params = { \"a b\" = \"\" }",
        "[profiles.p]\nmodel = \"m\"\nsandbox = { mode = \"read-only\" }\nadd_dir = [\"/\"]",
        "profile = \"x\"\n[profiles.x]\nmodel = \"m\"",
        "default_profile = \"x\"\nadd_dir = [\"!*\"]\n[profiles.x]\npermissions.allow = [\"!git diff\"]",
        "[tui]\nnotifications = true\n[mcp_servers.x]\ncommand = \"y\"",
        "colour = 1\n[profiles.x]\ncolour = 2\n[model_providers.x]\ncolour = 3",
    ];
    let checker = Checker::new();
    for (name, text) in existing::files() {
        // An older name of a value loads, but editors propose the new one.
        assert_eq!(checker.check(&text.replace("on-failure", "on-request")), None, "{name}");
    }
    for text in table {
        assert_eq!(checker.check(text), None, "{text}");
        load_files(&[(USER, text)], &[]).unwrap();
    }
}

/// (text, the place that the schema's complaint names)
#[test]
fn it_refuses_what_does_not_load() {
    let table = [
        ("model = 4", "/model"),
        ("model = \" \"", "/model"),
        ("search = \"true\"", "/search"),
        ("web_search = \"cahced\"", "/web_search"),
        ("model_context_window = 16", "/model_context_window"),
        ("sandbox = \"readonly\"", "/sandbox"),
        ("sandbox_mode = \"readonly\"", "/sandbox_mode"),
        ("[sandbox]\nhidden = [\"/x\"]", "/sandbox"),
        ("[sandbox]\nhide = \"/x\"", "/sandbox/hide"),
        ("ask_for_approval = \"always\"", "/ask_for_approval"),
        ("api_key_env = \"sk-1\"", "/api_key_env"),
        ("openai_base_url = \"api.openai.com\"", "/openai_base_url"),
        ("add_dir = \"/a\"", "/add_dir"),
        ("add_dir = [1]", "/add_dir/0"),
        ("model_providers.x = 3", "/model_providers/x"),
        ("model_providers.x.wire_api = \"grpc\"", "/model_providers/x/wire_api"),
        ("model_providers.x.base_url = \"http://host/a b\"", "/model_providers/x/base_url"),
        ("model_providers.x.http_headers.\"A B\" = \"1\"", "/model_providers/x/http_headers"),
        ("model_providers.x.http_headers.A = 1", "/model_providers/x/http_headers/A"),
        ("model_providers.x.env_http_headers.A = \"sk-1\"", "/model_providers/x/env_http_headers/A"),
        ("profiles = 3", "/profiles"),
        ("[profiles.x]\nmodel = 4", "/profiles/x/model"),
        ("[profiles.x.permissions]\ndenny = []", "/profiles/x/permissions"),
        ("[permissions]\ndenny = [\"x\"]", "/permissions"),
        ("[permissions.projects.\"/x\"]\ndenny = [\"x\"]", "/permissions/projects/~1x"),
    ];
    let checker = Checker::new();
    for (text, place) in table {
        let complaint = checker.check(text).unwrap_or_else(|| panic!("the schema takes {text}"));
        assert!(complaint.contains(&format!("at '{place}'")), "{text}\n{complaint}");
        load_files(&[(USER, text)], &[]).unwrap_err();
    }
}
