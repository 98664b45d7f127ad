//! One HTTP client for every part that talks to a network.
