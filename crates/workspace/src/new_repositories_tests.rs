//! Repositories as commands may leave them, and what is in use of them afterwards.

use std::os::unix::fs::symlink;

use super::*;

struct Place {
    _directory: tempfile::TempDir,
    base: PathBuf,
    root: PathBuf,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let base = directory.path().canonicalize().unwrap();
        let root = base.join("w");
        fs::create_dir(&root).unwrap();
        Self { _directory: directory, base, root }
    }

    fn write(&self, name: &str, content: &str) {
        let path = self.base.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content.replace('~', self.base.to_str().unwrap())).unwrap();
    }

    fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.base.join(name)).ok()
    }

    fn roots(&self) -> [PathBuf; 1] {
        [self.root.clone()]
    }

    fn found(&self) -> Found {
        repositories(&self.roots(), None).found
    }

    fn disarm(&self, before: &Found) -> Disarmed {
        disarm_new(before, &self.roots(), &[], None, &Accepted::default())
    }
}

/// What was taken, below the base, sorted.
fn taken(place: &Place, disarmed: &Disarmed) -> Vec<String> {
    assert_eq!(disarmed.failed, [""; 0]);
    let name = |removed: &Removed| removed.path.strip_prefix(&place.base).unwrap().display().to_string();
    let mut names: Vec<String> = disarmed.removed.iter().map(name).collect();
    names.sort();
    names
}

const EVIL: &str = "[core]\n\tbare = false\n\tfsmonitor = ~/w/evil\n";

#[test]
fn what_runs_code_in_a_new_repository_is_taken_out_of_use_and_can_come_back() {
    let place = Place::new();
    place.write("w/old/.git/config", EVIL);
    place.write("w/old/.git/hooks/post-commit", "x");
    let before = place.found();
    place.write("w/a/new/.git/config", EVIL);
    place.write("w/a/new/.git/hooks/post-commit", "run");
    place.write("w/a/new/.git/hooks/post-commit.sample", "x");
    let disarmed = place.disarm(&before);
    assert_eq!(taken(&place, &disarmed), ["w/a/new/.git/config", "w/a/new/.git/hooks/post-commit"]);
    assert_eq!(place.read("w/a/new/.git/config").unwrap(), "[core]\n\tbare = false\n");
    assert!(place.read("w/a/new/.git/config.undone-1").unwrap().contains("fsmonitor"));
    assert_eq!(place.read("w/a/new/.git/hooks/post-commit"), None);
    assert!(place.read("w/a/new/.git/hooks/post-commit.sample").is_some());
    assert!(place.read("w/old/.git/hooks/post-commit").is_some());
    let config = &disarmed.removed.iter().find(|removed| removed.path.ends_with("config")).unwrap();
    assert!(config.sentence().contains("(core.fsmonitor = /"), "{}", config.sentence());
    assert!(!config.for_model().contains("fsmonitor"), "{}", config.for_model());
    assert_eq!(place.disarm(&before).removed, [], "nothing is found twice");
    let mut accepted = Accepted::default();
    disarmed.removed.iter().for_each(|removed| removed.put_back(&place.roots(), &mut accepted).unwrap());
    assert!(place.read("w/a/new/.git/config").unwrap().contains("fsmonitor"));
    assert_eq!(place.read("w/a/new/.git/hooks/post-commit").unwrap(), "run");
    let again = disarm_new(&before, &place.roots(), &[], None, &accepted);
    assert_eq!(again.removed, [], "what was accepted stays");
    place.write("w/a/new/.git/hooks/post-commit", "another");
    let again = disarm_new(&before, &place.roots(), &[], None, &accepted);
    assert_eq!(taken(&place, &again), ["w/a/new/.git/hooks/post-commit"]);
    assert!(again.now.covered.contains(&place.root.join("a/new/.git/hooks")));
}

/// Its name, files with their contents, and what is taken.
type Case = (&'static str, &'static [(&'static str, &'static str)], &'static [&'static str]);

