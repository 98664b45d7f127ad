//! What commands of plan mode can write: nothing, whatever is decided about them.

use std::fs;

use codex_permissions::{Policy, SandboxLevel};

use super::Place;

#[tokio::test]
async fn the_kernel_refuses_every_write_of_plan_mode_and_lets_it_again_after() {
    not_inside_another_sandbox!();
    let place = Place::new();
    fs::write(place.workspace.join("kept"), "kept").unwrap();
    let policy = Policy {
        level: SandboxLevel::WorkspaceWrite,
        writable: vec![place.workspace.clone()],
        temp: place.temp.clone(),
        state: place.temp.with_file_name("run"),
        ..Policy::default()
    };
    let work =
        "cat kept; echo more >> kept; echo x > new; rm kept; mkdir d; mv kept moved; chmod 600 kept; ln kept other";
    let planning = policy.planning();
    let (_, output) = place.run(&planning.confinement(), place.shell(work)).await;
    assert!(output.starts_with("kept"), "it reads: {output}");
    let names = || fs::read_dir(&place.workspace).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(names().collect::<Vec<_>>(), ["kept"], "{output}");
    assert_eq!(fs::read_to_string(place.workspace.join("kept")).unwrap(), "kept", "{output}");
    let after = planning.after_planning(&policy);
    assert_eq!(place.run(&after.confinement(), place.shell("echo x > new && cat new")).await, (0, "x\n".into()));
}
