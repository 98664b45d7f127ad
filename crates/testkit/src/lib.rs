//! Scripted model server and scenario runner, for tests only.
