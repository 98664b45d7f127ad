//! Commands that are not built in, as a person types them.

use codex_protocol::{OwnCommand, UserInput};

/// The name of the command that `text` may be: `/NAME`, and what follows it. A path is none.
pub fn command_word(text: &str) -> Option<(&str, &str)> {
    let text = text.strip_prefix('/')?;
    let (name, arguments) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    (!name.is_empty() && name.chars().all(is_plain)).then_some((name, arguments.trim()))
}

/// What `text` is that uses one of `commands`, by its name or as `SOURCE:NAME`; `None`: it is none of them.
pub fn own_command(text: &str, commands: &[OwnCommand]) -> Option<UserInput> {
    let (typed, arguments) = command_word(text)?;
    let of_source = |command: &&OwnCommand| {
        let rest = typed.strip_prefix(&*command.source).and_then(|rest| rest.strip_prefix(':'));
        rest == Some(&*command.name)
    };
    let named = commands.iter().find(|command| command.name == typed);
    let found = named.or_else(|| commands.iter().find(|command| of_source(command)))?;
    Some(UserInput::Command { name: found.name.clone(), arguments: arguments.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_known_by_its_name() {
        let command =
            |name: &str, source: &str| OwnCommand { name: name.into(), source: source.into(), ..OwnCommand::default() };
        let commands = [command("fix", "project"), command("git:tidy", "user"), command("x", "big-plugin")];
        let table = [
            ("/fix", Some(("fix", ""))),
            ("/fix  the bug\nand more ", Some(("fix", "the bug\nand more"))),
            ("/git:tidy a", Some(("git:tidy", "a"))),
            ("/project:fix a", Some(("fix", "a"))),
            ("/big-plugin:x", Some(("x", ""))),
            ("/user:fix", None),
            ("/other", None),
            ("/fix/it", None),
            (" /fix", None),
            ("fix", None),
            ("/", None),
        ];
        for (text, expected) in table {
            let expected = expected.map(|(name, arguments): (&str, &str)| UserInput::Command {
                name: name.into(),
                arguments: arguments.into(),
            });
            assert_eq!(own_command(text, &commands), expected, "{text}");
        }
    }
}
