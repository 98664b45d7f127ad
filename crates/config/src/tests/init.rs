//! The file that `codex init` makes: every line of it may be taken into use.

use std::fs;
use std::os::unix::fs::symlink;

use super::{PROJECT, load_files};
use crate::init::init_text;
use crate::{TrustStore, init};

#[test]
fn every_line_may_be_uncommented() {
    let text = init_text();
    let settings: Vec<&str> =
        text.lines().skip(1).filter(|line| line.starts_with('#') && !line.starts_with("# ")).collect();
    assert!(settings.len() > 30, "{text}");
    let uncomment = |wanted: &dyn Fn(&str) -> bool| -> String {
        let line =
            |line: &str| if settings.contains(&line) && wanted(line) { line[1..].to_owned() } else { line.to_owned() };
        text.lines().map(|it| line(it) + "\n").collect()
    };
    let table = |line: &str| line.split(['.', ' ']).next().unwrap_or_default().to_owned();
    for line in &settings {
        for text in [uncomment(&|it| it == *line), uncomment(&|it| table(it) == table(line))] {
            let loaded = load_files(&[(PROJECT, &text)], &["--trust"]);
            assert!(loaded.is_ok(), "{line}: {}", loaded.unwrap_err());
        }
    }
    let loaded = load_files(&[(PROJECT, &text)], &[]).unwrap();
    assert_eq!(loaded.warnings, []);
}

#[test]
fn a_project_is_set_up_once() {
    let temp = tempfile::tempdir().unwrap();
    let base = temp.path().canonicalize().unwrap();
    let (own, project) = (base.join("home/.codex"), base.join("p"));
    let run =
        |directory: &std::path::Path| init(&own, Some(&base.join("home")), directory).map_err(|error| error.message);
    fs::create_dir_all(project.join(".git")).unwrap();
    fs::create_dir_all(&own).unwrap();
    // Stubs count as absent.
    fs::create_dir_all(project.join(".codex/config.toml")).unwrap();
    fs::write(project.join(".codex/.gitignore"), "mine").unwrap();
    let made = run(&project).unwrap();
    assert_eq!(made, ["config.toml", "config.schema.json", ".gitignore"].map(|name| project.join(".codex").join(name)));
    assert_eq!(fs::read_to_string(project.join(".codex/.gitignore")).unwrap(), "mine\nconfig.local.toml*\n");
    assert!(!project.join(".gitignore").exists());
    let store = TrustStore::read(&own).unwrap();
    let (root, trusted) = store.projects().next().unwrap();
    assert_eq!((root, trusted.now(root).count()), (project.as_path(), 1));
    fs::write(&made[0], "# mine\n").unwrap();
    assert_eq!(run(&project).unwrap_err(), "is there already, and stays as it is");
    assert_eq!(fs::read_to_string(&made[0]).unwrap(), "# mine\n");
    for directory in [base.join("home"), base.clone(), "/".into()] {
        assert!(run(&directory).unwrap_err().starts_with("this is no project"), "{directory:?}");
    }
    let other = base.join("q");
    fs::create_dir(&other).unwrap();
    symlink(&own, other.join(".codex")).unwrap();
    assert_eq!(run(&other).unwrap_err(), "is a link: nothing is made where it leads");
}

/// A project that somebody else made writes nothing of the user's.
#[test]
fn no_file_is_made_over_a_link() {
    let temp = tempfile::tempdir().unwrap();
    let base = temp.path().canonicalize().unwrap();
    let (own, mine) = (base.join("home/.codex"), base.join("mine"));
    for name in ["config.schema.json", ".gitignore"] {
        let project = base.join("p");
        fs::create_dir_all(project.join(".codex")).unwrap();
        fs::write(&mine, "mine\n").unwrap();
        symlink(&mine, project.join(".codex").join(name)).unwrap();
        let error = init(&own, Some(&base.join("home")), &project).unwrap_err();
        assert_eq!(error.message, "is a link, or no file: nothing is made where it leads", "{name}");
        assert_eq!(fs::read_to_string(&mine).unwrap(), "mine\n", "{name}");
        assert!(!project.join(".codex/config.toml").exists(), "{name}");
        fs::remove_dir_all(project).unwrap();
    }
}
