//! `codex man`: the manual, made of the declarations of commands and flags, as pages for man(1) or as Markdown.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use clap::{Arg, Command, CommandFactory};
use clap_mangen::Man;

use crate::{
    args::{Arguments, ManArguments},
    exec::ExitStatus,
};

/// Prints or writes what is wanted of the manual.
///
/// # Errors
/// A sentence for the user when there is no such command, or a page cannot be written.
pub fn run(arguments: &ManArguments) -> Result<ExitStatus, String> {
    let program = whole();
    if let Some(directory) = &arguments.out {
        let write = write_all(&program, directory);
        return write.map(|()| ExitStatus::Done).map_err(|error| format!("{}: {error}", directory.display()));
    }
    let text =
        if arguments.markdown { markdown(&program).into_bytes() } else { page(find(&program, &arguments.command)?) };
    super::write(&text)
}

/// All commands, as they are after every declaration was taken into account.
fn whole() -> Command {
    let mut program = Arguments::command();
    program.build();
    program
}

fn find<'a>(program: &'a Command, names: &[String]) -> Result<&'a Command, String> {
    names.iter().try_fold(program, |command, name| {
        let known = || subcommands(command).map(|known| known.get_name().to_owned()).collect::<Vec<_>>().join(", ");
        command.find_subcommand(name).filter(|found| !found.is_hide_set()).ok_or_else(|| {
            let full = full_name(command);
            let known = known();
            if known.is_empty() {
                format!("`{full}` has no commands of its own")
            } else {
                format!("`{full}` has no command `{name}`; it has {known}")
            }
        })
    })
}

/// Those that `--help` shows.
fn subcommands(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|command| !command.is_hide_set())
}

/// A command and all those below it, each before its own.
fn all(command: &Command) -> Vec<&Command> {
    let mut found = vec![command];
    found.extend(subcommands(command).flat_map(all));
    found
}

/// As it is typed: `codex exec resume`.
fn full_name(command: &Command) -> String {
    command.get_bin_name().unwrap_or(command.get_name()).to_owned()
}

/// The name of a page: `codex-exec-resume`.
fn page_name(command: &Command) -> String {
    full_name(command).replace(' ', "-")
}

/// The page of one command for man(1).
fn page(command: &Command) -> Vec<u8> {
    let named = command.clone().name(page_name(command));
    let mut text = Vec::new();
    // Writing into memory does not fail.
    let _ = Man::new(named).source(concat!("codex ", env!("CARGO_PKG_VERSION"))).manual("Codex").render(&mut text);
    String::from_utf8_lossy(&text).replace(".SH EXTRA\nExamples:\n", ".SH EXAMPLES\n").into_bytes()
}

fn write_all(program: &Command, directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    for command in all(program) {
        let path: PathBuf = directory.join(format!("{}.1", page_name(command)));
        fs::File::create(path)?.write_all(&page(command))?;
    }
    Ok(())
}

/// The whole reference: `docs/command-line.md`.
fn markdown(program: &Command) -> String {
    let mut text = String::from(
        "# Command line\n\nAll commands and flags. Made by `codex man --markdown`; the declarations are in \
         `crates/cli/src/args.rs`.\n\nFlags that shape a thread may stand before a command too: `codex -m MODEL exec …`. \
         Of those typed twice the one nearer to the prompt counts; lists add up.\n",
    );
    let of_program = groups(program);
    for command in all(program) {
        text += &section(command, &of_program);
    }
    text
}

/// Arguments with their heading.
type Group<'a> = (&'a str, Vec<&'a Arg>);

