//! The directories a thread works in: which they are, what a path means in them, and how our own code reads and
//! writes beneath them without being led astray by links.
//!
//! This crate never decides whether something may be written (that is `permissions`), and never starts a process
//! (its git goes through `sandbox`).

mod roots;

pub use roots::Roots;
