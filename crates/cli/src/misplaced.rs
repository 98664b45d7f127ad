//! Flags that are typed where they mean nothing. None is declared there: neither help nor completion offers one, and each
//! says where it belongs.

use clap::error::{ContextKind, ContextValue, Error, ErrorKind};

const FLAGS: &[(&str, &str)] = &[
    ("--remote", "--remote comes before the command: `codex --remote URL exec \"PROMPT\"`"),
    ("--serve", "--serve comes without a command: `codex --serve ADDRESS`, or `codex serve ADDRESS`"),
    (
        "--resume",
        "--resume belongs to the screen: `codex exec resume ID \"PROMPT\"` goes on without one, `--last` in place of ID with \
         the newest session",
    ),
    ("--alt-screen", "--alt-screen belongs to the screen: exec draws nothing"),
];

/// What to say in place of `error`, if what was wrong with the command line is one of these flags.
pub fn refusal(error: &Error) -> Option<&'static str> {
    let (ErrorKind::UnknownArgument, Some(ContextValue::String(typed))) =
        (error.kind(), error.get(ContextKind::InvalidArg))
    else {
        return None;
    };
    let name = typed.split('=').next();
    FLAGS.iter().find(|(flag, _)| Some(*flag) == name).map(|(_, refusal)| *refusal)
}