/// What is to be said of one command. Groups that it shares with the whole program are named alone.
fn section(command: &Command, of_program: &[Group<'_>]) -> String {
    let mut text = format!("\n## `{}`\n", full_name(command));
    let about = command.get_long_about().or(command.get_about());
    if let Some(about) = about {
        text += &format!("\n{}.\n", about.to_string().trim_end_matches('.'));
    }
    let aliases: Vec<String> = command.get_visible_aliases().map(|alias| format!("`{alias}`")).collect();
    if !aliases.is_empty() {
        text += &format!("\nShort: {}\n", aliases.join(", "));
    }
    let usage = command.clone().render_usage().to_string();
    let usage: Vec<&str> = usage.trim_start_matches("Usage: ").lines().map(str::trim).collect();
    text += &format!("\n```text\n{}\n```\n", usage.join("\n"));
    let below: Vec<&Command> = subcommands(command).collect();
    if !below.is_empty() {
        text += "\n| command | |\n|---|---|\n";
    }
    for command in below {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        text += &format!("| `{}` | {} |\n", full_name(command), cell(&about));
    }
    let is_program = command.get_name() == "codex";
    let (shared, own): (Vec<_>, Vec<_>) =
        groups(command).into_iter().partition(|group| !is_program && of_program.contains(group));
    for (heading, arguments) in own {
        text += &format!("\n| {heading} | |\n|---|---|\n");
        for argument in arguments {
            text += &format!("| `{}` | {} |\n", cell(&typed(argument)), cell(&help(argument)));
        }
    }
    if !shared.is_empty() {
        let names: Vec<&str> = shared.iter().map(|(heading, _)| *heading).collect();
        text += &format!("\nFlags as of [`codex`](#codex): {}.\n", names.join(", "));
    }
    if let Some(after) = command.get_after_help() {
        text += &format!("\n{}", examples(&after.to_string()));
    }
    text
}

/// The arguments by their headings, as `--help` has them; without those that it adds itself.
fn groups(command: &Command) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    let own = |argument: &&Arg| !argument.is_hide_set() && !["help", "version"].contains(&argument.get_id().as_str());
    for argument in command.get_arguments().filter(own) {
        let plain = if argument.is_positional() { "Arguments" } else { "Options" };
        let heading = argument.get_help_heading().unwrap_or(plain);
        match groups.iter_mut().find(|(known, _)| *known == heading) {
            Some((_, group)) => group.push(argument),
            None => groups.push((heading, vec![argument])),
        }
    }
    groups.sort_by_key(|(heading, _)| ["Arguments", "Options"].iter().position(|first| first == heading).unwrap_or(2));
    groups
}

/// How an argument is typed: `-m, --model <MODEL>`.
fn typed(argument: &Arg) -> String {
    let names = argument.get_value_names().unwrap_or_default();
    let values: String = names.iter().map(|name| format!(" <{name}>")).collect();
    if argument.is_positional() {
        return values.trim().to_owned();
    }
    let short = argument.get_short().map(|short| format!("-{short}, ")).unwrap_or_default();
    let values = if argument.get_action().takes_values() { values } else { String::new() };
    format!("{short}--{}{values}", argument.get_long().unwrap_or_default())
}

/// What an argument does, and its values.
fn help(argument: &Arg) -> String {
    let help = argument.get_long_help().or(argument.get_help()).map(ToString::to_string).unwrap_or_default();
    let takes = argument.get_action().takes_values();
    let values: Vec<String> = argument
        .get_possible_values()
        .iter()
        .filter(|value| takes && !value.is_hide_set())
        .map(|value| match value.get_help() {
            Some(help) => format!("`{}`: {help}", value.get_name()),
            None => format!("`{}`", value.get_name()),
        })
        .collect();
    if values.is_empty() { help } else { format!("{help}<br>{}", values.join("<br>")) }
}

/// Text inside a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace("\n\n", "<br>").replace('\n', " ")
}

/// What stands below the flags: indented lines are what to type.
fn examples(text: &str) -> String {
    let mut shown = String::new();
    let mut inside = false;
    for line in text.lines() {
        match (line.strip_prefix("  "), inside) {
            (Some(typed), true) => shown += &format!("{typed}\n"),
            (Some(typed), false) => shown += &format!("\n```sh\n{typed}\n"),
            (None, true) => shown += &format!("```\n{line}\n"),
            (None, false) => shown += &format!("{line}\n"),
        }
        inside = line.starts_with("  ");
    }
    if inside { shown + "```\n" } else { shown }
}
