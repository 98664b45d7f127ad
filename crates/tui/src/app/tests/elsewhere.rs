//! A session on another machine.

use codex_protocol::{ClientRequest, ClientResponse, McpServerOauthLoginResponse, UserInput};

use super::stage::Stage;
use crate::{app::Effect, intent::Draft};

#[test]
fn pictures_are_sent_with_their_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    std::fs::write(path("a.gif"), b"GIF89a").unwrap();
    let say = |picture: &str| {
        let mut stage = Stage::opened((300, 16));
        stage.app.setup.whereabouts.machine = Some("build.example".into());
        stage.app.composer.set(Draft { text: "Look.".into(), pictures: vec![path(picture)] });
        stage.clear_asked().keys("enter");
        stage
    };
    let stage = say("a.gif");
    let Some((ClientRequest::TurnStart(params), _)) = stage.asked.back() else { panic!("{:?}", stage.asked) };
    let sent = UserInput::Image { url: "data:image/png;base64,R0lGODlh".into(), name: Some("a.gif".into()) };
    assert_eq!(params.input, [UserInput::Text { text: "Look.[Image #1 a.gif]".into() }, sent]);
    // What cannot be read is not lost.
    let stage = say("none");
    assert!(stage.shown().contains("No such file"), "{}", stage.shown());
    assert!(!stage.methods().contains(&"turn/start".to_owned()));
    assert_eq!(stage.app.draft().pictures, [path("none")]);
}

#[test]
fn who_leaves_is_asked_what_becomes_of_the_turn() {
    // Keys in the question, whether the screen ends, and whether the turn is stopped then.
    for (keys, ends, stops) in [
        ("enter", true, false),
        ("down enter", true, true),
        ("ctrl+c", true, false),
        ("ctrl+d", true, false),
        ("esc", false, false),
    ] {
        let mut stage = Stage::opened((80, 16));
        stage.app.setup.whereabouts.machine = Some("ws://build.example:4500".into());
        stage.works("fix it").keys("ctrl+d");
        assert_eq!(stage.done, [], "{}", stage.shown());
        assert!(stage.shown().contains("A turn runs on ws://build.example:4500"), "{}", stage.shown());
        stage.keys(keys);
        assert_eq!((!stage.done.is_empty(), stage.app.stops()), (ends, stops), "{keys}");
    }
    let mut stage = Stage::opened((80, 16));
    stage.app.setup.whereabouts.machine = Some("ws://build.example:4500".into());
    stage.keys("ctrl+d");
    assert_eq!(stage.done, [Effect::Quit], "nothing runs");
    let mut stage = Stage::opened((80, 16));
    stage.works("fix it").keys("ctrl+d");
    assert_eq!((&stage.done[..], stage.app.stops()), (&[Effect::Quit][..], true), "it runs here");
}

#[test]
fn no_browser_of_this_machine_opens_what_another_one_names() {
    let page = Effect::Browse { address: "https://a.example/authorize".into(), is_shown: true };
    for (machine, expected) in [(None, vec![page]), (Some("ws://build.example:4500".to_owned()), vec![])] {
        let mut stage = Stage::opened((80, 16));
        stage.app.setup.whereabouts.machine = machine;
        stage.clear_asked();
        stage.app.log_in("notes".into());
        stage.waits(1).answered(ClientResponse::McpServerOauthLogin(McpServerOauthLoginResponse {
            authorization_url: "https://a.example/authorize".into(),
            login_id: Some("L".into()),
        }));
        let shown = stage.shown();
        assert!(shown.contains("https://a.example/authorize") && shown.contains("Host"), "{shown}");
        assert_eq!(stage.done, expected);
        stage.done.clear();
        stage.keys("ctrl+o");
        assert!(matches!(&stage.done[..], [Effect::Browse { is_shown: false, .. }]), "{:?}", stage.done);
    }
}
