//! Scripted model server and scenario runner, for tests and benchmarks only.
//!
//! Scripts and scenarios are data. A test scripts the model and runs everything else for real: the binary, its
//! sandbox, its files. Nothing here is part of the product, nothing waits a fixed time, and no test's result depends
//! on how long something took; the one limit on time is a watchdog against hanging for ever.

mod answer;
mod compare;
pub mod emulators;
pub mod events;
pub mod fuzzing;
mod process;
mod raw;
mod runner;
mod scenario;
mod script;
mod server;
pub mod tmux;
mod wires;

pub use compare::{diff, is_subset};
pub use process::{Finished, WATCHDOG, run_to_end};
pub use raw::{RawAnswer, RawEnding, RawServer};
pub use runner::run;
pub use scenario::{Expected, Output, Run, Scenario};
pub use script::{Call, Cut, Failed, Filler, Pick, Reasoning, Script, Step};
pub use server::{Exchange, ModelServer, RecordedRequest};
pub use wires::{Wire, input_tokens};
