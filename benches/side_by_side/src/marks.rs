//! What the long answers of the screen cases begin and end with: written by the model, looked for on the screen.

/// In the first line.
pub(crate) const BEGINS: &str = "Beginning of the report";

/// In the last line.
pub(crate) const ENDS: &str = "End of the report";
