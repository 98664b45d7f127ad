//! S1 to S14 and S44 to S63, as far as they are about the screen.

use std::fs;

use serde_json::json;

use super::{configure, last_request, place_with};
use crate::{approvals::run, screen::terminal::Terminal, support::Place};

/// The id in the sentence that says how to go on.
fn left(terminal: Terminal) -> String {
    let (status, all) = terminal.end();
    assert!(status.success(), "{all}");
    let (_, id) = all.rsplit_once("codex --resume ").unwrap_or_else(|| panic!("{all}"));
    id.split_whitespace().next().unwrap().to_owned()
}

/// Says `text` in a session of its own. Returns its id.
fn session(place: &Place, text: &str) -> String {
    let mut terminal = Terminal::open(place, &[]);
    terminal.press(&format!("{text}\r"), "Done.").rest();
    terminal.send("/quit\r");
    left(terminal)
}

#[test]
fn s01_codex_alone_is_the_screen_and_a_prompt_begins_it() {
    let place = Place::new(json!([{ "text": "The first." }, { "text": "The second." }]));
    let mut terminal = Terminal::open(&place, &["what?"]);
    terminal.until("The first.").rest();
    terminal.press("more\r", "The second.").rest();
    assert!(!terminal.written().contains("\x1b[?1049h"), "it stays in the terminal's own scrollback");
    assert!(!terminal.written().contains("\x1b[?1000h"), "the mouse stays the terminal's");
    for full in [&["--alt-screen"][..], &["-c", "tui.alternate_screen=true"]] {
        let mut terminal = Terminal::open(&place, full);
        assert!(terminal.written().contains("\x1b[?1049h"), "{full:?}");
        terminal.press("hello\r", "Done.").rest();
        terminal.send("/quit\r");
        left(terminal);
    }
}

#[test]
fn s02_the_screen_shows_what_is_to_be_done_and_takes_a_yes_or_a_no() {
    let place =
        Place::new(json!([run("touch ../outside"), { "text": "One." }, run("touch inside"), { "text": "Two." }]));
    let mut terminal = Terminal::start(&place, &["go"], 24, 80);
    for shown in ["touch ../outside", "Directory", "Why", "Sandbox", "no network"] {
        terminal.until(shown);
    }
    terminal.answer("no, and it goes on without");
    terminal.until("One.").rest();
    terminal.press("again\r", "Run this command?");
    terminal.answer("yes, this once");
    terminal.until("Two.");
    assert!(place.workspace.join("inside").exists() && !place.workspace.join("../outside").exists());
}

#[test]
fn s04_commands_are_listed_found_by_a_few_letters_and_run() {
    let place = Place::new(json!([]));
    let mut terminal = Terminal::open(&place, &[]);
    terminal.press("/", "/clear");
    terminal.press("sta", "Model, context, tokens");
    terminal.press("\r", "Settings from");
    terminal.press("\x1b", "Ask, or /help");
    assert_eq!(place.server.requests().len(), 0);
}

