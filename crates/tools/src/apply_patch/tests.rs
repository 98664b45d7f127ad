//! Patches on real files: a table of trees before, a patch, and trees after or the beginning of why not.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
};

use codex_protocol::PatchChangeKind;
use codex_sandbox::{Confined, Network};

use super::*;
use crate::testing::{Scene, context, json};

/// The walls that a verdict gives in this scene.
fn walls(scene: &Scene) -> Confinement {
    Confinement::Confined(Confined {
        writable: scene.context.roots.writable.clone(),
        real: vec![],
        protected: scene.context.protected.to_vec(),
        hidden: vec![],
        in_git: vec![],
        denied_programs: vec![],
        caches: vec![],
        temp: scene.context.roots.temp.clone(),
        state: None,
        network: Network::LoopbackOnly,
        weak: false,
    })
}

/// A scene whose own `/tmp` is the host's: it lies there itself, so that `..` would lead into the session's.
fn without_temp() -> Scene {
    let mut scene = context();
    let roots = codex_workspace::Roots { temp: None, ..(*scene.context.roots).clone() };
    scene.context.roots = std::sync::Arc::new(roots);
    scene
}

pub(super) fn wrap(body: &str) -> String {
    format!("*** Begin Patch\n{body}*** End Patch\n")
}

/// Prepares and runs; `Err` is what the model is told when it failed.
pub(crate) async fn apply(scene: &Scene, body: &str) -> Result<String, String> {
    apply_whole(scene, &wrap(body)).await
}

/// As [`apply`], of a patch with its first and last line.
pub(super) async fn apply_whole(scene: &Scene, patch: &str) -> Result<String, String> {
    let patch = Arguments::Freeform(patch.to_owned());
    let prepared = ApplyPatch.prepare(&patch, &scene.context).map_err(|error| error.0)?;
    let outcome = (prepared.run)(walls(scene).into()).await;
    match outcome.for_user {
        ForUser::Item(ThreadItem::FileChange { status: PatchApplyStatus::Completed, .. }) => Ok(outcome.for_model),
        _ => Err(outcome.for_model),
    }
}

/// The regular files below the scene's directory, with their content.
fn tree(scene: &Scene) -> BTreeMap<String, String> {
    let base = scene.directory.path();
    let everything = codex_workspace::Roots { temp: None, ..(*scene.context.roots).clone() };
    let view = codex_workspace::View::of(&everything);
    let files = crate::walk::walk(base, None, view).flatten().filter(|entry| entry.file_type().unwrap().is_file());
    files
        .map(|entry| {
            let name = entry.path().strip_prefix(base).unwrap().display().to_string();
            (name, String::from_utf8_lossy(&fs::read(entry.path()).unwrap()).into_owned())
        })
        .collect()
}

