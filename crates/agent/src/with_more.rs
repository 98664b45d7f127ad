//! A command that failed because it had no network, or could not write somewhere: asks once whether it may run again
//! with that.
//!
//! It must never give more than what was missed and asked about, nor run a command again that nobody has said yes to.

use std::path::{Component, Path, PathBuf};

use codex_history::ToolCall;
use codex_permissions::{Approval, Policy, Question, RuleText, Verdict, decide};
use codex_sandbox::{Confinement, Network, shown};
use codex_store::StoreError;
use codex_tools::{ForUser, Outcome};
use codex_workspace::{protected_paths, repositories};

use crate::{
    approvals::{BY_USER, Consent, Item},
    calls::{UnderWay, declined, prepare},
    context::fill,
    settings::Users,
    thread::ThreadState,
    turn::TurnRun,
};

const GRANTED: &str = include_str!("prompts/more_granted.md");
const REFUSED: &str = include_str!("prompts/more_refused.md");
const UNASKED: &str = include_str!("prompts/more_unasked.md");
const NEVER_WRITABLE: &str = include_str!("prompts/never_writable.md");

/// Directories of the system: who means to change these must leave the sandbox, and is asked about that.
const OF_THE_SYSTEM: [&str; 12] =
    ["/usr", "/etc", "/boot", "/var/lib", "/var/spool", "/opt", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];

/// Where programs and settings of people lie, which run or are read outside the sandbox. Real paths where there are any.
#[derive(Default)]
struct People {
    home: Vec<PathBuf>,
    /// The directories of `PATH`.
    programs: Vec<PathBuf>,
}

impl People {
    fn of(users: &Users) -> Self {
        // By its name too, for what does not exist yet.
        let both = |path: PathBuf| [path.canonicalize().ok(), Some(path)].into_iter().flatten();
        let programs = std::env::split_paths(&users.path).filter(|path| path.is_absolute());
        Self {
            home: users.home.clone().into_iter().flat_map(both).collect(),
            programs: programs.flat_map(both).collect(),
        }
    }

    /// Whether who writes in `directory` would choose what people run, or how it behaves.
    fn trust(&self, directory: &Path) -> bool {
        let runs = |place: &PathBuf| place.starts_with(directory) || directory.starts_with(place);
        let in_home = |home: &PathBuf| directory.strip_prefix(home).ok();
        let first = self.home.iter().filter_map(in_home).filter_map(|rest| rest.components().next());
        // `~/.config`, `~/.local/bin`, `~/.cargo/bin` and their like.
        let is_settings = |part: Component<'_>| {
            let name = part.as_os_str();
            name == "bin" || name.as_encoded_bytes().starts_with(b".")
        };
        let roots_own = directory.starts_with("/root") && !self.home.iter().any(|home| home.starts_with("/root"));
        roots_own || self.programs.iter().any(runs) || first.into_iter().any(is_settings)
    }
}

/// What a command missed, and may be given.
struct More {
    network: bool,
    /// Directories to write in.
    directories: Vec<PathBuf>,
    /// What stays as it is in these: what is protected in a workspace.
    protected: Vec<PathBuf>,
}

impl TurnRun {
    /// What `first`, the outcome of a call that missed something, comes to: where somebody can be asked and says yes,
    /// the call has run a second time, with it.
    pub(crate) async fn with_more(
        &mut self,
        state: &mut ThreadState,
        call: &ToolCall,
        first: Outcome,
    ) -> Result<Outcome, StoreError> {
        let policy = &state.settings.workplace.policy;
        if policy.approval == Approval::Never && !first.missed_writes.is_empty() {
            let for_model = format!("{}\n\n{}", first.for_model, UNASKED.trim_end());
            return Ok(Outcome { for_model, ..first });
        }
        if policy.approval == Approval::Never || !policy.may_leave || policy.thrown_away || self.cancel.is_cancelled() {
            return Ok(first);
        }
        let (mut more, first) = missed(state, first);
        more.find_protected().await;
        let context = self.tool_context(state);
        let Ok(prepared) = prepare(state, call, &context).await else { return Ok(first) };
        // Judged anew: what is forbidden is not asked about.
        let question = match decide(&state.settings.workplace.policy, &prepared.access) {
            Verdict::Allow(confinement) => more.question(confinement, None, None),
            Verdict::Ask(asked) => {
                let also = prepared.access.uncovers.is_some().then_some(asked.reason);
                more.question(asked.confinement, asked.rule, also)
            }
            Verdict::Refuse { .. } => None,
        };
        let Some(question) = question else { return Ok(first) };
        self.show(state, first.for_user).await?;
        self.is_about(state, call);
        let (for_model, item) = (first.for_model, prepared.started.clone());
        let what = in_words(more.network, &more.directories);
        let no = |word: &str| {
            let for_user = item.clone().map_or(ForUser::Nothing, |item| ForUser::Item(declined(item, BY_USER)));
            Outcome::text(format!("{for_model}\n\n{}", word.trim_end()), for_user)
        };
        let refused = fill(REFUSED, &[("what", &what)]);
        let consent = self.consent(state, &prepared.access, Item::untold(item.as_ref()), &question).await?;
        if matches!(consent, Consent::Declined(_) | Consent::Stopped) {
            state.granted.not_these.extend(more.directories);
        }
        Ok(match consent {
            Consent::Given { shown, .. } => {
                let permission = question.confinement.into();
                let running = self.start(state, call.clone(), &context, prepared, permission, shown).await?;
                let UnderWay { ran, .. } = running.await;
                let second = ran.unwrap_or_else(|reason| no(&format!("The second time, {reason}.")));
                Outcome { for_model: fill(GRANTED, &[("what", &what)]) + &second.for_model, ..second }
            }
            Consent::Declined(Some(message)) => no(&format!("{} The user says: {message}", refused.trim_end())),
            Consent::Hook(why) => no(&format!("A hook does not let it have {what}: {why}")),
            Consent::Declined(None) | Consent::Stopped | Consent::Interrupted => no(&refused),
            Consent::Unheard => no(&format!("Nobody is there to be asked for {what}.")),
        })
    }
}

