//! How what was typed is read: nothing at all without a table, `codex sandbox` with a small one, all else with the whole one.

use std::{env, ffi::OsString};

use clap::Parser;

use super::{Arguments, Command, RemoteOptions, RunOptions, SandboxArguments, ScreenOptions, ThreadOptions};

impl Arguments {
    /// What was typed.
    ///
    /// # Errors
    /// What is wrong with it, or the help that was asked for.
    pub fn typed() -> Result<Self, clap::Error> {
        of_nothing(env::args_os()).or_else(|| of_sandbox(env::args_os())).map_or_else(Self::try_parse, Ok)
    }
}

/// The arguments of `codex` alone. The table of all commands and flags is a third of what comes before its first frame.
fn of_nothing(mut typed: impl Iterator<Item = OsString>) -> Option<Arguments> {
    typed.nth(1).is_none().then(|| of_command(None))
}

/// With nothing before the command.
fn of_command(command: Option<Command>) -> Arguments {
    Arguments {
        thread: ThreadOptions::default(),
        run: RunOptions::default(),
        screen: ScreenOptions::default(),
        remote: RemoteOptions::default(),
        prompt: None,
        command,
    }
}

/// The arguments of `codex sandbox` where nothing stands before that word. The table of all commands and flags is most
/// of what this program itself does for one command in the sandbox. `None`: the whole table says what is typed here, or what is
/// wrong with it.
fn of_sandbox(typed: impl Iterator<Item = OsString>) -> Option<Arguments> {
    let mut typed = typed.skip(1).peekable();
    if typed.peek()? != "sandbox" {
        return None;
    }
    // That word stands where a program's name does.
    Some(of_command(Some(Command::Sandbox(SandboxArguments::try_parse_from(typed).ok()?))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> impl Iterator<Item = OsString> {
        line.split_whitespace().map(OsString::from)
    }

    #[test]
    fn a_short_table_says_what_the_whole_one_says() {
        for line in [
            "codex sandbox -- true",
            "codex sandbox -s read-only -- ls -l --all -- x",
            "codex sandbox --sandbox=workspace-write -C /tmp --add-dir /a --add-dir /b -- -s",
            "codex sandbox --allow-network --full-auto -c a=1 -c b=2 -p work -m one --trust -- sandbox --help",
        ] {
            let (short, whole) = (of_sandbox(words(line)).unwrap(), Arguments::try_parse_from(words(line)).unwrap());
            assert_eq!(format!("{short:?}"), format!("{whole:?}"), "{line}");
        }
    }

    #[test]
    fn nothing_typed_is_what_the_whole_table_says_of_it() {
        let (short, whole) = (of_nothing(words("codex")).unwrap(), Arguments::try_parse_from(words("codex")).unwrap());
        assert_eq!(format!("{short:?}"), format!("{whole:?}"));
        for line in ["codex x", "codex --help", "codex --", "codex sandbox"] {
            assert!(of_nothing(words(line)).is_none(), "{line}");
        }
    }

    #[test]
    fn the_whole_table_says_what_is_wrong_and_what_there_is() {
        for line in [
            "codex",
            "codex sandbox",
            "codex sandbox --help",
            "codex sandbox -V",
            "codex sandbox true",
            "codex sandbox --nonsense -- true",
            "codex sandbox -s none -- true",
            "codex sandbox --json -- true",
            "codex -s read-only sandbox -- true",
            "codex exec sandbox -- true",
            "sandbox -- true",
        ] {
            assert!(of_sandbox(words(line)).is_none(), "{line}");
        }
    }
}
