//! Whether something in the cell's network tried to get out of it: what the kernel counted, not what programs said.
//!
//! The counters belong to the cell, so of commands that run at the same time it cannot be told which one it was. It
//! must never be read in the host's network, where the answer would be about others.

use std::fs;

/// Attempts so far to reach an address that no route leads to. In a network of loopback alone that is every other
/// address (proc_net(5): `OutNoRoutes`; IPv6 counts apart). A resolver at a loopback address is a special case:
/// nothing answers there, so that names asked for are datagrams that found nobody (`Udp: NoPorts`).
pub(crate) fn attempts() -> u64 {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let table = read("/proc/net/snmp");
    let names = if resolver_is_local(&read("/etc/resolv.conf")) { column(&table, "Udp:", "NoPorts") } else { 0 };
    column(&table, "Ip:", "OutNoRoutes") + line(&read("/proc/net/snmp6"), "Ip6OutNoRoutes") + names
}

/// `snmp` has two lines for each protocol: names, then values.
fn column(table: &str, protocol: &str, name: &str) -> u64 {
    let mut lines = table.lines().filter(|line| line.starts_with(protocol));
    let (Some(names), Some(values)) = (lines.next(), lines.next()) else { return 0 };
    let mut pairs = names.split(' ').zip(values.split(' '));
    pairs.find(|(found, _)| *found == name).and_then(|(_, value)| value.parse().ok()).unwrap_or_default()
}

/// `snmp6` has a line for each counter.
fn line(table: &str, name: &str) -> u64 {
    let value = |line: &str| line.strip_prefix(name)?.trim().parse().ok();
    table.lines().find_map(value).unwrap_or_default()
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
        assert_eq!(line("Ip6InReceives  \t1\nIp6OutNoRoutes                  \t4\n", "Ip6OutNoRoutes"), 4);
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