/// What can be asked for of what `first` missed; and `first`, with a word to the model of what never can.
fn missed(state: &ThreadState, mut first: Outcome) -> (More, Outcome) {
    let workplace = &state.settings.workplace;
    let people = People::of(&workplace.users);
    let mut directories = Vec::new();
    let mut never = Vec::new();
    for path in &first.missed_writes {
        match directory_to_open(&workplace.policy, &people, path) {
            // Asked once: a no stands for the session.
            Some(directory) if state.granted.not_these.contains(&directory) => {}
            Some(directory) => directories.push(directory),
            None => never.push(shown(path)),
        }
    }
    if !never.is_empty() {
        let word = fill(NEVER_WRITABLE, &[("paths", &never.join(", "))]);
        first.for_model = format!("{}\n\n{}", first.for_model, word.trim_end());
    }
    (More { network: first.missed_network, directories, protected: Vec::new() }, first)
}

/// The directory that would have to be writable for `path` to be; nothing, if it may not be: a directory that holds the
/// user's home, a workspace or our own state, or lies in one of the latter two, in what is hidden, in a cache or in the
/// system; one of programs or settings of people; one that is a large part of the machine; what is protected.
fn directory_to_open(policy: &Policy, people: &People, path: &Path) -> Option<PathBuf> {
    let directory = path.parent()?.canonicalize().ok().filter(|directory| directory.is_dir())?;
    let own = policy.state.parent().unwrap_or(&policy.state);
    let roots = || policy.writable.iter().chain(&policy.git).map(PathBuf::as_path);
    let home = people.home.iter().map(PathBuf::as_path);
    let holds = roots().chain(home).chain([own, &policy.temp]).any(|place| place.starts_with(&directory));
    let closed = roots().chain([own]).chain(policy.hidden.iter().chain(&policy.caches).map(PathBuf::as_path));
    let lies = closed.into_iter().any(|place| path.starts_with(place) || directory.starts_with(place));
    let instructions = ["AGENTS.md", "CLAUDE.md"].map(PathBuf::from);
    let names = [protected_paths(Path::new("")), instructions.into()].concat();
    let is_name = |part: Component<'_>| {
        let first = |name: &PathBuf| {
            name.components().next().is_some_and(|name| name.as_os_str().eq_ignore_ascii_case(part.as_os_str()))
        };
        names.iter().any(first)
    };
    let protected = path.components().any(is_name) || directory.components().any(is_name);
    // `/`, `/srv` and their like.
    let large = directory.components().count() <= 2;
    (!holds && !lies && !protected && !large && !of_the_system(&directory) && !people.trust(&directory))
        .then_some(directory)
}

fn of_the_system(directory: &Path) -> bool {
    OF_THE_SYSTEM.iter().any(|place| directory.starts_with(place))
}

impl More {
    /// Looks for what stays as it is, in repositories below the directories too.
    async fn find_protected(&mut self) {
        if self.directories.is_empty() {
            return;
        }
        let directories = self.directories.clone();
        let look = move || {
            let named = directories.iter().flat_map(|directory| protected_paths(directory));
            let now = repositories(&directories, None);
            now.found.is_whole.then(|| named.chain(now.covered).collect())
        };
        match tokio::task::spawn_blocking(look).await {
            Ok(Some(protected)) => self.protected = protected,
            // Nothing is opened of which that is not known.
            Ok(None) | Err(_) => self.directories.clear(),
        }
    }

