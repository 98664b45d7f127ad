//! An earlier session is gone on with: its end is on the screen before it is open.

use serde_json::json;

use super::terminal::Terminal;
use crate::support::Place;

#[test]
fn the_end_of_a_session_is_there_while_its_opening_waits_for_an_answer() {
    let place = Place::new(json!([{ "text": "The first answer." }, { "text": "The next answer." }]));
    let mut terminal = Terminal::start(&place, &["go"], 24, 80);
    terminal.until("The first answer.").rest();
    terminal.send("/quit\r");
    terminal.end();
    // Whether the project's settings are trusted is asked before the session opens.
    std::fs::create_dir_all(place.workspace.join(".codex")).unwrap();
    std::fs::write(place.workspace.join(".codex/config.toml"), "ask_for_approval = \"never\"\n").unwrap();
    let mut terminal = Terminal::start(&place, &["resume", "--last"], 24, 80);
    terminal.until("The first answer.").until("Trust the settings of this project?");
    assert!(!terminal.screen().contains("going on with"), "{}", terminal.screen());
    terminal.answer("no, go on without");
    terminal.until("going on with: go").until("Ask, or /help");
    terminal.press("and then\r", "The next answer.");
    let all = terminal.all();
    assert_eq!(all.matches("The first answer.").count(), 1, "{all}");
}
