//! What the long answers of the screen cases begin and end with: written by the model, looked for on the screen.

/// In the first line.
pub(crate) const BEGINS: &str = "Beginning of the report";

/// In the last line, before its number.
pub(crate) const ENDS: &str = "End of report ";

/// What each sentence begins with.
pub(crate) const SENTENCE: &str = "So ";
