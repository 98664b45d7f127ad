//! The one integration-test binary: everything that needs the built program.

mod sandbox;
mod scenarios;
