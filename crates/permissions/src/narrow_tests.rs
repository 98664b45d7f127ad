//! Random policies: what is narrowed to another's is never wider than that, in its walls and in its verdicts.

use codex_sandbox::{Confined, Confinement, Network};
use proptest::{
    prelude::*,
    test_runner::{Config, RngSeed},
};

use super::*;
use crate::{Access, Approval, RuleKind, RuleText, Rules, Verdict, decide};

const PATHS: &[&str] = &["/a", "/a/b", "/a/b/.git", "/a/c", "/d", "/d/e", "/w", "/w/x"];
/// What was made for the one that is narrowed.
const OWN: &str = "/w";

fn paths() -> impl Strategy<Value = Vec<PathBuf>> {
    prop::collection::vec(prop::sample::select(PATHS), 0..4)
        .prop_map(|paths| paths.into_iter().map(PathBuf::from).collect())
}

fn rules() -> impl Strategy<Value = Rules> {
    let rule = (prop::sample::select(&[RuleKind::Deny, RuleKind::Ask, RuleKind::Allow][..]), 0..3_usize);
    prop::collection::vec(rule, 0..3).prop_map(|rules| {
        let text = |at: usize| ["make", "git push", "touch"][at].to_owned();
        let rules = rules.into_iter().map(|(kind, at)| RuleText { kind, text: text(at), origin: "test".into() });
        Rules::new(rules.collect()).unwrap()
    })
}

fn policy() -> impl Strategy<Value = Policy> {
    let level = prop::sample::select(
        &[SandboxLevel::ReadOnly, SandboxLevel::WorkspaceWrite, SandboxLevel::DangerFullAccess][..],
    );
    let approval = prop::sample::select(&[Approval::Untrusted, Approval::OnRequest, Approval::Never][..]);
    let asking = (level, approval, any::<bool>(), any::<bool>(), rules());
    let walls = (paths(), paths(), paths(), paths(), paths(), paths(), paths());
    let reach = (any::<bool>(), any::<bool>(), prop::collection::vec(Just("x.org".to_owned()), 0..2));
    (asking, walls, reach).prop_map(|(asking, walls, reach)| {
        let (level, approval, full_auto, may_leave, rules) = asking;
        let (writable, protected, git, covered, hidden, denied_programs, caches) = walls;
        let (network, weak, domains) = reach;
        let (temp, state) = ("/t".into(), "/s".into());
        Policy {
            level,
            approval,
            full_auto,
            may_leave,
            rules,
            writable,
            protected,
            git,
            covered,
            hidden,
            in_git: Vec::new(),
            denied_programs,
            caches,
            shown: Vec::new(),
            temp,
            state,
            network,
            domains,
            weak,
            thrown_away: false,
            is_planning: false,
        }
    })
}

fn access() -> impl Strategy<Value = Access> {
    let command = prop::sample::select(&["make all", "git push", "touch f", "ls", "curl x", "rm -rf /"][..]);
    prop_oneof![
        command.prop_map(|it| Access { command: Some(it.into()), directory: Some("/a".into()), ..Access::default() }),
        paths().prop_map(|writes| Access { writes, ..Access::default() }),
        paths().prop_map(|reads| Access { reads, ..Access::default() }),
    ]
}

fn rank(verdict: &Verdict) -> u8 {
    match verdict {
        Verdict::Refuse { .. } => 0,
        Verdict::Ask(_) => 1,
        Verdict::Allow(_) => 2,
    }
}

fn reach(network: Network) -> u8 {
    match network {
        Network::LoopbackOnly => 0,
        Network::Proxied => 1,
        Network::Host => 2,
    }
}

/// What is wider in `one` than in `other`.
fn wider(one: &Confined, other: &Confined) -> Option<String> {
    let below = |path: &Path, roots: &[PathBuf]| roots.iter().any(|root| path.starts_with(root));
    let writes = |walls: &Confined, path: &Path| {
        below(path, &walls.writable) && !below(path, &walls.protected) && !below(path, &walls.hidden)
    };
    for path in PATHS.iter().flat_map(|path| [Path::new(path).to_owned(), Path::new(path).join("new")]) {
        if writes(one, &path) && !writes(other, &path) && !path.starts_with(OWN) {
            return Some(format!("{} can be written", path.display()));
        }
        if below(&path, &other.hidden) && !below(&path, &one.hidden) {
            return Some(format!("{} can be read", path.display()));
        }
        if other.denied_programs.contains(&path) && !one.denied_programs.contains(&path) {
            return Some(format!("{} can be run", path.display()));
        }
        if one.caches.contains(&path) && !other.caches.contains(&path) {
            return Some(format!("{} is a cache", path.display()));
        }
    }
    (reach(one.network) > reach(other.network)).then(|| "the network".to_owned())
}

fn config() -> Config {
    Config { cases: 2_000, rng_seed: RngSeed::Fixed(0x5eed), failure_persistence: None, ..Config::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn what_is_narrowed_is_never_wider(wish in policy(), other in policy(), access in access()) {
        let narrowed = wish.within(&other, Some(Path::new(OWN)));
        prop_assert_eq!(narrowed.level.strictest(other.level), narrowed.level);
        prop_assert_eq!(narrowed.level.strictest(wish.level), narrowed.level);
        prop_assert_eq!((narrowed.approval, narrowed.full_auto), (other.approval, other.full_auto));
        if let (Confinement::Confined(one), Confinement::Confined(other)) =
            (narrowed.confinement(), other.confinement())
        {
            prop_assert_eq!(wider(&one, &other), None);
        }
        // Behind walls may run unasked what would be asked about without any.
        let own = access.writes.iter().any(|path| path.starts_with(OWN));
        if narrowed.level == other.level && !own {
            prop_assert!(rank(&decide(&narrowed, &access)) <= rank(&decide(&other, &access)));
        }
    }
}

#[test]
fn its_own_directory_stays_its_own_and_no_other_does() {
    let level = SandboxLevel::WorkspaceWrite;
    let other = Policy { level, writable: vec!["/a".into()], git: vec!["/r/.git".into()], ..Policy::default() };
    let wish = Policy {
        level,
        writable: ["/w/x", "/a/b", "/d"].map(PathBuf::from).to_vec(),
        git: ["/r/.git/worktrees/x", "/d/.git"].map(PathBuf::from).to_vec(),
        ..Policy::default()
    };
    let narrowed = wish.within(&other, Some(Path::new(OWN)));
    assert_eq!(narrowed.writable, ["/w/x", "/a/b"].map(PathBuf::from));
    assert_eq!(narrowed.git, [PathBuf::from("/r/.git/worktrees/x")]);
}