#[test]
fn every_way_to_a_git_directory_is_followed() {
    let cases: &[Case] = &[
        ("a file", &[("w/x/.git", "gitdir: ../planted\n"), ("w/planted/config", EVIL)], &["w/planted/config"]),
        ("with a space", &[("w/x/.git", "gitdir: ../p \n"), ("w/p /config", EVIL)], &["w/p /config"]),
        ("cut off", &[("w/x/.git", "gitdir: ../p\0q\n"), ("w/p/config", EVIL)], &["w/p/config"]),
        ("outside", &[("w/x/.git", "gitdir: ~/out\n"), ("out/config", EVIL)], &["w/x/.git"]),
        ("nowhere", &[("w/x/.git", "gitdir: ~/nowhere\n")], &[]),
        ("no file of git's", &[("w/x/.git", "hello\n")], &[]),
        (
            "a worktree of something planted",
            &[("w/x/.git", "gitdir: ../p\n"), ("w/p/commondir", "../c\n"), ("w/c/config", EVIL)],
            &["w/c/config"],
        ),
        (
            "a git directory with another's settings",
            &[("w/x/.git/HEAD", "x"), ("w/x/.git/commondir", "../../c"), ("w/c/hooks/x", "x")],
            &["w/c/hooks/x"],
        ),
        ("settings of outside", &[("w/x/.git/commondir", "~/out"), ("out/config", EVIL)], &["w/x/.git/commondir"]),
        (
            "a submodule",
            &[("w/x/.git/modules/a/b/HEAD", "x"), ("w/x/.git/modules/a/b/config", EVIL)],
            &["w/x/.git/modules/a/b/config"],
        ),
        (
            "a submodule of what there was",
            &[("w/old/.git/modules/m/HEAD", "x"), ("w/old/.git/modules/m/hooks/y", "")],
            &["w/old/.git/modules/m/hooks/y"],
        ),
        (
            "a worktree of what there was",
            &[("w/old/.git/worktrees/v/commondir", "../.."), ("w/old/.git/worktrees/v/config.worktree", EVIL)],
            &["w/old/.git/worktrees/v/config.worktree"],
        ),
        ("a work tree outside", &[("w/x/.git/config", "[core]\n\tworktree = ~\n")], &["w/x/.git/config"]),
        ("a work tree inside", &[("w/x/.git/config", "[core]\n\tworktree = ../../y\n")], &[]),
    ];
    for (name, files, expected) in cases {
        let place = Place::new();
        place.write("w/old/.git/HEAD", "x");
        let before = place.found();
        files.iter().for_each(|(path, content)| place.write(path, content));
        let disarmed = place.disarm(&before);
        assert_eq!(taken(&place, &disarmed), *expected, "{name}");
        assert_eq!(place.disarm(&before).removed, [], "{name}");
        let outside = |path: &str| files.iter().any(|(file, _)| *file == path) && path.starts_with("out/");
        assert!(!outside("out/config") || place.read("out/config").is_some(), "{name}");
    }
}

#[test]
fn links_lead_nothing_outside() {
    let place = Place::new();
    place.write("out/config", EVIL);
    place.write("out/hooks/post-commit", "theirs");
    let before = place.found();
    for (target, link) in [
        ("out", "w/a/.git"),
        ("out/hooks", "w/b/.git/hooks"),
        ("out/config", "w/b/.git/config"),
        ("w/planted", "w/c/.git"),
        ("out", "w/d/.git/modules"),
        ("out", "w/e/.git/commondir"),
    ] {
        let link = place.base.join(link);
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        symlink(place.base.join(target), link).unwrap();
    }
    place.write("w/planted/hooks/post-commit", "x");
    let disarmed = place.disarm(&before);
    let expected =
        ["w/a/.git", "w/b/.git/config", "w/b/.git/hooks", "w/e/.git/commondir", "w/planted/hooks/post-commit"];
    assert_eq!(taken(&place, &disarmed), expected);
    assert!(place.read("out/config").unwrap().contains("fsmonitor"));
    assert_eq!(place.read("out/hooks/post-commit").unwrap(), "theirs");
    // Swapped between the look and the answer.
    let removed = disarmed.removed.iter().find(|removed| removed.path.ends_with("post-commit")).unwrap();
    fs::rename(place.root.join("planted/hooks"), place.root.join("planted/moved")).unwrap();
    symlink(place.base.join("out/hooks"), place.root.join("planted/hooks")).unwrap();
    assert!(removed.put_back(&place.roots(), &mut Accepted::default()).is_err());
    assert_eq!(fs::read_dir(place.base.join("out/hooks")).unwrap().count(), 1);
}

#[test]
fn what_was_changed_since_does_not_come_back() {
    let place = Place::new();
    let before = place.found();
    place.write("w/x/.git/config", EVIL);
    place.write("w/x/.git/hooks/a", "x");
    place.write("w/x/.git/hooks/b", "x");
    let disarmed = place.disarm(&before);
    assert_eq!(disarmed.removed.len(), 3);
    place.write("w/x/.git/hooks/a.undone-1", "y");
    place.write("w/x/.git/hooks/b", "z");
    place.write("w/x/.git/config", "[user]\n");
    for removed in disarmed.removed {
        assert!(removed.put_back(&place.roots(), &mut Accepted::default()).is_err(), "{removed:?}");
    }
}

