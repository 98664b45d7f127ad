//! The one integration-test binary: everything that needs the built program.
#![allow(clippy::unwrap_used, reason = "in a test, a panic is the report")]

// First, because its macros are for all.
#[macro_use]
mod support;

mod agent_attacks;
mod agents;
mod app_server;
mod approvals;
mod attacks;
mod cassettes;
mod ceiling;
mod closing;
mod compaction;
mod config;
mod config_cases;
mod demo;
mod diff;
mod doctor;
mod endings;
mod environment;
mod faces;
mod faults;
mod finding;
mod fork;
mod guide;
mod holding;
mod hub;
mod interrupt;
mod items;
mod items_list;
mod killed;
mod live;
mod log;
mod login;
mod network;
mod new_repositories;
mod older_kernel;
mod oss;
mod permissions;
mod plan;
mod processes;
mod providers;
mod proxy;
mod reference;
mod remote;
mod requests;
mod retention;
mod review;
mod rewind;
mod rollouts;
mod sandbox;
mod scenarios;
mod screen;
mod sdk;
mod sdk_python;
mod session;
mod sessions;
mod settings;
mod steering;
mod switching;
mod tidy;
mod trust;
mod user_shell;
mod whose;
mod wires;
