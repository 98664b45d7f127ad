//! How a model is asked to answer: what the settings say, as far as the model takes it.

use std::fs;

use serde_json::{Value, json};

use crate::support::Place;

/// What a request says of how it is to be answered.
fn options(request: &Value) -> Value {
    let keys = ["reasoning", "text", "service_tier", "temperature", "max_output_tokens"];
    keys.into_iter().filter_map(|key| Some((key.to_owned(), request.get(key)?.clone()))).collect()
}

/// Of the first request of a run with these arguments.
fn asked(arguments: &[&str]) -> Value {
    let place = Place::new(json!([{ "text": "ok" }]));
    let output = place.codex(&[&["exec"], arguments, &["go"]].concat()).output().unwrap();
    let requests = place.server.requests();
    let [request] = &requests[..] else { panic!("{arguments:?}: {}", String::from_utf8_lossy(&output.stderr)) };
    options(&request.body)
}

const ALL: &[&str] = &[
    "-c",
    "model_reasoning_effort=max",
    "-c",
    "model_reasoning_summary=detailed",
    "-c",
    "model_verbosity=low",
    "-c",
    "service_tier=fast",
    "-c",
    "model_temperature=0.5",
    "-c",
    "model_max_output_tokens=100000",
];

#[test]
fn a_model_is_asked_for_what_it_takes() {
    let high = json!({ "effort": "high", "summary": "detailed" });
    let unknown = json!({
        "reasoning": { "effort": "max", "summary": "detailed" },
        "text": { "verbosity": "low" },
        "service_tier": "priority",
        "temperature": 0.5,
        "max_output_tokens": 100_000,
    });
    let table: [(&[&str], Value); 4] = [
        (&["-m", "unheard-of"], unknown),
        (
            &["-m", "gpt-5.1"],
            json!({ "reasoning": high, "text": { "verbosity": "low" }, "service_tier": "priority",
                "max_output_tokens": 100_000 }),
        ),
        (&["-m", "gpt-4.1"], json!({ "service_tier": "priority", "temperature": 0.5, "max_output_tokens": 32_768 })),
        (
            &["-m", "gpt-4.1", "-c", "models.\"gpt-4.1\"={reasoning=[\"low\",\"high\"],max_output_tokens=500}"],
            json!({ "reasoning": high, "service_tier": "priority", "temperature": 0.5, "max_output_tokens": 500 }),
        ),
    ];
    for (arguments, expected) in table {
        assert_eq!(asked(&[arguments, ALL].concat()), expected, "{arguments:?}");
    }
    assert_eq!(asked(&["-m", "gpt-5.1"]), json!({ "reasoning": { "summary": "auto" } }), "nothing is set");
}

#[test]
fn plan_mode_has_an_effort_of_its_own() {
    let efforts = ["-c", "model_reasoning_effort=low", "-c", "plan_mode_reasoning_effort=high"];
    assert_eq!(asked(&efforts)["reasoning"]["effort"], "low");
    assert_eq!(asked(&[&["--plan"], &efforts[..]].concat())["reasoning"]["effort"], "high");
    assert_eq!(asked(&["--plan", "-c", "model_reasoning_effort=low"])["reasoning"]["effort"], "low");
}

#[test]
fn what_the_user_says_of_a_model_counts() {
    let place = Place::new(json!([{ "text": "ok" }]));
    let config = place.home.join("config.toml");
    let more = "[models.\"mock/mock\"]\ncontext_window = 50_000\ninput_price = 10000\noutput_price = 10000\n";
    fs::write(&config, fs::read_to_string(&config).unwrap() + more).unwrap();
    let output = place.codex(&["exec", "-v", "--max-cost", "5", "go"]).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("$1.10") && told.contains("context 0 % full"), "{told}");

    let half = ["exec", "-c", "models.x.input_price=1", "-m", "x", "go"];
    let told = String::from_utf8_lossy(&place.codex(&half).output().unwrap().stderr).into_owned();
    assert!(told.contains("this price is not used, since `output_price` is missing"), "{told}");

    let output = place.codex(&["exec", "-c", "model_temperature=2.5", "go"]).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && told.contains("must be a number from 0 to 2"), "{told}");
}
