//! The way out of a cell with [`crate::Network::Proxied`]: a listening socket on its loopback, and the variables that
//! lead programs to it.
//!
//! Who listens is outside the cell. Nothing here may carry, judge or resolve anything: without that listener there is
//! no way out at all.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    net::{Ipv4Addr, SocketAddr, TcpListener},
};

use crate::wire::{Failure, OrFailure, Stage};

/// Variables that name the proxy, in both spellings: curl reads `http_proxy` in lower case only.
///
/// All as one that speaks HTTP, though it also speaks SOCKS: a client of Python's httpx cannot even be made when a
/// variable says `socks5h` and the package for that is not there, whatever it is to connect to.
const PROXY: &[&str] = &["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// Those that name what is reached without it: the loopback, where the cell's own servers are.
const NONE: &[&str] = &["NO_PROXY", "no_proxy"];

/// Makes the socket. The caller must be in the cell's network, with its loopback raised.
pub(crate) fn listen() -> Result<TcpListener, Failure> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).or_failure(Stage::Namespaces, || "listening on the cell's loopback")
}

/// Leads a command to the proxy at `address`. Every other proxy of the user's is out of reach, so its variable goes.
pub(crate) fn announce(address: SocketAddr, environment: &mut BTreeMap<OsString, OsString>) {
    let is_proxy = |name: &OsString| name.to_string_lossy().to_ascii_uppercase().ends_with("_PROXY");
    environment.retain(|name, _| !is_proxy(name));
    let named =
        |names: &'static [&str], value: String| names.iter().map(move |name| (name.into(), value.clone().into()));
    environment.extend(named(PROXY, format!("http://{address}")));
    environment.extend(named(NONE, "localhost,127.0.0.1,::1".to_owned()));
    // Node.js heeds the variables above if it is told to (from version 24 on).
    environment.insert("NODE_USE_ENV_PROXY".into(), "1".into());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cells_proxy_takes_the_place_of_the_users() {
        let users = [("PATH", "/bin"), ("Https_Proxy", "http://corp:1"), ("no_proxy", "*"), ("npm_config_proxy", "x")];
        let mut environment = users.map(|(name, value)| (OsString::from(name), OsString::from(value))).into();
        announce(([127, 0, 0, 1], 4000).into(), &mut environment);
        let expected = [
            ("ALL_PROXY", "http://127.0.0.1:4000"),
            ("HTTPS_PROXY", "http://127.0.0.1:4000"),
            ("HTTP_PROXY", "http://127.0.0.1:4000"),
            ("NODE_USE_ENV_PROXY", "1"),
            ("NO_PROXY", "localhost,127.0.0.1,::1"),
            ("PATH", "/bin"),
            ("all_proxy", "http://127.0.0.1:4000"),
            ("http_proxy", "http://127.0.0.1:4000"),
            ("https_proxy", "http://127.0.0.1:4000"),
            ("no_proxy", "localhost,127.0.0.1,::1"),
        ];
        assert_eq!(environment, expected.map(|(name, value)| (name.into(), value.into())).into());
    }
}
