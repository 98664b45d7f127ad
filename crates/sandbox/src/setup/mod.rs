//! Putting up the walls: each module is one kind of wall, used by the helper and the processes it forks.
//!
//! Nothing here decides what the walls should be, and nothing here may carry on after a step that failed.

use std::{
    fs::File,
    io::{self, Read},
};

pub(crate) mod alone;
pub(crate) mod caches;
pub(crate) mod covers;
pub(crate) mod devices;
pub(crate) mod hidden;
pub(crate) mod identity;
pub(crate) mod kept;
pub(crate) mod landlock;
pub(crate) mod limits;
pub(crate) mod listener;
pub(crate) mod look_alikes;
pub(crate) mod namespaces;
pub(crate) mod plan;
pub(crate) mod proc;
pub(crate) mod proxy;
pub(crate) mod rights;
pub(crate) mod seccomp;
pub(crate) mod stubs;
pub(crate) mod traffic;
pub(crate) mod tree;
pub(crate) mod view;

/// Reads a file of the kernel's, whose size nobody knows before: in one piece, where [`std::fs::read_to_string`] begins
/// with 32 bytes.
fn read(path: &str) -> io::Result<String> {
    let mut text = String::with_capacity(8 << 10);
    File::open(path)?.read_to_string(&mut text)?;
    Ok(text)
}
