//! Flags of a run without a screen: what goes in, what comes out, and how far it may go.

use std::{
    num::{NonZeroU32, NonZeroU64},
    path::PathBuf,
    time::Duration,
};

use clap::{Args, ValueHint};

use super::{CassetteOptions, ColorChoice, INPUT, LIMITS, OUTPUT, SAFETY};

// Flags that shape a run without a screen. No doc comment, as above.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub struct RunOptions {
    /// Only read, and end with a plan: nothing is changed
    #[arg(long, help_heading = SAFETY)]
    pub plan: bool,
    /// Picture to attach; repeatable, or several with commas between them
    #[arg(short, long, value_name = "FILE", value_delimiter = ',', value_hint = ValueHint::FilePath, help_heading = INPUT)]
    pub image: Vec<PathBuf>,
    /// Do not read standard input
    #[arg(long, help_heading = INPUT)]
    pub no_stdin: bool,
    /// Print events as JSON lines on stdout instead of text
    #[arg(long, alias = "experimental-json", help_heading = OUTPUT)]
    pub json: bool,
    /// Write the final message to a file
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = OUTPUT)]
    pub output_last_message: Option<PathBuf>,
    /// JSON Schema for the final message; the provider holds the model to it
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = OUTPUT)]
    pub output_schema: Option<PathBuf>,
    /// Colours on stderr
    #[arg(long, value_name = "WHEN", help_heading = OUTPUT)]
    pub color: Option<ColorChoice>,
    /// Say more on stderr: files of settings, walls, and each request to the model
    #[arg(short, long, help_heading = OUTPUT)]
    pub verbose: bool,
    /// Keep no record of the session
    #[arg(long, help_heading = OUTPUT)]
    pub ephemeral: bool,
    #[command(flatten)]
    pub limits: Limits,
    #[command(flatten)]
    pub cassette: CassetteOptions,
    /// Accepted: git is never required
    #[arg(long, hide = true)]
    pub skip_git_repo_check: bool,
    /// Where the session comes from; recorded
    #[arg(long, hide = true, value_name = "NAME")]
    pub thread_source: Option<String>,
    /// Accepted for other programs' sake; no effect
    #[arg(long, hide = true, value_name = "NAME")]
    pub cyber_access_program: Option<String>,
}

// How far a run may go. No doc comment, as above.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub struct Limits {
    /// Most requests to the model in a turn, which is stopped when it wants more
    #[arg(long, value_name = "N", value_parser = count, help_heading = LIMITS)]
    pub max_turns: Option<NonZeroU32>,
    /// Most money to spend, in USD; the price of the model must be known
    #[arg(long, value_name = "USD", value_parser = money, help_heading = LIMITS)]
    pub max_cost: Option<f64>,
    /// Most tokens to use, sent and received together
    #[arg(long, value_name = "N", value_parser = tokens, help_heading = LIMITS)]
    pub max_tokens: Option<NonZeroU64>,
    /// Longest time of a turn, which is stopped at its next step: `90` or `90s`, `10m`, `1h`
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = LIMITS)]
    pub max_time: Option<Duration>,
    /// Longest time that the whole run may take: `90` or `90s`, `10m`, `1h`
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = LIMITS)]
    pub timeout: Option<Duration>,
}

fn count(typed: &str) -> Result<NonZeroU32, String> {
    typed.parse().map_err(|_| "give a whole number, 1 or more".into())
}

fn tokens(typed: &str) -> Result<NonZeroU64, String> {
    typed.parse().map_err(|_| "give a whole number, 1 or more".into())
}

/// Money as it is typed.
fn money(typed: &str) -> Result<f64, String> {
    // The standard library takes signs, exponents and words too.
    let digits = typed.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let amount = digits.then(|| typed.parse().ok()).flatten();
    amount.filter(|amount| *amount > 0.0).ok_or("give an amount in USD, more than 0, such as `5` or `0.50`".into())
}

/// A length of time as it is typed.
pub fn time(typed: &str) -> Result<Duration, String> {
    let number = typed.trim_end_matches(['s', 'm', 'h']);
    let unit = match typed.strip_prefix(number) {
        Some("" | "s") => Some(1),
        Some("m") => Some(60),
        Some("h") => Some(60 * 60),
        _ => None,
    };
    // The standard library takes a sign too.
    let digits = number.bytes().all(|byte| byte.is_ascii_digit());
    let count = digits.then(|| number.parse::<u64>().ok()).flatten();
    let seconds = count.zip(unit).and_then(|(count, unit)| count.checked_mul(unit));
    match seconds.filter(|seconds| (1..=LONGEST).contains(seconds)) {
        Some(seconds) => Ok(Duration::from_secs(seconds)),
        None => Err("give whole seconds (`90` or `90s`), minutes (`10m`) or hours (`1h`), a year at most".into()),
    }
}

/// Longest limit, in seconds: clocks overflow somewhere beyond.
const LONGEST: u64 = 365 * 24 * 60 * 60;

impl RunOptions {
    /// As [`ThreadOptions::then`].
    pub fn then(self, nearer: Self) -> Self {
        Self {
            plan: self.plan || nearer.plan,
            json: self.json || nearer.json,
            output_last_message: nearer.output_last_message.or(self.output_last_message),
            output_schema: nearer.output_schema.or(self.output_schema),
            color: nearer.color.or(self.color),
            verbose: self.verbose || nearer.verbose,
            ephemeral: self.ephemeral || nearer.ephemeral,
            no_stdin: self.no_stdin || nearer.no_stdin,
            skip_git_repo_check: self.skip_git_repo_check || nearer.skip_git_repo_check,
            thread_source: nearer.thread_source.or(self.thread_source),
            cyber_access_program: nearer.cyber_access_program.or(self.cyber_access_program),
            limits: self.limits.then(nearer.limits),
            cassette: self.cassette.then(nearer.cassette),
            image: [self.image, nearer.image].concat(),
        }
    }
}

impl Limits {
    fn then(self, nearer: Self) -> Self {
        Self {
            max_turns: nearer.max_turns.or(self.max_turns),
            max_cost: nearer.max_cost.or(self.max_cost),
            max_tokens: nearer.max_tokens.or(self.max_tokens),
            max_time: nearer.max_time.or(self.max_time),
            timeout: nearer.timeout.or(self.timeout),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_a_plain_amount() {
        let table = [
            ("5", Some(5.0)),
            ("0.50", Some(0.5)),
            (".5", Some(0.5)),
            ("0", None),
            ("0.0", None),
            ("", None),
            (".", None),
            ("-1", None),
            ("1e3", None),
            ("inf", None),
            ("$5", None),
            ("1,5", None),
        ];
        for (typed, expected) in table {
            assert_eq!(money(typed).ok(), expected, "{typed}");
        }
    }

    #[test]
    fn a_time_has_a_unit_or_is_in_seconds() {
        let table = [
            ("1", Some(1)),
            ("90", Some(90)),
            ("90s", Some(90)),
            ("10m", Some(600)),
            ("1h", Some(3600)),
            ("8760h", Some(LONGEST)),
            ("8761h", None),
            ("18446744073709551615h", None),
            ("0", None),
            ("0m", None),
            ("", None),
            ("s", None),
            ("-1", None),
            ("+1", None),
            ("1.5h", None),
            ("1h30m", None),
            ("1sm", None),
            ("10 m", None),
            ("1d", None),
            ("10M", None),
        ];
        for (typed, expected) in table {
            assert_eq!(time(typed).ok().map(|time| time.as_secs()), expected, "{typed}");
        }
    }
}