#[test]
fn s53_servers_of_tools_are_listed_with_what_can_be_done() {
    let place = Place::new(json!([]));
    let config = place.home.join("config.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let server = "\n[mcp_servers.files]\ncommand = \"sh\"\nargs = [\"-c\", \"echo no database >&2; exit 3\"]\n";
    std::fs::write(config, text + server).unwrap();
    let mut terminal = Terminal::open(&place, &[]);
    terminal.press("/mcp\r", "MCP servers");
    terminal.press("\r", "for all sessions that share it");
    // All that is known of it.
    terminal.press("\r", "files");
    assert_eq!(place.server.requests().len(), 0);
}

#[test]
fn s05_the_screen_says_how_to_go_on() {
    let place = Place::new(json!([]));
    let id = session(&place, "something");
    let [journal] = place.journals().try_into().unwrap();
    assert!(journal.contains(&id) && journal.contains("something"), "{id}: {journal}");
    // Killed, nothing that was shown is lost.
    let mut terminal = Terminal::open(&place, &[]);
    terminal.press("something else\r", "Done.").rest();
    terminal.signal(rustix::process::Signal::KILL);
    terminal.until_gone();
    let journals = place.journals();
    assert!(journals.iter().any(|journal| journal.contains("something else") && journal.contains("Done.")));
}

#[test]
fn s06_a_session_goes_on_by_id_as_the_last_and_as_chosen() {
    let place = Place::new(json!([]));
    let id = session(&place, "the first question");
    let other = session(&place, "the second question");
    let table: [(&[&str], &str); 6] = [
        (&["--resume", "--last"], "second"),
        (&["resume", "--last"], "second"),
        (&["--resume", &id], "first"),
        (&["resume", &id], "first"),
        (&["--resume"], "first"),
        (&["resume"], "first"),
    ];
    for (number, (arguments, which)) in table.into_iter().enumerate() {
        let mut terminal = Terminal::start(&place, arguments, 24, 80);
        if arguments.len() == 1 {
            terminal.until("Sessions of this directory").until("the second question");
            terminal.press("first", "search: first");
            terminal.send("\r");
        }
        terminal.until(&format!("› the {which} question")).until("• Done.").rest();
        terminal.press(&format!("more {number}\r"), &format!("› more {number}")).rest();
        terminal.send("/quit\r");
        let expected = if which == "first" { &id } else { &other };
        assert_eq!(&left(terminal), expected, "{arguments:?}");
        assert!(last_request(&place).to_string().contains(&format!("the {which} question")), "{arguments:?}");
    }
}

#[test]
fn s08_the_screen_takes_the_flags_of_exec() {
    let place = Place::new(json!([]));
    let extra = place.home.join("extra");
    fs::create_dir(&extra).unwrap();
    configure(&place, "");
    let with_profile = fs::read_to_string(place.home.join("config.toml")).unwrap() + "[profiles.p]\nmodel = \"of-p\"\n";
    fs::write(place.home.join("config.toml"), with_profile).unwrap();
    let table: [(&[&str], &str); 7] = [
        (&["-s", "read-only"], "sandbox read-only"),
        (&["-a", "on-request"], "approval on-request"),
        (&["--full-auto"], "FULL AUTO"),
        (&["-m", "typed"], "typed (mock)"),
        (&["-p", "p"], "of-p (mock)"),
        (&["-c", "model=set"], "set (mock)"),
        (&["-C", extra.to_str().unwrap()], "~/extra"),
    ];
    for (flags, shown) in table {
        let mut terminal = Terminal::open(&place, flags);
        terminal.until(shown);
    }
    let ran = super::run(&place, &["--json"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
}

#[test]
fn s11_the_status_line_says_full_auto() {
    let place = place_with(&["rm -rf one"]);
    fs::create_dir(place.workspace.join("one")).unwrap();
    let mut terminal = Terminal::open(&place, &["--full-auto", "go"]);
    terminal.until("FULL AUTO").until("• ok").rest();
    assert!(!place.workspace.join("one").exists());
}

#[test]
fn s14_a_command_that_is_typed_is_refused_too() {
    let place = Place::new(json!([]));
    let mut terminal = Terminal::open(&place, &["-s", "read-only"]);
    terminal.press("!touch made\r", "no command runs in read-only mode: switch to workspace-write");
    assert!(!place.workspace.join("made").exists());
}

#[test]
fn s44_init_makes_a_file_of_settings_if_there_is_none() {
    let place = Place::new(json!([]));
    let path = place.workspace.join(".codex/config.toml");
    let mut terminal = Terminal::open(&place, &[]);
    terminal.press("/init\r", "/init agents has one written").until("None of its settings is in force yet.");
    let made = fs::read_to_string(&path).unwrap();
    assert!(made.lines().all(|line| line.is_empty() || line.starts_with('#')), "{made}");
    fs::write(&path, "# mine\n").unwrap();
    terminal.press("/init\r", "✗ ");
    assert_eq!(fs::read_to_string(&path).unwrap(), "# mine\n", "nothing is written over");
    terminal.press("/init agents\r", "Done.").rest();
    assert!(last_request(&place).to_string().contains("Write AGENTS.md in this directory"));
}

#[test]
fn s46_clear_begins_a_new_session_and_keeps_the_old_one() {
    let place = Place::new(json!([]));
    let mut terminal = Terminal::open(&place, &[]);
    terminal.press("the old question\r", "Done.").rest();
    terminal.press("/clear\r", "the session before: codex --resume 0").rest();
    assert!(!terminal.screen().contains("the old question"), "{}", terminal.screen());
    assert!(!terminal.written().contains("\x1b[3J"), "the scrollback is the person's");
    terminal.press("the new question\r", "Done.").rest();
    let request = last_request(&place).to_string();
    assert!(request.contains("the new question") && !request.contains("the old question"), "{request}");
    terminal.press("/resume\r", "the old question");
    terminal.press("old\r", "› the old question").rest();
    terminal.press("go on\r", "› go on").rest();
    assert!(last_request(&place).to_string().contains("the old question"));
}

#[test]
fn s47_model_switches_at_once() {
    let place = Place::new(json!([]));
    let mut terminal = Terminal::open(&place, &[]);
    terminal.press("/model other high\r", "model other");
    terminal.press("one\r", "Done.").rest();
    let request = last_request(&place);
    assert_eq!((request["model"].as_str(), request["reasoning"]["effort"].as_str()), (Some("other"), Some("high")));
    // The provider is asked what it has.
    terminal.press("/model\r", "search:").until("mock");
    terminal.press("mock\r", "How long mock thinks");
    terminal.press("low\r", "model mock");
    terminal.press("two\r", "› two").rest();
    assert_eq!(last_request(&place)["model"], "mock");
}

/// They are asked of who has a key, which this one has, and then the same provider is asked on.
#[test]
fn s47_model_lists_those_of_other_providers_too() {
    let (place, other) = (Place::new(json!([])), Place::new(json!([{ "text": "I am another." }])));
    let provider = format!("[model_providers.mistral]\nbase_url = \"{}\"\n", other.server.base_url());
    let settings = fs::read_to_string(place.home.join("config.toml")).unwrap() + &provider;
    fs::write(place.home.join("config.toml"), settings).unwrap();
    let mut terminal = Terminal::with(&place, &[], &[("MISTRAL_API_KEY", "k-mistral")], (24, 80));
    terminal.until("Ask, or /help").until(" · approval ");
    assert!(place.server.lists().is_empty() && other.server.lists().is_empty(), "nobody is asked before it is wanted");
    terminal.press("/model\r", "search:").until("mistral/mock");
    terminal.press("mistral/mock\r", "How long mistral/mock thinks");
    terminal.press("high\r", "model mock (mistral)");
    terminal.press("one\r", "I am another.").rest();
    assert_eq!((place.server.requests().len(), other.server.requests().len()), (0, 1));
    let request = other.server.requests().remove(0);
    assert_eq!((request.header("authorization"), request.body["model"].as_str()), ("Bearer k-mistral", Some("mock")));
    assert!(request.uri.ends_with("/chat/completions"), "{}", request.uri);
    assert_eq!((place.server.lists().len(), other.server.lists().len()), (1, 1));
    // A name that is typed may be one of them, or of one that is built in and has no key.
    terminal.press("/model xai/grok\r", "`XAI_API_KEY`");
    terminal.press("/model mock/mock\r", "model mock (mock)");
    terminal.press("/model mistral/other\r", "model other (mistral)");
    terminal.press("two\r", "Done.").rest();
    assert_eq!(other.server.requests().pop().unwrap().body["model"], "other");
}

#[test]
fn s51_permissions_are_shown_with_their_origin_and_changed() {
    let place = Place::new(json!([run("curl x"), { "text": "ok" }]));
    let rules = "[permissions]\nallow = [\"make all\"]\ndeny = [\"curl\"]\n";
    let settings = fs::read_to_string(place.home.join("config.toml")).unwrap() + rules;
    fs::write(place.home.join("config.toml"), settings).unwrap();
    let mut terminal = Terminal::start(&place, &["go"], 60, 120);
    terminal.until("• ok").rest();
    terminal.press("/permissions\r", "Decided last");
    for shown in ["workspace-write", "Never runs", "curl", "config.toml:7", "make all", "✗", "before every edit"] {
        terminal.until(shown);
    }
    // From there the mode is changed.
    terminal.press("m", "read-only");
    terminal.press("read-only\r", "sandbox read-only");
    terminal.press("/permissions auto\r", "sandbox workspace-write");
    terminal.press("/permissions nonsense\r", "`nonsense` is no mode");
}

#[test]
fn s52_status_says_how_the_session_stands() {
    let used = json!({ "input_tokens": 500_000, "output_tokens": 0, "total_tokens": 500_000 });
    let place = Place::new(json!([{ "text": "Done.", "usage": used }]));
    let mut terminal = Terminal::start(&place, &["-c", "prices.mock={input=2.5,output=2.5}", "go"], 40, 120);
    terminal.until("Done.").rest();
    terminal.press("/status\r", "Settings from");
    let workspace = place.workspace.to_str().unwrap().to_owned();
    for shown in [
        "mock (mock)",
        &workspace,
        "Session",
        "Open for",
        "Sandbox",
        "Approval",
        "Context",
        "Tokens",
        "$1.25",
        "config.toml",
    ] {
        terminal.until(shown);
    }
}

#[test]
fn s06_a_session_goes_on_by_its_name_and_an_unknown_one_opens_no_screen() {
    let place = Place::new(json!([]));
    let id = session(&place, "about cats");
    let named = place.codex(&["sessions", "rename", &id, "Cats"]).output().unwrap();
    assert!(named.status.success(), "{named:?}");
    let mut terminal = Terminal::open(&place, &["--resume", "cats"]);
    terminal.until("› about cats").rest();
    terminal.send("/quit\r");
    assert_eq!(left(terminal), id);
    for arguments in [&["--resume", "dogs"][..], &["resume", "dogs"]] {
        let (status, all) = Terminal::with(&place, arguments, &[], (24, 80)).end();
        assert_eq!(status.code(), Some(2), "{all}");
        assert!(all.contains("no session has the id dogs, nor that name") && !all.contains("Ask, or"), "{all}");
    }
}

#[test]
fn s50_diff_shows_what_a_command_made_without_git() {
    let place = Place::new(json!([run("printf 'one\\ntwo\\n' > made.txt"), { "text": "Done." }]));
    let mut terminal = Terminal::open(&place, &["--full-auto"]);
    terminal.press("/diff\r", "the agent has changed nothing in this session");
    terminal.press("go\r", "Done.").rest();
    terminal.press("/diff\r", "What the agent changed: 1 file, +2 −0").until("Added made.txt +2").until("2 +two");
    terminal.press("\x1b", "Ask, or /help");
}

#[test]
fn s56_fork_branches_the_session_now_and_before_what_was_said() {
    let place = Place::new(json!([]));
    let mut terminal = Terminal::open(&place, &[]);
    terminal.press("the first question\r", "Done.").rest();
    terminal.press("the second question\r", "› the second question").rest();
    // Before something that was said: that is in the composer, to be said in another way.
    terminal.press("/fork\r", "before: the first question");
    terminal.press("second\r", "branched; the session before:").until("going on with: the first question");
    terminal.press(" in other words\r", "› the second question in other words").rest();
    let said = last_request(&place)["input"].to_string();
    assert!(said.contains("the first question") && said.contains("the second question in other words"), "{said}");
    assert!(!said.contains("\"the second question\""), "{said}");
    // Now.
    terminal.press("/fork now\r", "branched; the session before:");
    terminal.press("the third question\r", "› the third question").rest();
    assert!(last_request(&place).to_string().contains("the second question in other words"));
    assert_eq!(place.journals().len(), 3);
    terminal.send("/quit\r");
    let fork = left(terminal);
    // And from the shell.
    let mut terminal = Terminal::start(&place, &["fork", &fork, "--at", "turn_0"], 24, 80);
    terminal.until("going on with: the first question").rest();
    terminal.press("the fourth question\r", "› the fourth question").rest();
    let said = last_request(&place).to_string();
    assert!(said.contains("the first question") && !said.contains("the third question"), "{said}");
}

#[test]
fn s57_resume_lists_the_saved_sessions_and_finds_one_by_a_word() {
    let place = Place::new(json!([]));
    session(&place, "about cats");
    session(&place, "about dogs");
    let mut terminal = Terminal::open(&place, &[]);
    terminal.press("/resume\r", "about cats").until("about dogs");
    terminal.send("cats");
    terminal.until_it("only that one", |screen| !screen.contains("about dogs"));
    terminal.press("\r", "› about cats").rest();
    // And of all directories.
    let elsewhere = place.home.join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let mut terminal = Terminal::open(&place, &["-C", elsewhere.to_str().unwrap()]);
    terminal.press("/resume\r", "there are none");
    terminal.press("\t", "Sessions of all directories").until("about dogs");
}

#[test]
fn s58_experimental_says_that_there_is_nothing_to_switch() {
    let place = Place::new(json!([]));
    let mut terminal = Terminal::open(&place, &[]);
    terminal.press("/experimental\r", "/experimental: this version has no feature that is being tried");
}

#[test]
fn s45_compact_sums_the_conversation_up_and_can_be_undone() {
    let place = Place::new(json!({ "summary": { "text": "In short." }, "steps": [
        { "text": "The long answer." }, { "text": "unused" }, { "text": "Second." }, { "text": "Third." },
    ]}));
    let mut terminal = Terminal::open(&place, &[]);
    terminal.press("/compact\r", "nothing to sum up yet").rest();
    terminal.press("begin\r", "The long answer.").rest();
    terminal.press("/context\r", "instructions of this program");
    terminal.press("\x1b", "Ask, or /help").rest();
    terminal.press("/compact the colours\r", "tokens before").until("kept word for word: the instructions").rest();
    terminal.press("more\r", "Second.").rest();
    let sent = last_request(&place)["input"].to_string();
    assert!(sent.contains("In short.") && sent.contains("begin") && !sent.contains("The long answer."), "{sent}");
    terminal.press("/compact undo\r", "the conversation is whole again").rest();
    terminal.press("on\r", "Third.").rest();
    let sent = last_request(&place)["input"].to_string();
    assert!(sent.contains("The long answer.") && sent.contains("Second.") && !sent.contains("In short."), "{sent}");
}

#[test]
fn s55_a_sub_agent_works_beside_the_session_and_reports_back() {
    let place = Place::new(json!({
        "steps": [{ "text": "I have read it." }],
        "sessions": {
            "ask me": [run("touch ../outside"), { "text": "I was told." }],
            "look": [{ "text": "It was seen." }],
        },
    }));
    fs::create_dir_all(place.home.join("agents")).unwrap();
    fs::write(place.home.join("agents/finder.md"), "---\ndescription: Finds\n---\nFind.\n").unwrap();
    let mut terminal = Terminal::open(&place, &[]);
    terminal.press("/agent ask me\r", "(sub-agent agent-1)");
    // How it stands, before it is answered and after.
    terminal.answer("no, and it goes on without");
    terminal.until("agent-1 is done").until("I was told.").rest();
    terminal.press("/agent finder: look\r", "finder-2 is done").until("It was seen.").rest();
    terminal.press("/agents\r", "finder-2 look").until("is done");
    terminal.press("\r", "transcript");
    terminal.press("\x1b", "Ask, or /help");
    terminal.press("well?\r", "I have read it.").rest();
    let input = last_request(&place)["input"].to_string();
    assert!(input.contains("I was told.") && input.contains("It was seen."), "{input}");
}

#[test]
fn s54_plugins_are_listed_with_what_each_adds_and_switched_off_and_on() {
    let place = Place::new(json!([{ "text": "One." }, { "text": "Two." }]));
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/plugins/prose");
    assert!(place.codex(&["plugin", "add", example, "--yes"]).output().unwrap().status.success());
    let offered = || place.server.requests().pop().unwrap().body["tools"].to_string().contains("prose__count_words");
    let mut terminal = Terminal::open(&place, &[]);
    terminal.press("/plugins\r", "linter long-lines").press("\r", "○ prose");
    terminal.press("\x1b", "Ask, or /help").press("hello\r", "One.");
    assert!(!offered());
    terminal.press("/plugins\r", "○ prose").press("\r", "● prose");
    terminal.press("\x1b", "Ask, or /help").press("hello\r", "Two.");
    assert!(offered());
}
