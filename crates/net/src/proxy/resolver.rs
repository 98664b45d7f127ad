//! Where addresses of names come from.

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

/// Looks names up.
#[derive(Debug)]
pub enum Resolver {
    /// As this machine does: its files and name servers.
    System,
    /// From a table, for tests: the answers to a name in the order they are given; the last one stays.
    Table(Mutex<BTreeMap<String, VecDeque<Vec<IpAddr>>>>),
}

impl Resolver {
    /// A resolver that knows these names and no others, each with its answers.
    pub fn table<const NAMES: usize, const ANSWERS: usize>(names: [(&str, [&[IpAddr]; ANSWERS]); NAMES]) -> Self {
        let answers = |answers: [&[IpAddr]; ANSWERS]| answers.iter().map(|answer| answer.to_vec()).collect();
        Self::Table(Mutex::new(names.map(|(name, given)| (name.to_owned(), answers(given))).into()))
    }

    /// All addresses of `name`.
    pub(crate) async fn look_up(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        match self {
            // The port is of no account to it.
            Self::System => Ok(tokio::net::lookup_host((name, 0)).await?.map(|found| found.ip()).collect()),
            Self::Table(table) => {
                let mut table = table.lock().unwrap_or_else(PoisonError::into_inner);
                let answers = table.get_mut(name).ok_or(io::ErrorKind::NotFound)?;
                let answer = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
                Ok(answer.unwrap_or_default())
            }
        }
    }
}
