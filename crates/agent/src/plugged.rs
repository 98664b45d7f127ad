//! What users have plugged into a thread, for the stations of its turns to ask.

/// All of it. The default is nothing, and costs nothing.
#[derive(Debug, Clone, Default)]
pub struct Plugged {}
