//! A handle to a server, here or remote; folds events into a view.
