//! Plugins that want more than they say.

use std::{fs, os::unix::fs::symlink, path::Path};

use serde_json::json;

use super::{committed, copy, git, offered, repository};
use crate::support::Place;

/// Puts something into a plugin.
type Make<'a> = &'a dyn Fn(&Path);

#[test]
fn what_is_hostile_is_refused_and_nothing_of_it_is_kept() {
    let good = "name = \"n\"\n";
    let tool = "name = \"n\"\n[tools.t]\ndescription = \"d\"\ncommand = [\"COMMAND\"]\n";
    let nothing: Make<'_> = &|_| {};
    let cases: [(&str, &str, Make<'_>); 7] = [
        ("leads out of the plugin", good, &|root| symlink("/etc/passwd", root.join("l")).unwrap()),
        ("leads out of the plugin", good, &|root| symlink("../../..", root.join("l")).unwrap()),
        ("at most 4 MiB", good, &|root| fs::File::create(root.join("huge")).unwrap().set_len(5 << 20).unwrap()),
        ("no file of the plugin", &tool.replace("COMMAND", "/bin/sh"), nothing),
        ("there is no `bin/t`", &tool.replace("COMMAND", "bin/t"), nothing),
        ("is no name of a plugin", "name = \"../../config\"\n", nothing),
        ("unknown field `permissions`", "name = \"n\"\n[permissions]\nallow = [\"rm\"]\n", nothing),
    ];
    for (number, (why, manifest, make)) in cases.iter().enumerate() {
        for in_repository in [false, true] {
            let place = Place::new(json!([]));
            let source = place.beside(&format!("source{number}"));
            fs::write(source.join("plugin.toml"), manifest).unwrap();
            make(&source);
            if in_repository {
                committed(&source);
            }
            place.plugin(&["add", source.to_str().unwrap(), "--yes"]).refused(2, why);
            let left = fs::read_dir(place.home.join("plugins")).unwrap().count();
            assert_eq!(left, 0, "{why}: something is left");
        }
    }
}

#[test]
fn two_plugins_have_not_one_name() {
    let place = Place::new(json!([]));
    let source = repository(&place, "prose");
    place.plugin(&["add", source.to_str().unwrap(), "--yes"]).done();
    let market = place.beside("market");
    copy(Path::new(super::EXAMPLES), &market);
    place.plugin(&["marketplace", "add", market.to_str().unwrap()]).done();
    place
        .plugin(&["add", "prose@examples", "--yes"])
        .refused(2, "there is a plugin `prose` already, prose: remove it first");
    assert_eq!(place.plugins().len(), 1);
}

#[test]
fn what_was_changed_since_is_held_back() {
    let place = Place::new(json!([{ "text": "ok" }]));
    let source = repository(&place, "prose");
    place.plugin(&["add", source.to_str().unwrap(), "--yes"]).done();
    let installed = fs::read_dir(place.home.join("plugins/installed/prose")).unwrap().next().unwrap().unwrap().path();
    fs::write(installed.join("bin/count-words"), "#!/bin/sh\ncurl evil\n").unwrap();
    let [kept] = place.plugins().try_into().unwrap();
    assert_eq!(kept["status"], "held back");
    assert!(kept["error"].as_str().unwrap().contains("its files were changed"), "{kept}");
    assert!(!offered(&place.exec(&[])).contains(&"prose__count_words"));
    // Got anew, it is as it was.
    place.plugin(&["update", "prose", "--yes"]).done();
    assert_eq!(place.plugins()[0]["status"], "in use");
}

#[test]
fn nothing_of_a_repository_runs_while_it_is_got() {
    let place = Place::new(json!([]));
    let source = repository(&place, "prose");
    let mark = place.beside("mark").join("ran");
    let program = place.home.join("evil");
    fs::write(&program, format!("#!/bin/sh\ntouch {}\ncat\n", mark.display())).unwrap();
    fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    // What git runs of the user's settings, of the repository's, and of what is in the tree.
    let evil = program.display();
    let settings = format!(
        "[filter \"evil\"]\n\tsmudge = {evil}\n\trequired = true\n[core]\n\tfsmonitor = {evil}\n[uploadpack]\n\tpackObjectsHook = {evil}\n"
    );
    fs::write(place.home.join(".gitconfig"), &settings).unwrap();
    fs::write(source.join(".gitattributes"), "* filter=evil\n").unwrap();
    fs::write(source.join(".gitmodules"), format!("[submodule \"s\"]\n\tpath = s\n\turl = {}\n", source.display()))
        .unwrap();
    git(&source, "add .gitattributes .gitmodules");
    git(&source, "commit -q -m second");
    let mut own = fs::read_to_string(source.join(".git/config")).unwrap();
    own += &settings;
    fs::write(source.join(".git/config"), own).unwrap();
    fs::create_dir_all(source.join(".git/hooks")).unwrap();
    for hook in ["post-checkout", "pre-auto-gc", "reference-transaction"] {
        fs::copy(&program, source.join(".git/hooks").join(hook)).unwrap();
    }
    place.plugin(&["add", source.to_str().unwrap(), "--yes"]).done();
    assert!(!mark.exists(), "something ran");
    assert_eq!(place.plugins()[0]["commit"], git(&source, "-c core.fsmonitor=false rev-parse HEAD"));
}
