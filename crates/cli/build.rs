//! How the program is linked: with the unwinder in it, in place of a shared library that would have to be found, mapped
//! and bound each time before `main`.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Linkers look there first; where nothing asks for that library, nothing is changed.
    println!("cargo::rustc-link-search=native={}/link", env!("CARGO_MANIFEST_DIR"));
}
