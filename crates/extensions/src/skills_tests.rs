//! Skills: which are found, what is offered, which a text names.

use std::{fs, os::unix::fs::symlink};

use super::*;

fn tree(files: &[(&str, &str)]) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let base = directory.path().canonicalize().unwrap();
    for (path, text) in files {
        let path = base.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    (directory, base)
}

#[test]
fn skills_are_found_and_faults_are_said() {
    let (_kept, base) = tree(&[
        ("p/.codex/skills/pdf/SKILL.md", "---\nname: pdf\ndescription: Reads PDFs: use it\n---\n\nDo this.\n"),
        ("p/.codex/skills/pdf/scripts/read.py", ""),
        ("p/.codex/skills/group/deep/SKILL.md", "---\ndescription: Deep\n---\nx"),
        ("p/.codex/skills/none/SKILL.md", "no keys"),
        ("p/.codex/skills/bad/SKILL.md", "---\nname: a b\ndescription: x\n---\n"),
        ("p/.codex/skills/notes.md", ""),
        ("home/skills/pdf/SKILL.md", "---\ndescription: Of the user\n---\nx"),
        ("secret/SKILL.md", "---\ndescription: secret\n---\nsecret"),
    ]);
    symlink(base.join("secret"), base.join("p/.codex/skills/leak")).unwrap();
    let sources = [
        Source::project(base.join("p/.codex/skills"), &base.join("p")),
        Source::user(base.join("home/skills")),
        Source::user(base.join("nowhere")),
    ];
    let skills = load(&sources, &["deep".into()]);
    let shown: Vec<String> = skills
        .all
        .iter()
        .map(|it| format!("{} {} {} {}", it.name, it.place.name(), it.description, it.enabled))
        .collect();
    assert_eq!(shown, ["deep project Deep false", "pdf project Reads PDFs: use it true"]);
    let faults: Vec<String> = skills.faults.iter().map(|it| format!("{}: {}", it.path.display(), it.message)).collect();
    let all = faults.join("\n");
    for part in [
        "none/SKILL.md: `description` is missing",
        "bad/SKILL.md: `name` may",
        "leak/SKILL.md: it leads out of the project",
    ] {
        assert!(all.contains(part), "{part}: {all}");
    }
    assert_eq!(faults.len(), 3, "{all}");
    let read = skills.find("pdf").unwrap().read().unwrap();
    let expected = format!(
        "<skill name=\"pdf\">\nIt lies in {}. Its files: scripts/read.py\n\nDo this.\n</skill>",
        base.join("p/.codex/skills/pdf").display()
    );
    assert_eq!(read, expected);
    assert_eq!(skills.find("deep"), None);
}

fn many(count: usize, description: &str) -> Skills {
    let skill = |number| Skill {
        name: format!("skill-{number:03}"),
        description: description.into(),
        place: Place::User,
        path: "/s/SKILL.md".into(),
        enabled: true,
        within: None,
    };
    Skills { all: (0..count).map(skill).collect(), faults: Vec::new() }
}

#[test]
fn what_is_offered_is_bounded() {
    assert_eq!(Skills::default().offered(), None);
    for (count, description, has_whole, has_all) in
        [(2, "short", true, true), (100, &*"long ".repeat(40), true, true), (500, &"long ".repeat(200), true, false)]
    {
        let text = many(count, description).offered().unwrap();
        assert!(text.len() < OFFERED + 500, "{count}: {} bytes", text.len());
        assert_eq!(text.contains(&format!("- skill-000: {description}")), has_whole, "{count}: {text}");
        assert_eq!(text.contains(&format!("- skill-{:03}", count - 1)), has_all, "{count}");
        assert_eq!(text.contains("have no room here"), !has_all, "{count}");
    }
}

#[test]
fn a_skill_is_named_with_a_dollar() {
    let skills = many(3, "x");
    let table = [
        ("use $skill-001 and ($skill-002).", vec!["skill-001", "skill-002"]),
        ("$skill-000: $skill-000", vec!["skill-000"]),
        ("a$skill-000 $skill-0000 $HOME $ skill-001 $", vec![]),
        ("日本 $skill-001。", vec!["skill-001"]),
    ];
    for (text, expected) in table {
        let found: Vec<&str> = skills.mentioned(text).iter().map(|skill| skill.name.as_str()).collect();
        assert_eq!(found, expected, "{text}");
    }
}
