//! Tests of the runner: the shell stands for the binary.

use super::*;

fn play(scenario: &str) -> Result<(), String> {
    run(&Scenario::from_toml(scenario).unwrap(), Wire::Responses, Path::new("/bin/sh"))
}

#[test]
fn a_scenario_that_is_as_expected() {
    let scenario = r#"
        name = "everything"
        git = true
        config = "x = 1"
        stdin = "typed"
        args = ["-c", "cat; pwd; env | sort | cut -d= -f1 >&2; cat $CODEX_HOME/config.toml; cat link; printf 'new {workspace}' > made; exit 3"]
        env = { EXTRA = "1" }
        files = { "sub/a.txt" = "content\n" }
        symlinks = { link = "sub/a.txt" }
        [expect]
        exit = 3
        stdout = ["typed{workspace}\n", "x = 1", 'model = "mock"', 'base_url = "{base_url}"', "content\n"]
        stderr_contains = ["CODEX_HOME\nEXTRA\nHOME\nLANG\nPATH\nPWD\n"]
        never = ["CARGO"]
        files = { made = "new {workspace}", "sub/a.txt" = "content\n" }
        absent = ["not-there"]
        requests = 0
        [[then]]
        args = ["-c", "git status --porcelain; echo '{\"type\":\"a\",\"n\":{\"x\":1}}'; echo '{\"type\":\"b\"}'"]
        [then.expect]
        events = [{ type = "a", n = { x = 1 } }, { type = "b" }]
        stdout = ["?? made"]
    "#;
    play(scenario).unwrap();
}

#[test]
fn everything_that_differs_is_reported_at_once() {
    let scenario = r#"
        name = "differs"
        args = ["-c", "echo actual; echo secret >&2; exit 1"]
        files = { "a.txt" = "one\n" }
        [expect]
        stdout = "wanted\n"
        stderr_contains = ["help"]
        never = ["secret"]
        events = [{ type = "a" }]
        files = { "a.txt" = "two\n", "b.txt" = "" }
        absent = ["a.txt"]
        requests_contain = ["hello"]
        requests = 1
    "#;
    let report = play(scenario).unwrap_err();
    for part in [
        "differs (responses): run 1",
        "exit code is 1, not 0",
        "-wanted\n+actual",
        "stderr does not contain \"help\"",
        "the output contains \"secret\"",
        "event 0 was not found",
        "a.txt differs",
        "-two\n+one",
        "b.txt cannot be read",
        "a.txt is there",
        "no request contains \"hello\"",
        "the model got 0 requests, not 1",
    ] {
        assert!(report.contains(part), "{part:?} is not in:\n{report}");
    }
}

#[test]
fn a_misspelt_key_is_an_error() {
    for text in [
        "name = 'x'\nwires = ['telex']",
        "name = 'x'\nfile = {}",
        "name = 'x'\n[[model]]\ntxt = ''",
        "name = 'x'\n[expect]\nstdou = ''",
    ] {
        assert!(Scenario::from_toml(text).is_err(), "{text}");
    }
}

#[test]
fn a_scenario_is_played_on_each_wire_unless_it_says_which() {
    for (text, expected) in [("", &Wire::ALL[..]), ("wires = ['responses']", &[Wire::Responses])] {
        let scenario = Scenario::from_toml(&format!("name = 'x'\n{text}")).unwrap();
        assert_eq!(scenario.wires, expected);
    }
    for wire in Wire::ALL {
        let expected = format!("[expect]\nstdout = [\"wire_api = \\\"{}\\\"\"]", wire.name());
        let text = format!("name = 'x'\nargs = ['-c', 'cat $CODEX_HOME/config.toml']\n{expected}");
        run(&Scenario::from_toml(&text).unwrap(), wire, Path::new("/bin/sh")).unwrap();
    }
}