    /// Whether it may run inside `walls` with this, and what is `also` to be said of it; nothing, if that is nothing new.
    fn question(&self, walls: Confinement, rule: Option<RuleText>, also: Option<String>) -> Option<Question> {
        let Confinement::Confined(mut walls) = walls else { return None };
        let network = self.network && walls.network != Network::Host;
        if !network && self.directories.is_empty() {
            return None;
        }
        if network {
            walls.network = Network::Host;
        }
        walls.writable.extend(self.directories.iter().cloned());
        // Who may write above one could put a link in its place while the question waits.
        walls.real.extend(self.directories.iter().cloned());
        walls.protected.extend(self.protected.iter().cloned());
        let what = in_words(network, &self.directories);
        let also = also.map(|also| format!("; and {also}")).unwrap_or_default();
        let reason = format!(
            "it failed, and the sandbox had kept something in it from {what}; it would run once more, with {what}{also}"
        );
        Some(Question { confinement: Confinement::Confined(walls), reason, rule, remember: None, not_held: &[] })
    }
}

fn in_words(network: bool, directories: &[PathBuf]) -> String {
    let names: Vec<String> = directories.iter().map(|path| shown(path)).collect();
    let writing = (!names.is_empty()).then(|| format!("writing in {}", names.join(", ")));
    let all: Vec<String> = network.then(|| "the network".to_owned()).into_iter().chain(writing).collect();
    all.join(" and ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_directories_that_are_nobodys_are_offered() {
        let base = tempfile::tempdir().unwrap();
        let base = base.path().canonicalize().unwrap();
        let directories = [
            "home/w/src",
            "home/.codex/run",
            "home/secret",
            "home/other/.git/hooks",
            "srv/data",
            "cache/x",
            "home/.local/bin",
            "home/.config/systemd/user",
            "home/.config/git",
            "home/bin",
            "srv/tool/bin/sub",
            "away",
        ];
        for name in directories {
            std::fs::create_dir_all(base.join(name)).unwrap();
        }
        std::os::unix::fs::symlink(base.join("srv/tool/bin"), base.join("programs")).unwrap();
        std::os::unix::fs::symlink(base.join("home"), base.join("away/home")).unwrap();
        let at = |name: &str| base.join(name);
        let policy = Policy {
            writable: vec![at("home/w")],
            hidden: vec![at("home/secret")],
            caches: vec![at("cache")],
            state: at("home/.codex/run"),
            temp: at("srv/temp"),
            ..Policy::default()
        };
        let table = [
            ("home/other/file", Some("home/other")),
            ("srv/data/new", Some("srv/data")),
            ("srv/missing/new", None),
            ("srv/new", None),
            ("home/new", None),
            ("new", None),
            ("home/w/AGENTS.md", None),
            ("home/w/src/new", None),
            ("home/.codex/config.toml", None),
            ("home/.codex/run/x", None),
            ("home/secret/key", None),
            ("home/other/.git/hooks/pre-commit", None),
            ("home/other/.GIT", None),
            ("home/other/CLAUDE.md", None),
            ("cache/x/new", None),
            ("home/.local/bin/new", None),
            ("home/.config/systemd/user/new", None),
            ("home/.config/git/new", None),
            ("home/bin/new", None),
            ("srv/tool/new", None),
            ("srv/tool/bin/new", None),
            ("srv/tool/bin/sub/new", None),
        ];
        let users = |path: &str, home: &Path| Users { home: Some(home.to_owned()), path: path.into() };
        // Both by a link.
        let people = People::of(&users(&format!("bin:/nowhere:{}", at("programs").display()), &at("away/home")));
        for (path, expected) in table {
            let found = directory_to_open(&policy, &people, &at(path));
            assert_eq!(found, expected.map(at), "{path}");
        }
        for path in
            ["/new", "/usr/new", "/usr/bin/new", "/etc/new", "/var/spool/new", "/opt/new", "/lib/new", "/lib64/new"]
        {
            assert_eq!(directory_to_open(&policy, &People::default(), Path::new(path)), None, "{path}");
        }
        for (home, expected) in [("/root", false), ("/home/u", true)] {
            let people = People::of(&users("/usr/bin", Path::new(home)));
            assert_eq!(people.trust(Path::new("/root/data")), expected, "{home}");
            assert!(people.trust(Path::new("/root/.config")) && !people.trust(Path::new("/var/spool/cron")));
        }
        let system = ["/var/spool/cron/crontabs", "/opt/tool/bin", "/lib/modules"].map(Path::new);
        assert!(system.iter().all(|path| of_the_system(path)) && !of_the_system(Path::new("/srv/lib")));
    }

    #[tokio::test]
    async fn what_is_too_large_to_be_looked_through_is_not_offered() {
        let base = tempfile::tempdir().unwrap();
        for (count, offered) in [(10, true), (2_001, false)] {
            (0..count).for_each(|number| std::fs::create_dir_all(base.path().join(number.to_string())).unwrap());
            let mut more = More { network: false, directories: vec![base.path().to_owned()], protected: Vec::new() };
            more.find_protected().await;
            assert_eq!((more.directories.len(), more.protected.is_empty()), (usize::from(offered), !offered));
        }
    }
}