/// What is done to a planted repository so that it cannot be judged, what is in use below it afterwards, and whether all
/// of it was moved. Modes hold a user only, whom `DAC_OVERRIDE` is none of.
type Hindrance = (&'static str, fn(&Path), bool);

#[test]
fn what_cannot_be_done_of_one_thing_leaves_no_other_in_use() {
    fn mode(path: &Path, mode: u32) {
        fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    }
    fn names(git: &Path) {
        (1..1000).for_each(|number| fs::write(git.join(format!("hooks/a.undone-{number}")), "").unwrap());
    }
    fn long_name(git: &Path) {
        fs::write(git.join("hooks").join("z".repeat(250)), "").unwrap();
    }
    let hindrances: &[Hindrance] = &[
        ("all names taken", names, false),
        ("hooks unreadable", |git| mode(&git.join("hooks"), 0), false),
        ("hooks not writable", |git| mode(&git.join("hooks"), 0o500), false),
        ("nothing writable", |git| [git, git.parent().unwrap()].iter().for_each(|path| mode(path, 0o500)), false),
        ("no room for a name", long_name, true),
    ];
    for (name, hinder, whole) in hindrances {
        let place = Place::new();
        let before = place.found();
        let git = place.root.join("x/.git");
        for (file, content) in [("config", EVIL), ("config.worktree", EVIL), ("hooks/a", "x"), ("hooks/b", "x")] {
            place.write(&format!("w/x/.git/{file}"), content);
        }
        hinder(&git);
        let disarmed = place.disarm(&before);
        let taken = taken(&place, &disarmed);
        let config = place.read("w/x/.git/config").unwrap_or_default();
        assert!(!config.contains("fsmonitor") && !git.join("hooks/a").exists(), "{name}: {taken:?}");
        assert!(!git.join("hooks/b").exists() && git.exists() != *whole, "{name}: {taken:?}");
        if *whole {
            assert_eq!(taken, ["w/x/.git"], "{name}");
            let aside = &disarmed.removed[0].aside;
            assert_ne!(*aside, place.root.join("x/.git.undone-1"), "{name}: something could lead there");
            disarmed.removed[0].put_back(&place.roots(), &mut Accepted::default()).unwrap();
            assert!(place.read("w/x/.git/config").unwrap().contains("fsmonitor") && git.join("hooks/b").exists());
        }
        for directory in [git.join("hooks"), git].into_iter().filter(|directory| directory.exists()) {
            mode(&directory, 0o700);
        }
    }
}

/// A configuration that lies there by another name too could be changed when it is covered.
#[test]
fn a_second_name_of_a_configuration_is_cut_off() {
    let place = Place::new();
    let before = place.found();
    place.write("w/x/.git/config", "[user]\n\tname = n\n");
    fs::hard_link(place.root.join("x/.git/config"), place.root.join("second")).unwrap();
    assert_eq!(place.disarm(&before).removed, []);
    place.write("w/second", EVIL);
    assert_eq!(place.read("w/x/.git/config").unwrap(), "[user]\n\tname = n\n");
}

/// Where not all can be looked into, that is told, before and after.
#[test]
fn what_is_not_looked_into_is_told() {
    let place = Place::new();
    let before = place.found();
    assert_eq!(place.disarm(&before).not_whole(), None);
    (0..2_001).for_each(|number| fs::create_dir(place.root.join(number.to_string())).unwrap());
    for before in [before, place.found()] {
        assert!(place.disarm(&before).not_whole().unwrap().contains("not all directories"));
    }
}

/// `/proc` keeps no time of birth.
#[test]
fn what_has_no_time_of_birth_is_told() {
    let new = |is_whole| Found { is_whole, ..Found::default() }.is_new(Path::new("/proc/self/fd"));
    assert_eq!([true, false].map(new), [Some(true), None]);
}

/// Where there was too much to look into, what was there already is nobody's new repository.
#[test]
fn what_was_not_looked_into_is_not_taken_for_new() {
    let place = Place::new();
    place.write("w/old/.git/config", EVIL);
    let mut before = Found { is_whole: false, ..Found::default() };
    before.at += Duration::from_secs(3600);
    assert_eq!(place.disarm(&before).removed, []);
    before.at -= Duration::from_secs(7200);
    assert_eq!(place.disarm(&before).removed.len(), 1);
}