fn put(scene: &Scene, files: &[(&str, &str)]) {
    for (name, content) in files {
        let path = scene.directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

type Files = &'static [(&'static str, &'static str)];

#[tokio::test]
async fn patches_apply() {
    let table: &[(&str, Files, &str, Files)] = &[
        ("add", &[], "*** Add File: a/b/c\n+x\n+\n", &[("w/a/b/c", "x\n\n")]),
        ("add nothing", &[], "*** Add File: a\n", &[("w/a", "")]),
        ("add over", &[("w/a", "old\n")], "*** Add File: a\n+new\n", &[("w/a", "new\n")]),
        ("delete", &[("w/a", "x"), ("w/b", "")], "*** Delete File: a\n", &[("w/b", "")]),
        ("update", &[("w/a", "1\n2\n")], "*** Update File: a\n@@\n-2\n+3\n", &[("w/a", "1\n3\n")]),
        (
            "update twice",
            &[("w/a", "1\n2\n")],
            "*** Update File: a\n@@\n-2\n+3\n*** Update File: a\n@@\n-3\n+4\n",
            &[("w/a", "1\n4\n")],
        ),
        ("delete, then add", &[("w/a", "x\n")], "*** Delete File: a\n*** Add File: a\n+y\n", &[("w/a", "y\n")]),
        ("add, then delete", &[], "*** Add File: a\n+y\n*** Delete File: a\n", &[]),
        ("add, then update", &[], "*** Add File: a\n+y\n*** Update File: a\n-y\n+z\n", &[("w/a", "z\n")]),
        ("move", &[("w/a", "1\n")], "*** Update File: a\n*** Move to: d/b\n@@\n-1\n+2\n", &[("w/d/b", "2\n")]),
        ("move alone", &[("w/a", "1\n")], "*** Update File: a\n*** Move to: b\n", &[("w/b", "1\n")]),
        (
            "move onto itself",
            &[("w/a", "1\n")],
            "*** Update File: a\n*** Move to: ./a\n@@\n-1\n+2\n",
            &[("w/a", "2\n")],
        ),
        (
            "move over",
            &[("w/a", "1\n"), ("w/b", "9\n")],
            "*** Update File: a\n*** Move to: b\n@@\n-1\n+2\n",
            &[("w/b", "2\n")],
        ),
        (
            "swap",
            &[("w/a", "1\n"), ("w/b", "2\n")],
            "*** Update File: a\n*** Move to: c\n*** Update File: b\n*** Move to: a\n*** Update File: c\n*** Move to: b\n",
            &[("w/a", "2\n"), ("w/b", "1\n")],
        ),
        ("inside and back", &[("w/a", "1\n")], "*** Update File: sub/../a\n-1\n+2\n", &[("w/a", "2\n")]),
        ("session's /tmp", &[], "*** Add File: /tmp/x\n+1\n", &[("temp/x", "1\n")]),
        (
            "CRLF and no end",
            &[("w/a", "1\r\n2\r\n3")],
            "*** Update File: a\n 1\n-2\n+two\n 3\n",
            &[("w/a", "1\r\ntwo\r\n3")],
        ),
        ("BOM", &[("w/a", "\u{feff}1\n")], "*** Update File: a\n-1\n+2\n", &[("w/a", "\u{feff}2\n")]),
        ("odd names", &[("w/ä b", "1\n")], "*** Update File: ä b\n-1\n+2\n", &[("w/ä b", "2\n")]),
    ];
    for (name, before, patch, after) in table {
        let scene = context();
        put(&scene, before);
        let told = apply(&scene, patch).await;
        assert!(told.is_ok(), "{name}: {told:?}");
        let expected: BTreeMap<String, String> =
            after.iter().map(|(name, content)| ((*name).to_owned(), (*content).to_owned())).collect();
        assert_eq!(tree(&scene), expected, "{name}");
    }
}

#[tokio::test]
async fn what_may_not_be_touched_stays() {
    let update = "-1\n+2\n";
    let files: Files = &[
        ("w/a", "1\n"),
        ("w/b", "1\n"),
        ("outside/secret", "1\n"),
        ("w-evil/a", "1\n"),
        ("w/.git/config", "1\n"),
        ("w/.git/index", "1\n"),
        ("w/dir/file", "1\n"),
    ];
    let table: &[(&str, String, &str)] = &[
        ("nothing matches", "*** Update File: a\n-x\n".into(), "`a`: hunk 1 of 1"),
        ("the second fails", format!("*** Update File: a\n{update}*** Update File: b\n-x\n"), "`b`: hunk 1"),
        (
            "the second is missing",
            format!("*** Update File: a\n{update}*** Delete File: none\n"),
            "`none` does not exist",
        ),
        ("update of nothing", format!("*** Update File: none\n{update}"), "`none` does not exist"),
        ("delete twice", "*** Delete File: a\n*** Delete File: a\n".into(), "`a` does not exist"),
        ("a directory", "*** Delete File: dir\n".into(), "`dir` is a directory"),
        ("below a file", "*** Add File: a/b\n+x\n".into(), "`a/b`: Not a directory"),
        ("dots", format!("*** Update File: ../outside/secret\n{update}"), "outside the directories"),
        ("absolute", "*** Add File: /etc/codex-test\n+x\n".into(), "outside the directories"),
        ("a prefix", format!("*** Update File: ../w-evil/a\n{update}"), "outside the directories"),
        ("move out", format!("*** Update File: a\n*** Move to: ../outside/a\n{update}"), "outside the directories"),
        ("link to a file", format!("*** Update File: file-link\n{update}"), "symbolic link"),
        ("link within", format!("*** Update File: inner-link\n{update}"), "name the real file instead: `a`"),
        ("behind a link within", "*** Delete File: within/file\n".into(), "name the real file instead: `dir/file`"),
        ("new behind a link within", "*** Add File: within/new\n+x\n".into(), "instead: `dir/new`"),
        ("add over a link", "*** Add File: file-link\n+x\n".into(), "symbolic link"),
        ("delete a link", "*** Delete File: file-link\n".into(), "symbolic link"),
        ("link to a directory", format!("*** Update File: dir-link/secret\n{update}"), "symbolic link"),
        ("add below a link", "*** Add File: dir-link/new\n+x\n".into(), "symbolic link"),
        ("move below a link", format!("*** Update File: a\n*** Move to: dir-link/a\n{update}"), "symbolic link"),
        ("dangling link", "*** Add File: dangling\n+x\n".into(), "symbolic link"),
        ("protected", format!("*** Update File: .git/config\n{update}"), "protected"),
        ("protected, absent", "*** Add File: .codex/config.toml\n+x\n".into(), "protected"),
        ("protected, other case", "*** Add File: .Codex/config.toml\n+x\n".into(), "protected"),
        ("protected, deeper", "*** Add File: dir/.git/hooks/pre-commit\n+x\n".into(), "protected"),
        ("protected, with dots", "*** Add File: dir/../.vscode/tasks.json\n+x\n".into(), "protected"),
        ("protected target", format!("*** Update File: a\n*** Move to: .envrc\n{update}"), "protected"),
        ("empty", String::new(), "the patch is empty"),
    ];
    for (name, patch, expected) in table {
        let scene = without_temp();
        put(&scene, files);
        let workspace = scene.workspace();
        symlink("../outside/secret", workspace.join("file-link")).unwrap();
        symlink("a", workspace.join("inner-link")).unwrap();
        symlink("../outside", workspace.join("dir-link")).unwrap();
        symlink("dir", workspace.join("within")).unwrap();
        symlink("../outside/new", workspace.join("dangling")).unwrap();
        let before = tree(&scene);
        let told = apply(&scene, patch).await.unwrap_err();
        assert!(told.contains(expected), "{name}: {told}");
        assert_eq!(tree(&scene), before, "{name}");
    }
}

/// Our home may lie in the workspace, and the session's `/tmp` in our home.
#[tokio::test]
async fn the_temporary_directory_is_written_though_our_home_is_protected() {
    let mut scene = context();
    let temp = scene.workspace().join(".codex/tmp/s");
    fs::create_dir_all(&temp).unwrap();
    let roots = codex_workspace::Roots { temp: Some(temp.clone()), ..(*scene.context.roots).clone() };
    scene.context.roots = std::sync::Arc::new(roots);
    // The scene is in the host's `/tmp`, so that the session's is named by its path in the workspace.
    apply(&scene, "*** Add File: .codex/tmp/s/a\n+1\n*** Add File: /var/tmp/d/b\n+2\n").await.unwrap();
    assert_eq!(fs::read_to_string(temp.join("a")).unwrap(), "1\n");
    assert_eq!(fs::read_to_string(temp.join("d/b")).unwrap(), "2\n");
    for refused in [".codex/tmp/other", ".codex/config.toml", ".codex/tmp/s/../x", ".codex/tmp/s/r/.git/config"] {
        let told = apply(&scene, &format!("*** Add File: {refused}\n+x\n")).await.unwrap_err();
        assert!(told.contains("protected"), "{refused}: {told}");
        assert!(!scene.workspace().join(refused).exists());
    }
}

#[tokio::test]
async fn a_failed_write_undoes_the_others() {
    let scene = context();
    put(&scene, &[("w/a", "1\n"), ("w/b", "1\n")]);
    let body = "*** Update File: a\n-1\n+2\n*** Add File: new/deep\n+x\n*** Add File: x\n+1\n*** Add File: x/y\n+1\n*** Delete File: b\n";
    let before = tree(&scene);
    let told = apply(&scene, body).await.unwrap_err();
    assert!(told.contains("nothing was changed") && !told.contains("Except"), "{told}");
    assert_eq!(tree(&scene), before);
    assert!(!scene.workspace().join("new").exists());
}

#[tokio::test]
async fn an_undone_write_tells_of_the_hard_links_it_broke() {
    for body in ["*** Update File: a\n-1\n+2\n", "*** Update File: a\n*** Move to: c\n"] {
        let scene = context();
        put(&scene, &[("w/a", "1\n")]);
        fs::hard_link(scene.workspace().join("a"), scene.workspace().join("b")).unwrap();
        let before = tree(&scene);
        // Removals come after what fails, so that the file that moves keeps its links.
        let fails = "*** Add File: x\n+1\n*** Add File: x/y\n+1\n";
        let told = apply(&scene, &format!("{body}{fails}")).await.unwrap_err();
        assert_eq!(tree(&scene), before, "{body}");
        let links = fs::metadata(scene.workspace().join("a")).unwrap().nlink();
        assert_eq!(told.contains("no longer hard links"), links == 1, "{body}: {told}");
        assert_eq!(links == 1, body.contains("+2"), "{body}");
    }
}

#[tokio::test]
async fn a_file_that_changed_meanwhile_is_not_overwritten() {
    for (meanwhile, expected) in [(Some("3\n"), "3\n"), (None, "")] {
        let scene = context();
        put(&scene, &[("w/a", "1\n"), ("w/b", "1\n")]);
        let patch = wrap("*** Update File: b\n-1\n+2\n*** Update File: a\n-1\n+2\n");
        let prepared = ApplyPatch.prepare(&Arguments::Freeform(patch), &scene.context).unwrap();
        match meanwhile {
            Some(content) => put(&scene, &[("w/a", content)]),
            None => fs::remove_file(scene.workspace().join("a")).unwrap(),
        }
        let outcome = (prepared.run)(walls(&scene).into()).await;
        assert!(outcome.for_model.contains("changed since"), "{}", outcome.for_model);
        assert_eq!(tree(&scene).get("w/a").map_or("", String::as_str), expected);
        assert_eq!(tree(&scene)["w/b"], "1\n");
    }
}

#[tokio::test]
async fn a_link_swapped_in_after_the_approval_leads_nowhere() {
    let scene = context();
    put(&scene, &[("w/d/a", "1\n"), ("outside/a", "1\n")]);
    let patch = wrap("*** Update File: d/a\n-1\n+2\n");
    let prepared = ApplyPatch.prepare(&Arguments::Freeform(patch), &scene.context).unwrap();
    fs::rename(scene.workspace().join("d"), scene.workspace().join("e")).unwrap();
    symlink("../outside", scene.workspace().join("d")).unwrap();
    let outcome = (prepared.run)(walls(&scene).into()).await;
    assert!(outcome.for_model.contains("symbolic link"), "{}", outcome.for_model);
    assert_eq!(tree(&scene)["outside/a"], "1\n");
}

#[tokio::test]
async fn the_walls_of_the_verdict_hold() {
    let scene = context();
    let patch = Arguments::Freeform(wrap("*** Add File: a\n+x\n"));
    let prepared = ApplyPatch.prepare(&patch, &scene.context).unwrap();
    let outcome = (prepared.run)(Confinement::read_only(&[]).into()).await;
    assert!(outcome.for_model.contains("outside the directories"), "{}", outcome.for_model);
    let prepared = ApplyPatch.prepare(&patch, &scene.context).unwrap();
    scene.context.cancel.cancel();
    let refused = ApplyPatch.prepare(&patch, &scene.context).unwrap_err();
    assert!(refused.0.contains("interrupted"), "{refused}");
    assert!((prepared.run)(walls(&scene).into()).await.for_model.contains("interrupted"));
    assert!(tree(&scene).is_empty());
}

/// A scene in which anything may be written.
fn without_walls() -> Scene {
    let mut scene = context();
    let workspace = scene.workspace().to_owned();
    let roots = codex_workspace::Roots {
        workspace,
        writable: vec!["/".into()],
        hidden: vec![],
        ignored: codex_workspace::Ignored::default(),
        temp: None,
    };
    scene.context.roots = std::sync::Arc::new(roots);
    scene.context.protected = [].into();
    scene
}

#[tokio::test]
async fn without_walls_two_names_of_a_file_are_not_two_files() {
    let table: &[(&str, &str, &str, &[&str])] = &[
        ("a link first", "*** Update File: link\n-2\n+two\n", "*** Update File: a\n-1\n+one\n", &["`link`", "`a`"]),
        ("a link after", "*** Update File: a\n-1\n+one\n", "*** Update File: link\n-2\n+two\n", &["`link`", "`a`"]),
        ("a directory", "*** Update File: d/x\n-1\n+one\n", "*** Update File: dl/x\n-2\n+two\n", &["`d/x`", "`dl/x`"]),
        ("moved", "*** Update File: a\n-1\n+one\n", "*** Update File: link\n*** Move to: b\n", &["`link`", "`a`"]),
        (
            "moved onto",
            "*** Update File: d/x\n*** Move to: link\n",
            "*** Update File: a\n-2\n+two\n",
            &["`link`", "`a`"],
        ),
        ("added", "*** Add File: d/new\n+1\n", "*** Add File: dl/new\n+2\n", &["`d/new`", "`dl/new`"]),
        ("added deeper", "*** Add File: d/e/f\n+1\n", "*** Add File: dl/e/f\n+2\n", &["`d/e/f`", "`dl/e/f`"]),
    ];
    for (name, first, second, expected) in table {
        let scene = without_walls();
        put(&scene, &[("w/a", "1\n2\n"), ("w/d/x", "1\n2\n")]);
        symlink("a", scene.workspace().join("link")).unwrap();
        symlink("d", scene.workspace().join("dl")).unwrap();
        let prepare = |body: &str| ApplyPatch.prepare(&Arguments::Freeform(wrap(body)), &scene.context);
        let refused = prepare(&format!("{first}{second}")).unwrap_err();
        assert!(expected.iter().all(|part| refused.0.contains(part)), "{name}: {refused}");
        for alone in [first, second, &&*format!("{first}*** Add File: c\n+1\n")] {
            assert!(prepare(alone).is_ok(), "{name}: {alone}");
        }
    }
}

#[tokio::test]
async fn without_walls_everything_may_be_written() {
    let scene = without_walls();
    put(&scene, &[("outside/a", "1\n")]);
    symlink("../outside/a", scene.workspace().join("link")).unwrap();
    let patch = wrap("*** Update File: link\n-1\n+2\n*** Add File: ../outside/b\n+x\n*** Add File: .codex/c\n+x\n");
    let prepared = ApplyPatch.prepare(&Arguments::Freeform(patch), &scene.context).unwrap();
    let outcome = (prepared.run)(Confinement::Unconfined.into()).await;
    assert!(outcome.for_model.starts_with("Done"), "{}", outcome.for_model);
    let tree = tree(&scene);
    assert_eq!((&*tree["outside/a"], &*tree["outside/b"], &*tree["w/.codex/c"]), ("2\n", "x\n", "x\n"));
    assert!(scene.workspace().join("link").is_symlink());
}

#[tokio::test]
async fn modes_are_kept() {
    let scene = context();
    put(&scene, &[("w/a", "1\n"), ("w/b", "1\n"), ("w/c", "1\n")]);
    let workspace = scene.workspace();
    for name in ["a", "b", "c"] {
        fs::set_permissions(workspace.join(name), fs::Permissions::from_mode(0o751)).unwrap();
        // Only root can give files away; who cannot sees that they stay.
        let _ = std::os::unix::fs::chown(workspace.join(name), Some(4321), Some(4322));
    }
    let owner = |name: &str| fs::metadata(workspace.join(name)).map(|file| (file.uid(), file.gid())).unwrap();
    let before = owner("a");
    let body = "*** Update File: a\n-1\n+2\n*** Update File: b\n*** Move to: d\n-1\n+2\n*** Add File: c\n+2\n";
    apply(&scene, body).await.unwrap();
    for name in ["a", "c", "d"] {
        assert_eq!(fs::metadata(workspace.join(name)).unwrap().permissions().mode() & 0o7777, 0o751, "{name}");
        assert_eq!(owner(name), before, "{name}");
    }
}

#[tokio::test]
async fn read_only_files_keep_their_content() {
    let table: &[(&str, Result<Files, &str>)] = &[
        ("*** Update File: a\n-1\n+2\n", Err("`a` is read-only (mode 444)")),
        ("*** Update File: a\n*** Move to: c\n-1\n+2\n", Err("`a` is read-only")),
        ("*** Add File: a\n+2\n", Err("`a` is read-only")),
        ("*** Update File: b\n*** Move to: a\n", Err("`a` is read-only")),
        ("*** Update File: a\n*** Move to: c\n", Ok(&[("w/b", "1\n"), ("w/c", "1\n")])),
        ("*** Delete File: a\n", Ok(&[("w/b", "1\n")])),
        ("*** Delete File: a\n*** Add File: a\n+2\n", Ok(&[("w/a", "2\n"), ("w/b", "1\n")])),
    ];
    for (body, expected) in table {
        let scene = context();
        put(&scene, &[("w/a", "1\n"), ("w/b", "1\n")]);
        fs::set_permissions(scene.workspace().join("a"), fs::Permissions::from_mode(0o444)).unwrap();
        let before = tree(&scene);
        match (apply(&scene, body).await, expected) {
            (Ok(_), Ok(after)) => {
                let after: Vec<_> = after.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
                assert_eq!(Vec::from_iter(tree(&scene)), after, "{body}");
            }
            (Err(told), Err(part)) => {
                assert!(told.contains(part), "{body}: {told}");
                assert_eq!(tree(&scene), before);
            }
            (found, _) => panic!("{body}: {found:?}"),
        }
    }
}

#[tokio::test]
async fn what_the_model_should_check() {
    let scene = context();
    put(&scene, &[("w/a", "\t1\n"), ("w/b", "1\n")]);
    fs::hard_link(scene.workspace().join("b"), scene.workspace().join("c")).unwrap();
    let told = apply(&scene, "*** Update File: a\n-1\n+2\n*** Update File: b\n-1\n+2\n").await.unwrap();
    assert!(told.contains("\nCheck: `a`: hunk 1 was taken for lines 1 to 1"), "{told}");
    assert!(told.contains("\nCheck: `b` was one of several names"), "{told}");
    let tree = tree(&scene);
    assert_eq!((&*tree["w/a"], &*tree["w/b"], &*tree["w/c"]), ("2\n", "2\n", "1\n"));
}

#[tokio::test]
async fn what_is_no_file_is_named() {
    let scene = context();
    crate::testing::make_pipe(&scene.workspace().join("pipe"));
    let _socket = std::os::unix::net::UnixListener::bind(scene.workspace().join("socket")).unwrap();
    let table = [
        ("*** Update File: pipe\n-1\n+2\n", "not a regular file"),
        ("*** Add File: socket\n+2\n", "not a regular file"),
        ("*** Delete File: pipe\n", "not a regular file"),
        ("*** Add File: new/\n+2\n", "`new/` names a directory"),
        ("*** Add File: sub\n+2\n", "`sub` is a directory"),
    ];
    for (body, expected) in table {
        let told = apply(&scene, body).await.unwrap_err();
        assert!(told.contains(expected), "{body}: {told}");
    }
}

#[tokio::test]
async fn many_files_are_one_patch() {
    let scene = context();
    let names: Vec<String> = (0..600).map(|index| format!("w/d{}/{index}", index % 7)).collect();
    names.iter().for_each(|name| put(&scene, &[(name, "1\n")]));
    let before = tree(&scene);
    let update = |name: &String| format!("*** Update File: {}\n-1\n+2\n", name.trim_start_matches("w/"));
    let body: String = names.iter().map(update).collect();
    assert!(apply(&scene, &format!("{body}*** Delete File: none\n")).await.is_err());
    assert_eq!(tree(&scene), before);
    apply(&scene, &body).await.unwrap();
    assert!(tree(&scene).values().all(|text| text == "2\n"));
}

#[tokio::test]
async fn what_is_shown_and_told() {
    let scene = context();
    put(&scene, &[("w/a", "1\n"), ("w/b", "1\n"), ("w/c", "1\n")]);
    let body = "*** Delete File: a\n*** Update File: b\n*** Move to: d\n-1\n+2\n*** Update File: c\n-1\n+3\n*** Add File: /tmp/e\n+4\n";
    let call = format!("{{\"input\":{}}}", serde_json::to_string(&wrap(body)).unwrap());
    let prepared = ApplyPatch.prepare(&json(&call), &scene.context).unwrap();
    let workspace = scene.workspace();
    let temp = scene.context.roots.temp.clone().unwrap();
    let writes = ["a", "b", "d", "c"].map(|name| workspace.join(name));
    assert_eq!(prepared.access.writes, [&writes[..], &[temp.join("e")]].concat());
    let path = |name: &str| workspace.join(name).display().to_string();
    let change = |path: String, kind, diff: &str| FileUpdateChange { path, kind, diff: diff.into() };
    let changes = vec![
        change(path("a"), PatchChangeKind::Delete, "@@ -1 +0,0 @@\n-1\n"),
        change(path("b"), PatchChangeKind::Update { move_path: Some(path("d")) }, "@@ -1 +1 @@\n-1\n+2\n"),
        change(path("c"), PatchChangeKind::Update { move_path: None }, "@@ -1 +1 @@\n-1\n+3\n"),
        change("/tmp/e".into(), PatchChangeKind::Add, "@@ -0,0 +1 @@\n+4\n"),
    ];
    let item = |status| ThreadItem::FileChange { id: "item".into(), changes: changes.clone(), status };
    assert_eq!(prepared.started, Some(item(PatchApplyStatus::InProgress)));
    let outcome = (prepared.run)(walls(&scene).into()).await;
    assert_eq!(outcome.for_model, "Done. Files changed:\nA /tmp/e\nM d\nM c\nD a\n");
    assert_eq!(outcome.for_user, ForUser::Item(item(PatchApplyStatus::Completed)));
}

#[test]
fn moves_are_told_once() {
    let gone = "*** Update File: a\n*** Move to: c\n";
    let table: &[(&str, &[&str])] = &[
        (gone, &["a -> c"]),
        ("*** Update File: a\n*** Move to: c\n*** Add File: a\n+1\n", &["M a", "A c"]),
        ("*** Update File: a\n*** Move to: c\n*** Update File: c\n*** Move to: d\n", &["D a", "A d"]),
        ("*** Update File: a\n*** Move to: c\n*** Delete File: c\n", &["D a"]),
        ("*** Update File: a\n*** Move to: b\n", &["D a", "M b"]),
    ];
    for (body, expected) in table {
        let scene = context();
        put(&scene, &[("w/a", "1\n"), ("w/b", "2\n")]);
        let prepared = ApplyPatch.prepare(&Arguments::Freeform(wrap(body)), &scene.context).unwrap();
        let Some(ThreadItem::FileChange { changes, .. }) = prepared.started else { panic!("not a file change") };
        let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
        let told: Vec<String> = changes
            .iter()
            .map(|change| match &change.kind {
                PatchChangeKind::Add => format!("A {}", name(&change.path)),
                PatchChangeKind::Delete => format!("D {}", name(&change.path)),
                PatchChangeKind::Update { move_path: None } => format!("M {}", name(&change.path)),
                PatchChangeKind::Update { move_path: Some(to) } => format!("{} -> {}", name(&change.path), name(to)),
            })
            .collect();
        assert_eq!(told, *expected, "{body}");
    }
}

#[test]
fn a_refusal_is_short() {
    let scene = context();
    put(&scene, &[("w/a", &"x".repeat(100_000))]);
    let body = format!("*** Update File: a\n-{}\n", "y".repeat(100_000));
    let refused = ApplyPatch.prepare(&Arguments::Freeform(wrap(&body)), &scene.context).unwrap_err();
    assert!(refused.0.len() < 9000, "{} bytes", refused.0.len());
}

/// Makes a sparse file of one byte more than may be patched.
fn put_large(scene: &Scene, name: &str) -> u64 {
    let bytes = (16 << 20) + 1;
    fs::File::create(scene.workspace().join(name)).unwrap().set_len(bytes).unwrap();
    bytes
}

#[tokio::test]
async fn a_large_file_is_deleted_and_not_patched() {
    let scene = context();
    let bytes = put_large(&scene, "large");
    let table = [
        ("*** Update File: large\n-1\n+2\n", "`large` is too large"),
        ("*** Add File: large\n+2\n", "`large` is too large"),
        ("*** Update File: large\n*** Move to: b\n", "`large` is too large"),
        ("*** Delete File: large\n*** Delete File: large\n", "`large` does not exist"),
    ];
    for (body, expected) in table {
        let told = apply(&scene, body).await.unwrap_err();
        assert!(told.contains(expected), "{body}: {told}");
    }
    let delete = Arguments::Freeform(wrap("*** Delete File: large\n"));
    let prepared = ApplyPatch.prepare(&delete, &scene.context).unwrap();
    let Some(ThreadItem::FileChange { changes, .. }) = &prepared.started else { panic!("not a file change") };
    assert_eq!((&changes[0].kind, changes.len()), (&PatchChangeKind::Delete, 1));
    assert!(changes[0].diff.contains(&bytes.to_string()));
    fs::File::options().write(true).open(scene.workspace().join("large")).unwrap().set_len(bytes + 1).unwrap();
    let outcome = (prepared.run)(walls(&scene).into()).await;
    assert!(outcome.for_model.contains("changed since"), "{}", outcome.for_model);
    // What can be undone is done first, and undone.
    put(&scene, &[("w/a", "1\n")]);
    let failing = "*** Delete File: large\n*** Delete File: a\n*** Add File: x\n+1\n*** Add File: x/y\n+1\n";
    assert!(!apply(&scene, failing).await.unwrap_err().contains("Except"));
    assert!(scene.workspace().join("large").exists() && scene.workspace().join("a").exists());
    apply(&scene, "*** Delete File: large\n*** Add File: large\n+small\n").await.unwrap();
    assert_eq!(tree(&scene)["w/large"], "small\n");
    put_large(&scene, "large");
    apply(&scene, "*** Delete File: large\n").await.unwrap();
    assert!(!scene.workspace().join("large").exists());
}

#[test]
fn the_files_of_a_patch_have_a_limit_together() {
    let scene = context();
    let names: Vec<String> = (0..5).map(|index| index.to_string()).collect();
    for name in &names {
        fs::File::create(scene.workspace().join(name)).unwrap().set_len(16 << 20).unwrap();
    }
    let body = |count: usize| -> String {
        names[..count].iter().map(|name| format!("*** Update File: {name}\n*** Move to: {name}b\n")).collect()
    };
    let prepare = |count| ApplyPatch.prepare(&Arguments::Freeform(wrap(&body(count))), &scene.context);
    assert!(prepare(4).is_ok());
    assert!(prepare(5).unwrap_err().0.contains("64 MiB together"));
}

#[test]
fn of_what_is_hidden_a_patch_tells_nothing() {
    let mut scene = without_temp();
    put(&scene, &[("w/.env", "KEY=1\n"), ("w/keys/key", "KEY=1\n"), ("w/a", "1\n")]);
    let workspace = scene.workspace().to_owned();
    let hidden = vec![workspace.join(".env"), workspace.join("keys")];
    scene.context.roots = std::sync::Arc::new(codex_workspace::Roots { hidden, ..(*scene.context.roots).clone() });
    let guess = |key: &str| format!("*** Update File: .env\n@@\n-KEY={key}\n+x\n");
    let bodies = [
        "*** Delete File: .env\n".to_owned(),
        guess("1"),
        guess("2"),
        "*** Add File: .env\n+x\n".to_owned(),
        "*** Delete File: keys/key\n".to_owned(),
        "*** Delete File: keys/none\n".to_owned(),
        "*** Update File: a\n*** Move to: keys/key\n@@\n-1\n+2\n".to_owned(),
    ];
    for body in bodies {
        let patch = Arguments::Freeform(wrap(&body));
        let told = ApplyPatch.prepare(&patch, &scene.context).map(drop).unwrap_err().0;
        assert!(told.contains("it is hidden") && !told.contains("KEY"), "{body}: {told}");
    }
}
