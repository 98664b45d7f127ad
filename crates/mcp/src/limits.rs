//! How much of a server's words is taken.
