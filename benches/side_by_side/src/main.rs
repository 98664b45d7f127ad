//! Measures `codex` and a peer side by side: one scripted model, one machine, in turns, in one run.
//!
//! It must never average a failed run in, keep what it has laid out, or reach beyond the loopback address.
//! `docs/benchmarks.md` says how to run it and what the figures mean.

mod agents;
mod arguments;
mod bench;
mod cases;
mod figures;
mod kept;
mod markdown;
mod marks;
mod measure;
mod report;
mod results;
mod screens;
mod serve;
mod session;
mod stage;
mod stop;
mod surroundings;
mod turns;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use arguments::{Arguments, Command};
use codex_config::Environment;

fn main() -> ExitCode {
    let arguments = Arguments::from_command_line();
    let result = match &arguments.command {
        Some(Command::Serve { case }) => serve::serve(case).map(|()| true),
        None => measure_all(&arguments),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            tell(&format!("side_by_side: {message}"));
            ExitCode::from(2)
        }
    }
}

/// Measures, prints and writes what was asked for. Whether all runs did their work.
fn measure_all(arguments: &Arguments) -> Result<bool, String> {
    let results = bench::Bench::new(arguments, &Environment::from_process())?.run()?;
    let text = report::report(&results, arguments.markdown);
    io::stdout().write_all(text.as_bytes()).map_err(|error| format!("cannot print the table: {error}"))?;
    if let Some(path) = &arguments.json {
        let json = serde_json::to_vec_pretty(&results).map_err(|error| error.to_string())?;
        std::fs::write(path, json).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    }
    Ok(results.failures.is_empty())
}

/// Says something on standard error, where the table is not.
fn tell(message: &str) {
    // Nobody is left to tell that standard error is closed.
    let _ = writeln!(io::stderr(), "{message}");
}
