//! Connections that have not become a WebSocket yet: few for each peer, and not too many of them all.
//!
//! Whoever holds many must never keep another one out: the oldest makes room for the newest.

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
};

use tokio::task::AbortHandle;

/// Connections of one peer.
const OF_ONE: usize = 16;
/// Connections of all peers.
const OF_ALL: usize = 256;

/// Where somebody connects from; of IPv6 its network, all addresses of which one may have. `None`: a local socket.
pub(crate) type Peer = Option<IpAddr>;

/// The peer that an address counts for.
pub(crate) fn peer(address: IpAddr) -> Peer {
    Some(match address.to_canonical() {
        IpAddr::V6(long) => IpAddr::V6((u128::from(long) >> 64 << 64).into()),
        short => short,
    })
}

/// Connections that have not become a WebSocket yet, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    all: VecDeque<(Peer, AbortHandle)>,
}

impl Waiting {
    /// Another one. Ends the oldest of its peer if that has too many; else, if there are too many, the oldest of the
    /// peer that has the most.
    pub(crate) fn join(&mut self, peer: Peer, task: AbortHandle) {
        self.all.retain(|(_, task)| !task.is_finished());
        self.all.push_back((peer, task));
        let mut counts: HashMap<Peer, usize> = HashMap::new();
        for (peer, _) in &self.all {
            *counts.entry(*peer).or_default() += 1;
        }
        let most = counts.iter().max_by_key(|(_, count)| **count).map(|(peer, _)| *peer);
        let too_many = if counts.get(&peer).is_some_and(|count| *count > OF_ONE) {
            Some(peer)
        } else {
            most.filter(|_| self.all.len() > OF_ALL)
        };
        let oldest = too_many.and_then(|peer| self.all.iter().position(|(of, _)| *of == peer));
        if let Some((_, task)) = oldest.and_then(|oldest| self.all.remove(oldest)) {
            task.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::task::JoinHandle;

    use super::*;

    #[tokio::test]
    async fn the_oldest_of_who_has_the_most_makes_room() {
        let mut waiting = Waiting::default();
        let mut join = |address: &str| {
            let task = tokio::spawn(pending::<()>());
            waiting.join(peer(address.parse().unwrap()), task.abort_handle());
            task
        };
        let first = join("10.0.0.1");
        let other = join("10.0.0.2");
        let same: Vec<_> = (0..OF_ONE).map(|number| join(["10.0.0.1", "::ffff:10.0.0.1"][number % 2])).collect();
        assert!(first.await.unwrap_err().is_cancelled(), "one too many of its peer");
        // One network, whatever the address in it.
        let long = join("2001:db8::1");
        let network: Vec<_> = (0..OF_ONE).map(|number| join(&format!("2001:db8::{number}:1"))).collect();
        assert!(long.await.unwrap_err().is_cancelled());
        // All places are taken, and one more.
        let crowd: Vec<_> = (0..OF_ALL - 2 * OF_ONE).map(|number| join(&format!("10.1.{number}.1"))).collect();
        for _ in 0..OF_ALL {
            tokio::task::yield_now().await;
        }
        let ended = |tasks: &[JoinHandle<()>]| tasks.iter().filter(|task| task.is_finished()).count();
        assert_eq!(ended(&same) + ended(&network), 1, "one of who has the most");
        assert!(!other.is_finished() && ended(&crowd) == 0, "who has one is not sent away");
    }
}
