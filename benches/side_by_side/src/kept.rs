//! Sessions that are there before a run: one with a long history, or many.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

/// The session with a long history.
pub(crate) const ID: &str = "0198c5f2-7a6e-7000-8000-0123456789ab";

/// How many there are where there are many.
pub(crate) const MANY: usize = 10_000;

/// What a command has printed in each turn, in lines and bytes.
const LINES: usize = 900;
/// So many turns are summed up at once: what counts of the conversation always fits into a model's context.
const SUMMED_UP: usize = 8;

/// Writes a session of so many megabytes (10⁶ bytes) below `codex_home`, in the peer's older form, which both programs go on with: turns
/// with a command and 40 kB of its output, and a summary after every eighth.
///
/// # Errors
///
/// What could not be written.
pub(crate) fn long(codex_home: &Path, workspace: &Path, megabytes: usize) -> Result<(), String> {
    let directory = codex_home.join("sessions/2025/08/20");
    let path = directory.join(format!("rollout-2025-08-20T10-11-12-{ID}.jsonl"));
    let written = fs::create_dir_all(&directory).and_then(|()| write(&path, workspace, megabytes * 1_000_000));
    written.map_err(|error| format!("{}: {error}", path.display()))
}

fn write(path: &Path, workspace: &Path, bytes: usize) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    let mut left = bytes;
    let mut line = |kind: &str, payload: Value| -> io::Result<bool> {
        let line = json!({ "timestamp": "2025-08-20T10:11:12.000Z", "type": kind, "payload": payload }).to_string();
        left = left.saturating_sub(line.len() + 1);
        writeln!(file, "{line}").map(|()| left > 0)
    };
    line(
        "session_meta",
        json!({ "id": ID, "timestamp": "2025-08-20T10:11:12Z", "cwd": workspace, "originator": "codex_exec",
            "cli_version": "0.151.0", "source": "exec", "model_provider": "mock" }),
    )?;
    let message = |role: &str, kind: &str, text: &str| json!({ "type": "message", "role": role, "content": [{ "type": kind, "text": text }] });
    for turn in 0.. {
        let (said, answer) = (format!("look at part {turn}"), format!("Part {turn} is as it should be."));
        let output: String =
            (0..LINES).map(|number| format!("{turn}:{number}: a line of what was printed\n")).collect();
        let call = format!("call_{turn}");
        line("response_item", message("user", "input_text", &said))?;
        line("event_msg", json!({ "type": "user_message", "message": said }))?;
        let arguments = json!({ "cmd": format!("cat part-{turn}") }).to_string();
        line(
            "response_item",
            json!({ "type": "function_call", "name": "exec_command", "call_id": call, "arguments": arguments }),
        )?;
        line("response_item", json!({ "type": "function_call_output", "call_id": call, "output": output }))?;
        line("response_item", message("assistant", "output_text", &answer))?;
        let mut goes_on = line("event_msg", json!({ "type": "agent_message", "message": answer }))?;
        if turn % SUMMED_UP == SUMMED_UP - 1 {
            let summary = format!("{} parts were looked at, and all are as they should be.", turn + 1);
            let history = [message("user", "input_text", &said), message("user", "input_text", &summary)];
            goes_on = line("compacted", json!({ "message": summary, "replacement_history": history }))?;
        }
        if !goes_on {
            break;
        }
    }
    file.flush()
}

/// Makes [`MANY`] sessions of the one that is there.
///
/// # Errors
///
/// There is not exactly one, or what could not be written.
pub(crate) fn multiply(codex_home: &Path) -> Result<(), String> {
    let failed = |error: io::Error| format!("{}: {error}", codex_home.display());
    let mut found = Vec::new();
    journals(&codex_home.join("sessions"), &mut found).map_err(failed)?;
    let [path] = found.as_slice() else { return Err(format!("{} sessions instead of one to begin with", found.len())) };
    let text = fs::read_to_string(path).map_err(failed)?;
    let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
    // YYYY-MM-DDTHH-MM-SS-ID
    let (begun, id) = name.split_at_checked(20).ok_or("the journal is not named as journals are")?;
    for number in 1..MANY {
        let other = format!("{}{number:012}", &id[..id.len().saturating_sub(12)]);
        let to = path.with_file_name(format!("{begun}{other}.jsonl"));
        fs::write(to, text.replace(id, &other)).map_err(failed)?;
    }
    Ok(())
}

fn journals(directory: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        match path.is_dir() {
            true => journals(&path, found)?,
            false => found.push(path),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_session_is_as_long_as_it_should_be_and_summed_up() {
        let home = tempfile::tempdir().unwrap();
        long(home.path(), Path::new("/w"), 1).unwrap();
        let mut found = Vec::new();
        journals(home.path(), &mut found).unwrap();
        let text = fs::read_to_string(&found[0]).unwrap();
        assert!((1_000_000..1_100_000).contains(&text.len()), "{}", text.len());
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let summaries = lines.iter().filter(|line| line["type"] == "compacted").count();
        assert!(summaries >= 2, "{summaries}");
    }

    #[test]
    fn one_session_becomes_many() {
        let home = tempfile::tempdir().unwrap();
        let day = home.path().join("sessions/2026/01/02");
        fs::create_dir_all(&day).unwrap();
        assert!(multiply(home.path()).unwrap_err().contains("0 sessions"));
        fs::write(day.join(format!("2026-01-02T03-04-05-{ID}.jsonl")), format!("{{\"threadId\":\"{ID}\"}}\n")).unwrap();
        multiply(home.path()).unwrap();
        assert_eq!(fs::read_dir(&day).unwrap().count(), MANY);
        let last = day.join("2026-01-02T03-04-05-0198c5f2-7a6e-7000-8000-000000009999.jsonl");
        assert!(fs::read_to_string(last).unwrap().contains("-000000009999"));
    }
}
