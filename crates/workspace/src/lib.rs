//! The directories a thread works in: which they are, what a path means in them, and how our own code reads and
//! writes beneath them without being led astray by links.
//!
//! This crate never decides whether something may be written (that is `permissions`), and never starts a process
//! (its git goes through `sandbox`).

mod beneath;
mod bounds;
mod branch;
mod caches;
mod git;
mod git_config;
mod git_settings;
mod ignore_files;
mod instructions;
mod new_repositories;
mod picture;
mod programs;
mod protected;
mod reading;
mod repositories;
mod roots;
mod secrets;

pub use beneath::{Attributes, Beneath, BeneathError, Kind, Snapshot, Stamp, unused_name};
pub use bounds::Bounds;
pub use branch::branch;
pub use caches::caches;
pub use git::{disarm_git, filters, find_git, git_command, list_filters};
pub use ignore_files::{IGNORE_FILE, Ignored};
pub use instructions::{
    INSTRUCTIONS_LIMIT, Instruction, InstructionRules, Instructions, instructions, instructions_of, read_within,
};
pub use new_repositories::{Accepted, Disarmed, Removed, disarm_new};
pub use picture::{Picture, picture_in_url, read_picture};
pub use programs::{find_program, programs_named};
pub use protected::{is_protected, protected_paths};
pub use reading::{IGNORED, View, check_directory, open_to_read};
pub use repositories::{Found, Repositories, repositories};
pub use roots::Roots;
pub use secrets::{credentials, environment_files, without};
