//! How the program is linked: its relocations are packed, so that a start reads and works through half a megabyte less.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
}
