//! `codex doctor`: what it looks at, and that it works where nothing else does.

use std::{fs, os::unix::fs::PermissionsExt as _};

use serde_json::{Value, json};

use crate::support::Place;

/// The exit code, and the object that was printed.
fn doctor(place: &Place, flags: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, Value) {
    let mut command = place.codex(&[&["doctor", "--json"], flags].concat());
    let output = command.envs(variables.iter().copied()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let found =
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}{}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code(), found)
}

/// Status, detail and advice of a check.
fn check(found: &Value, name: &str) -> (String, String, String) {
    let checks = found["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("no {name}: {found}"));
    let text = |key: &str| check[key].as_str().unwrap_or_default().to_owned();
    (text("status"), text("detail"), text("advice"))
}

#[test]
fn where_all_is_well_nothing_fails() {
    let place = Place::new(json!([]));
    let (code, found) = doctor(&place, &[], &[]);
    assert_eq!(code, Some(0), "{found}");
    let names: Vec<&str> =
        found["checks"].as_array().unwrap().iter().map(|check| check["name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        ["terminal", "versions", "configuration", "keys", "endpoint", "sandbox", "mcp", "languages", "disk", "log"]
    );
    for (name, part) in [
        ("versions", concat!("codex ", env!("CARGO_PKG_VERSION"))),
        ("configuration", "config.toml"),
        ("keys", "`mock`: key not needed"),
        ("endpoint", "answers (HTTP "),
        ("mcp", "no servers"),
        ("disk", "0 sessions, 0 kB; "),
        ("log", "home/log, level info"),
    ] {
        let (status, detail, _) = check(&found, name);
        assert!(status == "ok" && detail.contains(part), "{name}: {found}");
    }
    // As the header of a run says it.
    let (_, held, _) = check(&found, "sandbox");
    let header = place.codex(&["exec", "go"]).output().unwrap();
    let header = String::from_utf8(header.stderr).unwrap();
    assert!(header.contains(&held), "{held}: {header}");
    // In lines, for people.
    let output = place.codex(&["doctor", "--offline"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.lines().filter(|line| line.starts_with("ok ") || line.starts_with("warn ")).count() == 10, "{text}");
    assert!(text.contains("was not asked (--offline)") && place.server.lists().len() == 1, "{text}");
}

#[test]
fn a_broken_configuration_is_one_check_that_fails() {
    let place = Place::new(json!([]));
    fs::write(place.home.join("config.toml"), "model = \"x\"\nsandbox = \"wide-open\u{1b}[2J\"\n").unwrap();
    let (code, found) = doctor(&place, &[], &[]);
    assert_eq!((code, &found["status"]), (Some(1), &json!("fail")));
    let (status, detail, _) = check(&found, "configuration");
    assert!(status == "fail" && detail.contains("config.toml:2:"), "{found}");
    for name in ["versions", "sandbox", "disk"] {
        assert_ne!(check(&found, name).0, "fail", "{found}");
    }
    assert_eq!((place.server.lists().len(), place.server.requests().len()), (0, 0));
    let output = place.codex(&["doctor"]).output().unwrap();
    assert!(!output.stdout.contains(&0x1b), "{output:?}");
    // Nor does it need a home that can be written.
    let (code, found) = doctor(&place, &["--offline"], &[("CODEX_HOME", "relative")]);
    assert_eq!(code, Some(1));
    assert!(check(&found, "configuration").1.contains("must be an absolute path"), "{found}");
}

#[test]
fn what_is_missing_is_told_with_what_to_do() {
    let place = Place::new(json!([]));
    let config = place.home.join("config.toml");
    let settings = "model = \"m\"\nmodel_provider = \"p\"\nmodell = 1\n[model_providers.p]\n\
        base_url = \"http://user:s3cret@127.0.0.1:9/v1?key=s3cret\"\nenv_key = \"MY_LLM\"\n[mcp_servers.files]\ncommand = \"x\"\n\
        env = { API_KEY = \"s3cret\" }\n";
    fs::write(&config, settings).unwrap();
    fs::write(place.home.join("credentials.toml"), "").unwrap();
    fs::set_permissions(place.home.join("credentials.toml"), fs::Permissions::from_mode(0o644)).unwrap();
    let (code, found) = doctor(&place, &[], &[]);
    assert_eq!(code, Some(1), "{found}");
    assert!(!found.to_string().contains("s3cret"), "{found}");
    let table = [
        ("configuration", "warn", "unknown key `modell`", "correct"),
        ("keys", "fail", "`p` has no key", "set MY_LLM, or keep a key with `codex login --provider p`"),
        ("endpoint", "fail", "http://127.0.0.1:9 cannot be reached: ", "--offline"),
        ("mcp", "warn", "1 configured (files); secrets stand in the files of files", "codex mcp list"),
    ];
    for (name, status, detail, advice) in table {
        let got = check(&found, name);
        assert!(got.0 == status && got.1.contains(detail) && got.2.contains(advice), "{name}: {found}");
    }
    let open = found["checks"]
        .as_array()
        .unwrap()
        .iter()
        .any(|check| check["detail"].as_str().unwrap().ends_with("can be read by others"));
    assert!(open, "{found}");
    // With the key, and without the network, only warnings are left.
    let (code, found) = doctor(&place, &["--offline"], &[("MY_LLM", "s3cret")]);
    assert_eq!((code, &found["status"]), (Some(0), &json!("warn")), "{found}");
    assert!(check(&found, "keys").1.contains("from $MY_LLM") && !found.to_string().contains("s3cret"), "{found}");
}

/// Only the configured server is asked, and without a key.
#[test]
fn the_server_is_asked_without_a_key() {
    let place = Place::new(json!([]));
    let config = fs::read_to_string(place.home.join("config.toml")).unwrap()
        + "env_key = \"MY_LLM\"\nhttp_headers = { X = \"s3cret\" }\n";
    fs::write(place.home.join("config.toml"), config).unwrap();
    let (code, found) = doctor(&place, &[], &[("MY_LLM", "s3cret")]);
    assert_eq!(code, Some(0), "{found}");
    let asked = place.server.lists();
    assert_eq!((asked.len(), place.server.requests().len()), (1, 0));
    assert_eq!((asked[0].header("authorization"), asked[0].header("x")), ("", ""));
    let (_, detail, _) = check(&found, "endpoint");
    assert!(detail.contains(" without a key)"), "{detail}");
}
