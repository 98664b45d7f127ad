//! The cell's namespaces: its own users, mounts, IPC, host name, control groups and, unless asked otherwise, network.
//!
//! It must never map more than the caller's own user and group, and for real root the owners of what it may write: a
//! command is nobody else, inside or outside.

use std::{io, mem, os::fd::AsRawFd};

use rustix::{
    net::{AddressFamily, SocketFlags, SocketType, socket_with},
    process::{getgid, getuid},
    thread::{UnshareFlags, unshare_unsafe},
};

use super::identity::{Identity, Mapper};
use crate::{
    Network,
    wire::{Failure, OrFailure, Stage},
};

/// The caller, as it is known in the user namespace that it came from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller {
    user: u32,
    group: u32,
}

impl Caller {
    /// Must be called before that is left.
    pub(crate) fn now() -> Self {
        Self { user: getuid().as_raw(), group: getgid().as_raw() }
    }
}

/// Leaves the host's namespaces. Must run before anything is mounted, in a process with one thread.
pub(crate) fn enter(network: Network, identity: &Identity) -> Result<(), Failure> {
    let caller = Caller::now();
    let mapper = identity.is_shared().then(|| Mapper::start(identity)).transpose()?;
    leave(UnshareFlags::NEWUSER, network)?;
    match mapper {
        Some(mapper) => mapper.map()?,
        None => map_self(caller)?,
    }
    raise_loopback(network)
}

/// As [`enter`], with a network of its own, in a process that `caller` forked into a new user namespace.
pub(crate) fn enter_as_first(caller: Caller) -> Result<(), Failure> {
    map_self(caller)?;
    leave(UnshareFlags::empty(), Network::LoopbackOnly)?;
    raise_loopback(Network::LoopbackOnly)
}

/// Leaves what every cell leaves, and `besides`.
fn leave(besides: UnshareFlags, network: Network) -> Result<(), Failure> {
    let mut flags =
        besides | UnshareFlags::NEWNS | UnshareFlags::NEWIPC | UnshareFlags::NEWUTS | UnshareFlags::NEWCGROUP;
    if network != Network::Host {
        flags |= UnshareFlags::NEWNET;
    }
    // SAFETY: `CLONE_FILES`, the one flag that can pull descriptors from under other threads, is not among them, and
    // the helper has one thread.
    unsafe { unshare_unsafe(flags) }.or_failure(Stage::Namespaces, || "unshare(2) of user and mount namespaces")
}

fn map_self(Caller { user, group }: Caller) -> Result<(), Failure> {
    // A process that could drop groups could pass a "this group may not" permission (user_namespaces(7)).
    let maps = [
        ("/proc/self/setgroups", "deny".to_owned()),
        ("/proc/self/uid_map", format!("{user} {user} 1")),
        ("/proc/self/gid_map", format!("{group} {group} 1")),
    ];
    for (path, value) in maps {
        std::fs::write(path, value).or_failure(Stage::Namespaces, || format!("writing {path}"))?;
    }
    Ok(())
}

/// A new network namespace has its loopback interface down.
fn raise_loopback(network: Network) -> Result<(), Failure> {
    match network {
        Network::Host => Ok(()),
        _ => set_loopback_up().or_failure(Stage::Namespaces, || "raising the loopback interface"),
    }
}

fn set_loopback_up() -> io::Result<()> {
    let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    // SAFETY: `ifreq` is plain data for which all zeros is a value.
    let mut request: libc::ifreq = unsafe { mem::zeroed() };
    for (place, letter) in request.ifr_name.iter_mut().zip(b"lo") {
        *place = *letter as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    // SAFETY: netdevice(7): this request reads an `ifreq`, which lives until the call returns.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
