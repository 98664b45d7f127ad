//! Plugins from a server that is reached over SSH. Git and its server are real; in the place of OpenSSH, and of the network, stands a
//! program that is called as it is.

use std::{fs, path::Path};

use serde_json::json;

use super::{Said, git, repository};
use crate::{linters::executable, support::Place};

/// Runs what the other end would, where nobody is asked for a password, and the host is known.
const SSH: &str = r#"#!/bin/sh
case "$*" in
*BatchMode=yes*PermitLocalCommand=no*me@plugins.example*) ;;
*me@elsewhere.example*) echo "me@elsewhere.example: Permission denied (publickey)." >&2; exit 255 ;;
*) echo "called otherwise: $*" >&2; exit 255 ;;
esac
for last; do :; done
exec sh -c "git ${last#git-}"
"#;

#[test]
fn a_plugin_comes_by_ssh_and_nobody_is_asked_for_a_password() {
    // What lies in the directories of temporary files, git does not see.
    let place = Place::below(Path::new(env!("CARGO_TARGET_TMPDIR")), json!([]));
    let source = repository(&place, "prose");
    let programs = place.beside("bin");
    fs::create_dir_all(&programs).unwrap();
    executable(&programs.join("ssh"), SSH);
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", programs.display());
    let add = |url: &str| {
        let mut command = place.codex(&["plugin", "add", url, "--yes"]);
        Said::of(&command.env("PATH", &path).output().unwrap())
    };
    add(&format!("me@elsewhere.example:{}", source.display())).refused(2, "Permission denied (publickey)");
    assert!(place.plugins().is_empty());
    add(&format!("me@plugins.example:{}", source.display())).done();
    assert_eq!(place.plugins()[0]["commit"], git(&source, "rev-parse HEAD"));
    place.plugin(&["remove", "prose"]).done();
    add(&format!("ssh://me@plugins.example{}", source.display())).done();
    assert_eq!(place.plugins()[0]["commit"], git(&source, "rev-parse HEAD"));
}
