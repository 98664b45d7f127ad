//! A program that does nothing: what starting a program costs at least.
//!
//! It must never do anything.

fn main() {}
