//! Which addresses belong to the public internet.
//!
//! A list of what is let through for IPv6 and of what is not for IPv4, whose space is full. When in doubt it says no:
//! an address can always be allowed by its own entry.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// IPv4 ranges that lead somewhere else: address, length of the prefix in bits, what they are for (RFC 6890 and the
/// IANA registry of special-purpose addresses).
const NOT_PUBLIC: &[(Ipv4Addr, u32, &str)] = &[
    (Ipv4Addr::new(0, 0, 0, 0), 8, "an address of this machine"),
    (Ipv4Addr::new(10, 0, 0, 0), 8, "a private address"),
    (Ipv4Addr::new(100, 64, 0, 0), 10, "a provider's private address"),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "a loopback address"),
    (Ipv4Addr::new(169, 254, 0, 0), 16, "a link-local address, where clouds keep their metadata"),
    (Ipv4Addr::new(172, 16, 0, 0), 12, "a private address"),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "a reserved address"),
    (Ipv4Addr::new(192, 88, 99, 0), 24, "a reserved address"),
    (Ipv4Addr::new(192, 168, 0, 0), 16, "a private address"),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "an address for measurements"),
    (Ipv4Addr::new(224, 0, 0, 0), 4, "a multicast address"),
    (Ipv4Addr::new(240, 0, 0, 0), 4, "a reserved address"),
];

/// What speaks against `address`, in words that follow "which is"; `None` if it is public.
pub(crate) fn objection(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => v4(address),
        IpAddr::V6(address) => v6(address),
    }
}

fn v4(address: Ipv4Addr) -> Option<&'static str> {
    let within =
        |(network, length, _): &&(Ipv4Addr, u32, &str)| (address.to_bits() ^ network.to_bits()) >> (32 - length) == 0;
    NOT_PUBLIC.iter().find(within).map(|(_, _, what)| *what)
}

fn v6(address: Ipv6Addr) -> Option<&'static str> {
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Some("a loopback address"),
        [0, 0, 0, 0, 0, 0xffff, ..] => Some("an IPv4 address in disguise"),
        // NAT64 (RFC 6052): it leads to the IPv4 address in its last 32 bits.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low))),
        [0xfe80..=0xfebf, ..] => Some("a link-local address"),
        [0xfc00..=0xfdff, ..] => Some("a private address"),
        [0xff00..=0xffff, ..] => Some("a multicast address"),
        // Tunnels that have an IPv4 address inside, and what IETF protocols have for themselves.
        [0x2001, 0..0x200, ..] | [0x2002, ..] => Some("a reserved address"),
        [0x2000..=0x3fff, ..] => None,
        _ => Some("a reserved address"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_internet_is_public() {
        for (address, expected) in [
            ("198.51.100.7", ""),
            ("1.1.1.1", ""),
            ("100.63.255.255", ""),
            ("100.128.0.0", ""),
            ("172.15.255.255", ""),
            ("172.32.0.0", ""),
            ("223.255.255.255", ""),
            ("2606:4700::1111", ""),
            ("2001:4860:4860::8888", ""),
            ("64:ff9b::101:101", ""),
            ("0.0.0.0", "this machine"),
            ("0.1.2.3", "this machine"),
            ("10.255.255.255", "private"),
            ("100.64.0.0", "provider"),
            ("100.127.255.255", "provider"),
            ("127.0.0.1", "loopback"),
            ("127.255.255.254", "loopback"),
            ("169.254.169.254", "metadata"),
            ("172.16.0.1", "private"),
            ("172.31.255.255", "private"),
            ("192.0.0.170", "reserved"),
            ("192.168.1.1", "private"),
            ("198.19.0.1", "measurements"),
            ("224.0.0.251", "multicast"),
            ("239.255.255.255", "multicast"),
            ("255.255.255.255", "reserved"),
            ("::", "reserved"),
            ("::1", "loopback"),
            ("::ffff:127.0.0.1", "disguise"),
            ("::ffff:1.1.1.1", "disguise"),
            ("::7f00:1", "reserved"),
            ("64:ff9b::7f00:1", "loopback"),
            ("64:ff9b::a9fe:a9fe", "metadata"),
            ("64:ff9b:1::101:101", "reserved"),
            ("fe80::1", "link-local"),
            ("fec0::1", "reserved"),
            ("fd00:ec2::254", "private"),
            ("ff02::fb", "multicast"),
            ("2001::1", "reserved"),
            ("2002:7f00:1::", "reserved"),
            ("100::1", "reserved"),
        ] {
            let found = objection(address.parse().unwrap()).unwrap_or_default();
            assert!(found.contains(expected) && found.is_empty() == expected.is_empty(), "{address}: {found:?}");
        }
    }
}
