//! Names that look like those of a private network, for where nothing but the name can be judged.

use std::net::Ipv4Addr;

use crate::proxy::address::objection;

/// Ends of names that are none of the public web: of RFC 6761, 6762, 8375 and 9476, those that networks use for themselves, and
/// those that services are found by.
const PRIVATE: &[&str] = &[
    "localhost",
    "localdomain",
    "local",
    "internal",
    "intranet",
    "intra",
    "private",
    "corp",
    "home",
    "lan",
    "lab",
    "mail",
    "domain",
    "workgroup",
    "home.arpa",
    "svc",
    "cluster",
    "consul",
    "nomad",
    "docker",
    "test",
    "invalid",
    "onion",
    "i2p",
    "alt",
];

/// Whether the host `name`, in lower case and without a final dot, looks like one of a private network: it has no dot or a
/// private end, or an address stands in it, which some name servers answer with (`10.0.0.1.nip.io`).
pub(super) fn looks_private(name: &str) -> bool {
    !name.contains('.')
        || PRIVATE.iter().any(|end| name.strip_suffix(end).is_some_and(|rest| rest.ends_with('.')))
        || holds_address(name)
}

/// Whether an IPv4 address stands in `name`: four numbers with dots or dashes between them, or eight hexadecimal digits that are
/// an address which is not public (others may be anything). Or the double dash of an IPv6 address.
fn holds_address(name: &str) -> bool {
    let parts: Vec<&str> = name.split(['.', '-']).collect();
    let is_hidden = |part: &&str| {
        let bits = u32::from_str_radix(part, 16).ok().filter(|_| part.len() == 8);
        bits.is_some_and(|bits| objection(Ipv4Addr::from_bits(bits).into()).is_some())
    };
    let is_six =
        |label: &str| label.contains("--") && label.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    parts.windows(4).any(|four| four.iter().all(|part| part.parse::<u8>().is_ok()))
        || parts.iter().any(is_hidden)
        || name.split('.').any(is_six)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_private_networks_are_told_from_those_of_the_web() {
        for name in [
            "wiki",
            "nas.local",
            "printer.localdomain",
            "metadata.google.internal",
            "kubernetes.default.svc",
            "vault.service.consul",
            "169.254.169.254.nip.io",
            "app.10.0.0.1.nip.io",
            "app-10-0-0-1.sslip.io",
            "169-254-169-254.sslip.io",
            "a9fea9fe.nip.io",
            "app-7f000001.nip.io",
            "--1.sslip.io",
            "fd00-ec2--254.sslip.io",
            "52.1.2.3.nip.io",
        ] {
            assert!(looks_private(name), "{name}");
        }
        for name in [
            "docs.rs",
            "vault.prod",
            "svc.example",
            "mylocal.example",
            "evilsvc.example",
            "v1-2-3.docs.example",
            "1.2.300.4.example",
            "deadbeef.example",
            "20240115.example",
            "xn--bcher-kva.example",
        ] {
            assert!(!looks_private(name), "{name}");
        }
    }
}
