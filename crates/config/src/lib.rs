//! Layers of TOML turned into plain typed data, each value with its origin.
