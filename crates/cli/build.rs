//! How the program is linked, so that little is left to do each time before `main`: the unwinder is in it, in place of a
//! shared library that would have to be found, mapped and bound, and its relocations are packed.

use std::{env, process::Command};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Linkers look there first; where nothing asks for that library, nothing is changed.
    println!("cargo::rustc-link-search=native={}/link", env!("CARGO_MANIFEST_DIR"));
    if packs_relocations() {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// Whether the C library of this machine reads `DT_RELR`, which glibc does from 2.36 on, and the program is for this
/// machine. Elsewhere it would not start.
#[expect(clippy::disallowed_methods, reason = "Cargo tells a build script in its environment")]
fn packs_relocations() -> bool {
    let of = |name: &str| env::var(name).unwrap_or_default();
    let here = of("TARGET") == of("HOST") && of("CARGO_CFG_TARGET_OS") == "linux";
    here && of("CARGO_CFG_TARGET_ENV") == "gnu" && glibc().is_some_and(|version| version >= (2, 36))
}

/// As getconf(1) says it: `glibc 2.36`.
#[expect(clippy::disallowed_methods, reason = "while it is built, there is no `sandbox` to ask")]
fn glibc() -> Option<(u32, u32)> {
    let said = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?.stdout;
    let (major, minor) = std::str::from_utf8(&said).ok()?.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.split('.').next()?.parse().ok()?))
}
