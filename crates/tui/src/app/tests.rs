//! The state of the screen: what is seen in each of its states, and what it asks for in which order.

mod again;
mod elsewhere;
mod export;
mod going_back;
mod hooks;
mod manage;
mod order;
mod overlays;
mod own_commands;
mod plans;
mod resuming;
mod said;
mod screens;
mod sizes;
mod stage;
