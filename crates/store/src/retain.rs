//! What goes by itself, where the user wants it so: sessions that nobody has gone on with for long, and the oldest where there are
//! too many. Never one that is open, has a name, was laid aside, or is continued by others; nor one that another program has
//! kept.

use std::{
    collections::{HashMap, HashSet},
    fs::{self, DirBuilder, File},
    os::unix::fs::DirBuilderExt,
    path::Path,
    time::{Duration, SystemTime},
};

use crate::{Journal, Listed, directory, lineage, name, point};

/// What is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    /// Sessions that were written so recently; `None`: however long ago.
    pub newer_than: Option<Duration>,
    /// So many bytes of sessions that may go; `None`: however many there are. What stays in any case counts for nothing: however
    /// large that is, it is no reason to delete others.
    pub most: Option<u64>,
}

/// What was removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Removed {
    /// Number of sessions; what their sub-agents did goes with them, and is not counted.
    pub sessions: usize,
    /// Bytes that all of it took.
    pub bytes: u64,
}

/// Says when it was looked last.
const LOOKED: &str = "cache/sessions-looked-through";
/// How often it is looked.
const EVERY: Duration = Duration::from_hours(24);

/// Whether it is time to look through the sessions: it is not for a day after [`retain`] has come to its end, so that what a short
/// run has not done the next one does. Where that cannot be remembered, it never is.
pub fn retention_due(codex_home: &Path) -> bool {
    let path = codex_home.join(LOOKED);
    let looked = path.metadata().and_then(|metadata| metadata.modified());
    if looked.is_ok_and(|at| at.elapsed().is_ok_and(|since| since < EVERY)) {
        return false;
    }
    let directory = path.parent().unwrap_or(codex_home);
    let made = DirBuilder::new().recursive(true).mode(0o700).create(directory).and_then(|()| File::create(&path));
    made.and_then(|file| file.set_modified(SystemTime::UNIX_EPOCH)).is_ok()
}

/// Removes what is not to be kept.
pub fn retain(codex_home: &Path, retention: &Retention) -> Removed {
    let mut all = directory::everything(codex_home);
    all.sort_by(|a, b| (a.updated_at, &a.path).cmp(&(b.updated_at, &b.path)));
    let all = Sessions::new(codex_home, &all);
    let may_go = || all.in_order.iter().filter(|session| !all.is_of_another(session) && all.may_go(session));
    let mut total: u64 = match retention.most {
        Some(_) => may_go().filter(|session| !is_open(session)).map(|session| all.size_with_agents(session)).sum(),
        None => 0,
    };
    let now = SystemTime::now();
    let mut removed = Removed::default();
    for session in may_go() {
        let age = now.duration_since(session.updated_at).unwrap_or_default();
        let is_old = retention.newer_than.is_some_and(|kept| age >= kept);
        let is_too_much = retention.most.is_some_and(|most| total > most);
        if (is_old || is_too_much) && all.remove(session) {
            let freed = session.size + all.remove_agents_of(session);
            // Something may have been closed, or begun, since it was counted.
            total = total.saturating_sub(freed);
            removed = Removed { sessions: removed.sessions + 1, bytes: removed.bytes + freed };
        }
    }
    // Where it cannot be remembered, it is done once more.
    let looked = File::options().write(true).open(codex_home.join(LOOKED));
    let _ = looked.and_then(|file| file.set_modified(SystemTime::now()));
    removed
}

/// All sessions, the last written last, and what they are to one another.
struct Sessions<'a> {
    codex_home: &'a Path,
    in_order: &'a [Listed],
    ids: HashSet<&'a str>,
    /// Ids of those that others go on from.
    parents: HashSet<&'a str>,
    /// Ids of those that another program has kept.
    of_others: HashSet<String>,
    /// Those of sub-agents, by the session that they worked for.
    agents: HashMap<&'a str, Vec<&'a Listed>>,
}

impl<'a> Sessions<'a> {
    fn new(codex_home: &'a Path, in_order: &'a [Listed]) -> Self {
        let mut agents: HashMap<&str, Vec<&Listed>> = HashMap::new();
        for session in in_order {
            if let Some(parent) = &session.header().parent {
                agents.entry(parent).or_default().push(session);
            }
        }
        Self {
            codex_home,
            in_order,
            ids: in_order.iter().map(Listed::id).collect(),
            parents: in_order
                .iter()
                .filter_map(|session| Some(&*session.header().forked_from.as_ref()?.thread_id))
                .collect(),
            of_others: directory::ids_of_rollouts(codex_home),
            agents,
        }
    }

    /// Whether it is a sub-agent's, which stays and goes with the session that it worked for.
    fn is_of_another(&self, session: &Listed) -> bool {
        session.header().parent.as_deref().is_some_and(|parent| self.ids.contains(parent))
    }

    fn may_go(&self, session: &Listed) -> bool {
        let id = session.id();
        !session.archived
            && session.facts.name.is_none()
            && !name::is_rollout(&session.path)
            && !self.parents.contains(id)
            && !self.of_others.contains(id)
    }

