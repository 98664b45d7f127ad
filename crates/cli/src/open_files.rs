//! How many files this process may hold open: a server of many sessions needs some for each of them.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// As many as the system lets it (getrlimit(2)). Often that is far more than what programs begin with. Commands have a limit
/// of their own, which is lower.
pub fn as_many_as_allowed() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // Else it stays as it is: the session that is one too many is refused, and says why.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}
