//! A session on another machine.

use super::stage::Stage;
use crate::intent::Draft;

#[test]
fn pictures_are_not_said_as_files_of_the_other_machine() {
    let mut stage = Stage::opened((60, 12));
    stage.app.setup.whereabouts.machine = Some("build.example".into());
    stage.app.composer.set(Draft { text: "Look.".into(), pictures: vec!["/home/u/a.png".into()] });
    stage.clear_asked().keys("enter");
    assert!(stage.shown().contains("pictures are not sent to another machine yet"), "{}", stage.shown());
    assert!(!stage.methods().contains(&"turn/start".to_owned()));
    assert_eq!(stage.app.composer.draft().pictures, ["/home/u/a.png"], "they are not lost");
}

#[test]
fn the_clipboard_is_left_alone() {
    let mut stage = Stage::opened((60, 12));
    stage.app.setup.whereabouts.machine = Some("build.example".into());
    stage.keys("ctrl+v");
    assert!(stage.shown().contains("pictures are not sent to another machine yet"), "{}", stage.shown());
}