    /// The bytes that go if it does.
    fn size_with_agents(&self, session: &Listed) -> u64 {
        let agents = self.agents.get(session.id()).into_iter().flatten().filter(|agent| self.may_go(agent));
        session.size + agents.map(|agent| self.size_with_agents(agent)).sum::<u64>()
    }

    /// The bytes that are given back.
    fn remove_agents_of(&self, session: &Listed) -> u64 {
        let agents = self.agents.get(session.id()).into_iter().flatten();
        let gone = agents.filter(|agent| self.may_go(agent) && self.remove(agent));
        gone.map(|agent| agent.size + self.remove_agents_of(agent)).sum()
    }

    /// `false`: it is open, was gone on with or forked since it was looked at, or cannot be removed.
    fn remove(&self, session: &Listed) -> bool {
        let Ok(lock) = Journal::lock(&session.path) else { return false };
        let is_as_seen = lock.metadata().is_ok_and(|metadata| metadata.len() == session.size);
        let is_gone = is_as_seen && !self.is_forked_since(session) && fs::remove_file(&session.path).is_ok();
        if is_gone {
            point::forget(self.codex_home, session.id());
        }
        is_gone
    }

    /// Whether a session that was not there yet goes on from this one. While this one's lock is held, none is made that does.
    fn is_forked_since(&self, session: &Listed) -> bool {
        let seen: HashSet<&Path> = self.in_order.iter().map(|session| &*session.path).collect();
        let new = directory::walk(self.codex_home).into_iter().filter(|file| !seen.contains(&*file.path));
        let mut from = new.filter_map(|file| lineage::header(&File::open(file.path).ok()?)?.forked_from);
        from.any(|from| from.thread_id == session.id())
    }
}

