//! What the walls kept a command from, in words for whoever started it, and how it would be allowed.
//!
//! Facts only: what the kernel answered. Whether it was the reason for which the command failed nobody can tell.

use std::path::{Path, PathBuf};

use codex_sandbox::{Confined, Confinement, Network, Noticed, shown};

/// A sentence for each path of what was `noticed`, and one for the network. Of a cache that is read-only another is said.
pub(super) fn sentences(confinement: &Confinement, noticed: &Noticed) -> Vec<String> {
    let Confinement::Confined(confined) = confinement else { return Vec::new() };
    let paths = noticed.writes.iter().filter(|path| !is_below(path, &noticed.read_only_caches));
    let paths = paths.map(|path| format!("sandbox: {} is read-only here: {}", shown(path), how(confined, path)));
    let network = noticed.network.then(|| match confined.network {
        Network::Proxied => "sandbox: an attempt to reach the network past the proxy was blocked".to_owned(),
        _ => "sandbox: an attempt to reach the network was blocked: `--allow-network` lets commands have it".to_owned(),
    });
    network.into_iter().chain(paths).collect()
}

/// Why it is, and what to do about it.
fn how(confined: &Confined, path: &Path) -> String {
    match (is_below(path, &confined.writable), confined.is_read_only()) {
        (true, true) => "`-s workspace-write` lets commands write in the workspace".to_owned(),
        (true, false) => "it is protected in the workspace, and is for you to change, without the sandbox".to_owned(),
        (false, read_only) => {
            let mode = if read_only { "-s workspace-write " } else { "" };
            // Quoted for a shell, as far as it can be shown.
            let directory = shown(path.parent().unwrap_or(path)).replace('\'', r"'\''");
            format!("`{mode}--add-dir '{directory}'` lets commands write in that directory")
        }
    }
}

/// `path` is a real one; `directories` may be named otherwise.
fn is_below(path: &Path, directories: &[PathBuf]) -> bool {
    let is_in = |directory: &PathBuf| {
        path.starts_with(directory) || directory.canonicalize().is_ok_and(|directory| path.starts_with(directory))
    };
    directories.iter().any(is_in)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_path_is_told_with_a_way_to_allow_it() {
        let Confinement::Confined(read_only) = Confinement::read_only(&["/w".into()]) else { panic!() };
        let writing = Confined { protected: vec!["/w/.git".into()], ..read_only.clone() };
        let cases = [
            (&writing, "/o/a'b/x", "/o/a'b/x is read-only here: `--add-dir '/o/a'\\''b'` lets"),
            (&writing, "/w2/x", "--add-dir '/w2'"),
            (&writing, "/w/.git/x", "protected in the workspace"),
            (&read_only, "/w/x", "`-s workspace-write` lets"),
            (&read_only, "/o/x", "`-s workspace-write --add-dir '/o'`"),
            (&read_only, "/x\n", r"/x\n is read-only here: `-s workspace-write --add-dir '/'`"),
        ];
        for (confined, path, expected) in cases {
            let noticed = Noticed { writes: vec![path.into()], ..Noticed::default() };
            let told = sentences(&Confinement::Confined(confined.clone()), &noticed);
            assert!(told.len() == 1 && told[0].contains(expected), "{told:?}");
        }
        let writes = vec!["/c/x".into(), "/x".into()];
        let noticed = Noticed { network: true, writes, read_only_caches: vec!["/c".into()], ..Noticed::default() };
        for (network, expected) in [(Network::LoopbackOnly, "`--allow-network`"), (Network::Proxied, "past the proxy")]
        {
            let told = sentences(&Confinement::Confined(Confined { network, ..writing.clone() }), &noticed);
            assert!(told.len() == 2 && told[0].contains(expected), "{told:?}");
        }
        assert!(sentences(&Confinement::Unconfined, &noticed).is_empty());
    }
}
