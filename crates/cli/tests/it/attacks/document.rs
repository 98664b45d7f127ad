//! Holds `docs/sandbox-attacks.md` to the rows: its tables are made of them, word for word.

use std::{fs, path::Path};

use super::data::{CLASSES, CONTROLS, Kind, Mode, Row, User, Weaker, rows, weaker};

/// Every pair of mode and user, as the table's columns.
fn columns() -> impl Iterator<Item = (Mode, User)> {
    Mode::ALL.into_iter().flat_map(|mode| User::ALL.map(|user| (mode, user)))
}

/// `as it should be/all` for one class and each column, then for the rows as such.
fn figures(rows: &[&Row]) -> String {
    let cell = |mode: Mode, user: User| {
        let those: Vec<_> = rows.iter().filter(|row| row.modes.contains(&mode) && row.users.contains(&user)).collect();
        let good = those.iter().filter(|row| row.known(mode, user).is_none()).count();
        if those.is_empty() { "–".to_owned() } else { format!("{good}/{}", those.len()) }
    };
    let cells: Vec<String> = columns().map(|(mode, user)| cell(mode, user)).collect();
    format!("{} | {}", rows.len(), cells.join(" | "))
}

fn overview(rows: &[Row]) -> String {
    let mut lines = vec![
        "| class | rows | read-only, root | read-only, user | workspace-write, root | workspace-write, user |"
            .to_owned(),
        "|---|---|---|---|---|---|".to_owned(),
    ];
    for class in CLASSES {
        let those: Vec<&Row> = rows.iter().filter(|row| row.class == class).collect();
        lines.push(format!("| {class} | {} |", figures(&those)));
    }
    let attacks: Vec<&Row> = rows.iter().filter(|row| row.kind == Kind::Attack).collect();
    lines.push(format!("| **all attacks** | {} |", figures(&attacks)));
    let controls: Vec<&Row> = rows.iter().filter(|row| row.kind == Kind::Control).collect();
    lines.push(format!("| {CONTROLS} | {} |", figures(&controls)));
    lines.join("\n") + "\n"
}

/// The rows that are not as they should be, with the reasons.
fn exceptions(rows: &[Row], kind: Kind) -> String {
    let mut lines =
        vec!["| id | where | what | why | what holds it, or helps |".to_owned(), "|---|---|---|---|---|".to_owned()];
    for row in rows.iter().filter(|row| row.kind == kind) {
        for known in &row.known {
            let modes: Vec<&str> = known.modes.iter().map(|mode| mode.name()).collect();
            let users: Vec<&str> = known.users.iter().map(|user| user.name()).collect();
            let (modes, users) = (modes.join(", "), users.join(" and "));
            lines.push(format!(
                "| {} | {modes}; {users} | {} | {} | {} |",
                row.id, row.what, known.why, known.mitigation
            ));
        }
    }
    if lines.len() == 2 { "None.\n".to_owned() } else { lines.join("\n") + "\n" }
}

fn rungs(list: &[Weaker]) -> String {
    let mut lines =
        vec!["| rung | where | ids | why | what holds it, or helps |".to_owned(), "|---|---|---|---|---|".to_owned()];
    for weaker in list {
        let modes: Vec<&str> = weaker.modes.iter().map(|mode| mode.name()).collect();
        let users: Vec<&str> = weaker.users.iter().map(|user| user.name()).collect();
        let (modes, users, ids) = (modes.join(", "), users.join(" and "), weaker.ids.join(", "));
        lines.push(format!(
            "| {} | {modes}; {users} | {ids} | {} | {} |",
            weaker.rung.name(),
            weaker.why,
            weaker.mitigation
        ));
    }
    lines.join("\n") + "\n"
}

fn controls(rows: &[Row]) -> String {
    let controls = rows.iter().filter(|row| row.kind == Kind::Control);
    controls.map(|row| format!("- {}: {}\n", row.id, row.what)).collect()
}

#[test]
fn the_document_says_what_the_rows_say() {
    let rows = rows();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/sandbox-attacks.md");
    let document = fs::read_to_string(path).unwrap();
    let parts = [
        overview(&rows),
        exceptions(&rows, Kind::Attack),
        exceptions(&rows, Kind::Control),
        rungs(&weaker(&rows)),
        controls(&rows),
    ];
    for part in &parts {
        assert!(document.contains(part), "docs/sandbox-attacks.md must say:\n\n{}", parts.join("\n"));
    }
}
