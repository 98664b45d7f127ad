//! What can be typed. Nothing is decided here.

use std::path::PathBuf;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand, builder::PossibleValuesParser};

use crate::{agents::Agent, cases::CASES, screens::SCREENS};

/// Measures codex and a peer side by side, through one scripted model, in turns: wall seconds, CPU seconds and peak
/// memory, as medians and as ratios to the peer, with what the same work costs at least beside them.
#[derive(Debug, Parser)]
#[command(name = "side_by_side", version)]
pub(crate) struct Arguments {
    /// Runs that count, of each program in each case. One more is made before, to warm up.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) runs: u32,

    /// The programs to measure.
    #[arg(long, value_name = "NAMES", value_enum, value_delimiter = ',', default_values_t = [Agent::Ours, Agent::Codex])]
    pub(crate) only: Vec<Agent>,

    /// The cases to measure; default: all.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = case_names(), hide_possible_values = true)]
    pub(crate) cases: Vec<String>,

    /// Our program.
    #[arg(long, value_name = "PATH", default_value = "target/release/codex")]
    pub(crate) ours: PathBuf,

    /// Where npm has installed the peers (@openai/codex, opencode-ai, @mariozechner/pi-coding-agent); default: $PEERS, else ~/.cache/codex-peers.
    #[arg(long, value_name = "DIR")]
    pub(crate) peers: Option<PathBuf>,

    /// Where homes and workspaces are laid out; not below /tmp, which our sandbox hides. Default: beside this program.
    #[arg(long, value_name = "DIR")]
    pub(crate) work: Option<PathBuf>,

    /// Seconds after which a run is ended and counts as failed.
    #[arg(long, value_name = "SECONDS", default_value_t = 180, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) limit: u64,

    /// Writes every run into this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,

    /// Prints the tables as Markdown.
    #[arg(long)]
    pub(crate) markdown: bool,

    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What this program is started for by itself.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Is the scripted model of a case until standard input ends.
    #[command(hide = true)]
    Serve {
        /// The case.
        #[arg(value_parser = case_names())]
        case: String,
    },
}

fn case_names() -> PossibleValuesParser {
    all_cases().map(|(name, _)| name).collect::<Vec<_>>().into()
}

/// Names and lines for people.
fn all_cases() -> impl Iterator<Item = (&'static str, &'static str)> {
    CASES.iter().map(|case| (case.name, case.about)).chain(SCREENS.iter().map(|case| (case.name, case.about)))
}

impl Arguments {
    /// What was typed; ends the program if it makes no sense or asks for help.
    pub(crate) fn from_command_line() -> Self {
        let width = all_cases().map(|(name, _)| name.len()).max().unwrap_or_default();
        let cases: String = all_cases().map(|(name, about)| format!("  {name:width$}  {about}\n")).collect();
        let mut command = Self::command().after_help(format!("Cases:\n{cases}"));
        let matches = command.clone().get_matches();
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.format(&mut command).exit())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed() {
        Arguments::command().debug_assert();
        let typed = |line: &str| Arguments::try_parse_from(line.split(' '));
        let given = typed("x --runs 3 --only codex --cases text,version --json f --markdown").unwrap();
        assert_eq!((given.runs, given.only, given.cases.len()), (3, vec![Agent::Codex], 2));
        assert_eq!(typed("x").unwrap().only, [Agent::Ours, Agent::Codex]);
        for wrong in ["x --runs 0", "x --cases nonsense", "x --only claude", "x --limit 0", "x serve nonsense"] {
            assert!(typed(wrong).is_err(), "{wrong}");
        }
    }
}
