//! Whether something in the cell's network tried to get out of it: what the kernel counted, not what programs said.
//!
//! The counters belong to the cell, so of commands that run at the same time it cannot be told which one it was. It
//! must never be read in the host's network, where the answer would be about others.

use std::fs;

/// What was tried so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attempts {
    /// To reach an address that no route leads to: in a network of loopback alone that is every other address
    /// (`Ip: OutNoRoutes`). IPv6 is counted in another, larger file, which would cost every command as much again.
    addresses: u64,
    /// To send a datagram to a port of this network that nobody has (`Udp: NoPorts`).
    ports: u64,
}

impl Attempts {
    /// As of now.
    pub(crate) fn now() -> Self {
        let table = super::read("/proc/net/snmp").unwrap_or_default();
        Self { addresses: column(&table, "Ip:", "OutNoRoutes"), ports: column(&table, "Udp:", "NoPorts") }
    }

    /// Whether there were more, since `before`, to reach another machine. Where the resolver is at a loopback address
    /// nobody answers there, so that names asked for are datagrams that found nobody.
    pub(crate) fn went_on_since(self, before: Self) -> bool {
        let asked = || resolver_is_local(&fs::read_to_string("/etc/resolv.conf").unwrap_or_default());
        self.addresses > before.addresses || (self.ports > before.ports && asked())
    }
}

/// `snmp` has two lines for each protocol: names, then values.
fn column(table: &str, protocol: &str, name: &str) -> u64 {
    let mut lines = table.lines().filter(|line| line.starts_with(protocol));
    let (Some(names), Some(values)) = (lines.next(), lines.next()) else { return 0 };
    let mut pairs = names.split(' ').zip(values.split(' '));
    pairs.find(|(found, _)| *found == name).and_then(|(_, value)| value.parse().ok()).unwrap_or_default()
}

fn resolver_is_local(settings: &str) -> bool {
    let servers = settings.lines().filter_map(|line| line.trim().strip_prefix("nameserver")?.split_whitespace().next());
    let mut servers = servers.peekable();
    // Without any, resolvers ask this machine (resolv.conf(5)).
    servers.peek().is_none() || servers.any(|server| server.starts_with("127.") || server == "::1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_found_by_name() {
        let table = "Ip: Forwarding OutNoRoutes\nIp: 2 7\nUdp: InDatagrams NoPorts\nUdp: 0 3\n";
        assert_eq!((column(table, "Ip:", "OutNoRoutes"), column(table, "Udp:", "NoPorts")), (7, 3));
        assert_eq!((column(table, "Tcp:", "x"), column(table, "Ip:", "x"), column("", "Ip:", "x")), (0, 0, 0));
    }

    #[test]
    fn a_local_resolver_is_known() {
        let cases = [
            ("nameserver 127.0.0.53\noptions edns0\n", true),
            ("nameserver 192.0.2.1\nnameserver ::1\n", true),
            ("# nameserver 127.0.0.1\nnameserver 192.0.2.1\n", false),
            ("", true),
        ];
        for (settings, expected) in cases {
            assert_eq!(resolver_is_local(settings), expected, "{settings}");
        }
    }
}