/// Whether it is open somewhere, or cannot be looked at.
fn is_open(session: &Listed) -> bool {
    Journal::lock(&session.path).is_err()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use codex_history::Message;

    use super::*;
    use crate::{ForkedFrom, Header, Record, StoreError, archive, rename, testing};

    const DAY: Duration = Duration::from_hours(24);

    /// Sessions that were last written 1, 2, … days ago.
    fn sessions(home: &Path, ids: &[&str]) -> Vec<PathBuf> {
        let written = |(days, id): (u32, &&str)| {
            let path = testing::session(home, id, "/", "go");
            date(&path, days + 1);
            path
        };
        (0..).zip(ids).map(written).collect()
    }

    fn date(path: &Path, days_ago: u32) {
        File::open(path).unwrap().set_modified(SystemTime::now() - DAY * days_ago).unwrap();
    }

    fn left(home: &Path) -> Vec<String> {
        let mut ids: Vec<String> = directory::everything(home).iter().map(|session| session.id().to_owned()).collect();
        ids.sort();
        ids
    }

    #[test]
    fn what_is_old_goes_unless_it_means_something_to_somebody() {
        let home = tempfile::tempdir().unwrap();
        let ids = ["a-new", "b-old", "c-named", "d-aside", "e-open", "f-parent", "g-old", "i-theirs"];
        let paths = sessions(home.path(), &ids);
        rename(&paths[2], Some("name".into())).unwrap();
        archive(home.path(), &paths[3], true).unwrap();
        let _open = Journal::open(&paths[4]).unwrap();
        let from = ForkedFrom { thread_id: "f-parent".into(), seq: 4, bytes: 9 };
        let fork = Header { forked_from: Some(from), ..testing::header("h-fork", "/") };
        drop(Journal::create(home.path(), fork).unwrap());
        let theirs = paths[7].with_file_name("rollout-2026-01-02T03-04-05-i-theirs.jsonl");
        fs::write(&theirs, "of another program").unwrap();
        date(&theirs, 1000);

        assert_eq!(retain(home.path(), &Retention::default()), Removed::default());
        let kept = Retention { newer_than: Some(DAY * 3 / 2), most: None };
        let size = paths[1].metadata().unwrap().len() + paths[6].metadata().unwrap().len();
        assert_eq!(retain(home.path(), &kept), Removed { sessions: 2, bytes: size });
        assert_eq!(left(home.path()), ["a-new", "c-named", "d-aside", "e-open", "f-parent", "h-fork", "i-theirs"]);
        assert!(theirs.exists());
    }

    #[test]
    fn the_oldest_go_where_there_are_too_many() {
        let home = tempfile::tempdir().unwrap();
        let paths = sessions(home.path(), &["a", "b", "c", "d"]);
        rename(&paths[3], Some("name".into())).unwrap();
        let size = |path: &PathBuf| path.metadata().unwrap().len();
        let most = Some(size(&paths[0]) + size(&paths[1]));
        assert_eq!(retain(home.path(), &Retention { newer_than: None, most }).sessions, 1);
        assert_eq!(left(home.path()), ["a", "b", "d"]);
        assert_eq!(retain(home.path(), &Retention { newer_than: None, most: Some(0) }).sessions, 2);
        assert_eq!(left(home.path()), ["d"]);
    }

    #[test]
    fn what_stays_in_any_case_is_no_reason_to_delete_others() {
        let home = tempfile::tempdir().unwrap();
        let paths = sessions(home.path(), &["a-new", "b-old", "c-named", "d-aside", "e-open", "f-parent"]);
        let size = |path: &PathBuf| path.metadata().unwrap().len();
        rename(&paths[2], Some("long".repeat(100))).unwrap();
        archive(home.path(), &paths[3], true).unwrap();
        let (mut open, ..) = Journal::open(&paths[4]).unwrap();
        open.append(&Record::Message { message: Message::user("long".repeat(10_000)) }).unwrap();
        let from = ForkedFrom { thread_id: "f-parent".into(), seq: 4, bytes: 9 };
        let fork = Header { forked_from: Some(from), ..testing::header("g-fork", "/") };
        let fork = Journal::create(home.path(), fork).unwrap().path().unwrap().to_owned();
        rename(&fork, Some("name".into())).unwrap();
        let agent = Header { parent: Some("a-new".into()), ..testing::header("h-agent", "/") };
        let agent = Journal::create(home.path(), agent).unwrap().path().unwrap().to_owned();
        let rollout = home.path().join("sessions/2026/01/02/rollout-2026-01-02T03-04-05-i-theirs.jsonl");
        fs::create_dir_all(rollout.parent().unwrap()).unwrap();
        let meta =
            r#"{"timestamp":"2026-01-02T03:04:05.000Z","type":"session_meta","payload":{"id":"i-theirs","cwd":"/"}}"#;
        fs::write(&rollout, format!("{meta}\n{}\n", " ".repeat(1 << 20))).unwrap();
        assert_eq!(left(home.path()).len(), 9);

        let all_that_may_go = size(&paths[0]) + size(&paths[1]) + size(&agent);
        assert_eq!(
            retain(home.path(), &Retention { newer_than: None, most: Some(all_that_may_go) }),
            Removed::default()
        );
        let old = size(&paths[1]);
        let less = Retention { newer_than: None, most: Some(all_that_may_go - 1) };
        assert_eq!(retain(home.path(), &less), Removed { sessions: 1, bytes: old });
        assert!(!paths[1].exists() && left(home.path()).len() == 8);
    }

    #[test]
    fn what_sub_agents_did_stays_and_goes_with_whom_they_worked_for() {
        let home = tempfile::tempdir().unwrap();
        let paths = sessions(home.path(), &["a-new", "b-old"]);
        let mut bytes = paths[1].metadata().unwrap().len();
        for (id, parent, counts) in [("c", "a-new", false), ("d", "b-old", true), ("e", "d", true), ("f", "gone", true)]
        {
            let header = Header { parent: Some(parent.into()), ..testing::header(id, "/") };
            let path = Journal::create(home.path(), header).unwrap().path().unwrap().to_owned();
            bytes += path.metadata().unwrap().len() * u64::from(counts);
            date(&path, 9);
        }
        let kept = Retention { newer_than: Some(DAY * 3 / 2), most: None };
        assert_eq!(retain(home.path(), &kept), Removed { sessions: 2, bytes });
        assert_eq!(left(home.path()), ["a-new", "c"]);
    }

    #[test]
    fn what_was_gone_on_with_meanwhile_stays() {
        let home = tempfile::tempdir().unwrap();
        let path = sessions(home.path(), &["a"]).remove(0);
        let seen = directory::everything(home.path());
        rename(&path, Some("name".into())).unwrap();
        assert!(!Sessions::new(home.path(), &seen).remove(&seen[0]) && path.exists());
        let seen = directory::everything(home.path());
        assert!(Sessions::new(home.path(), &seen).remove(&seen[0]) && !path.exists());
    }

    #[test]
    fn what_was_forked_meanwhile_stays_and_what_is_gone_is_not_forked() {
        let home = tempfile::tempdir().unwrap();
        let path = sessions(home.path(), &["a"]).remove(0);
        let fork = |id: &str| {
            let from = ForkedFrom { thread_id: "a".into(), seq: 4, bytes: 9 };
            Journal::create(home.path(), Header { forked_from: Some(from), ..testing::header(id, "/") })
        };
        let seen = directory::everything(home.path());
        let open = Journal::open(&path).unwrap();
        let made = fork("b").unwrap().path().unwrap().to_owned();
        drop(open);
        assert!(!Sessions::new(home.path(), &seen).remove(&seen[0]) && path.exists());
        fs::remove_file(made).unwrap();
        assert!(Sessions::new(home.path(), &seen).remove(&seen[0]) && !path.exists());
        assert!(matches!(fork("c"), Err(StoreError::NotFound(id)) if id == "a"));
        assert_eq!(directory::walk(home.path()), []);
    }

    #[test]
    fn it_is_looked_once_a_day() {
        let home = tempfile::tempdir().unwrap();
        assert!(retention_due(home.path()));
        // It was begun, and whoever did has ended before it was done.
        assert!(retention_due(home.path()));
        retain(home.path(), &Retention::default());
        assert!(!retention_due(home.path()));
        date(&home.path().join(LOOKED), 1);
        assert!(retention_due(home.path()));
        let nowhere = home.path().join("file");
        fs::write(&nowhere, "").unwrap();
        assert!(!retention_due(&nowhere));
    }
}
