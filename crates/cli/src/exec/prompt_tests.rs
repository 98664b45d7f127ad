//! Tests of where the prompt comes from: the rules as a table without a clock, and real pipes.

use std::{collections::VecDeque, fs::File, io::Write, path::Path};

use super::*;

fn source(argument: Option<&str>, no_stdin: bool) -> PromptSource {
    PromptSource { argument: argument.map(str::to_owned), no_stdin, may_go_on: false }
}

#[test]
fn a_terminal_is_never_read_and_nothing_is_read_in_vain() {
    let typed = |text: &str| Ok(Plan::Typed(text.to_owned()));
    let beside = |text: &str| Ok(Plan::Beside(text.to_owned()));
    let table = [
        // argument, --no-stdin, terminal
        (Some("go"), false, false, beside("go")),
        (Some("go"), false, true, typed("go")),
        (Some("go"), true, false, typed("go")),
        (Some("go"), true, true, typed("go")),
        (None, false, false, Ok(Plan::Piped)),
        (Some("-"), false, false, Ok(Plan::Piped)),
        (None, false, true, Err("a terminal is not read")),
        (Some("-"), false, true, Err("a terminal is not read")),
        (None, true, false, Err("--no-stdin was given")),
        (Some("-"), true, false, Err("--no-stdin was given")),
        (Some(" "), true, false, Err("the prompt is empty")),
        (Some(""), false, true, Err("the prompt is empty")),
        (Some(""), false, false, beside("")),
    ];
    for (argument, no_stdin, terminal, expected) in table {
        let case = format!("{argument:?}, --no-stdin {no_stdin}, terminal {terminal}");
        match (source(argument, no_stdin).plan(terminal), expected) {
            (Ok(plan), Ok(expected)) => assert_eq!(plan, expected, "{case}"),
            (Err(error), Err(expected)) => assert!(error.contains(expected), "{case}: {error}"),
            (plan, _) => panic!("{case}: {plan:?}"),
        }
    }
}

/// What arrives in the table below: a word of bytes, or one of these.
const SILENCE_NOW: &str = "(silence)";
const BROKEN: &str = "(broken)";

/// The prompt that comes of `arrivals` and then the end, and what the user was told.
async fn gathered(plan: &Plan, arrivals: &[&str]) -> (Result<String, String>, Vec<String>) {
    let mut arrivals: VecDeque<&str> = arrivals.iter().copied().collect();
    let next = async || match arrivals.pop_front() {
        None => Arrival::End,
        Some(SILENCE_NOW) => Arrival::Silence,
        Some(BROKEN) => Arrival::Broken(io::Error::from_raw_os_error(5)),
        Some(bytes) => Arrival::Bytes(bytes.as_bytes().to_vec()),
    };
    let mut told = Vec::new();
    let prompt = gather(plan.clone(), next, |line: &str| told.push(line.to_owned())).await;
    (prompt, told)
}

#[tokio::test]
async fn what_is_piped_in_is_read_to_its_end_and_silence_is_told_once() {
    let thirty_seconds = vec![SILENCE_NOW; GIVE_UP as usize];
    let longer = vec![SILENCE_NOW; 3 * GIVE_UP as usize];
    let (beside, piped) = (Plan::Beside("go".into()), Plan::Piped);
    let block = "go\n\n<stdin>\none\ntwo\n</stdin>";
    let skip = "--no-stdin, or </dev/null";
    // plan, what arrives, the prompt or what its absence says, what the user is told
    type Row<'a> = (&'a Plan, Vec<&'a str>, Result<&'a str, &'a str>, Vec<&'a str>);
    let table: Vec<Row> = vec![
        (&beside, vec![], Ok("go"), vec![]),
        (&beside, vec![" \n"], Ok("go"), vec![]),
        (&beside, vec!["one\n", "two\n"], Ok(block), vec![]),
        (&beside, vec![SILENCE_NOW, "one\n", "two"], Ok(block), vec![skip]),
        (&beside, [vec!["one\n"], longer.clone(), vec!["two"]].concat(), Ok(block), vec![skip]),
        (&beside, [thirty_seconds.clone(), vec!["too late"]].concat(), Ok("go"), vec![skip, "the pipe was ignored"]),
        (
            &beside,
            [thirty_seconds[1..].to_vec(), vec!["one\n"], longer.clone(), vec!["two"]].concat(),
            Ok(block),
            vec![skip],
        ),
        (&beside, vec![BROKEN], Ok("go"), vec!["cannot read standard input"]),
        (&beside, vec!["one", BROKEN], Err("cannot read standard input"), vec![]),
        (&piped, [longer, vec!["one\n", "two"]].concat(), Ok("one\ntwo"), vec!["waiting for the prompt"]),
        (&piped, vec![], Err("the prompt is empty"), vec![]),
        (&piped, vec![" \n"], Err("the prompt is empty"), vec![]),
        (&piped, vec![BROKEN], Err("cannot read standard input"), vec![]),
    ];
    for (plan, arrivals, expected, lines) in table {
        let (prompt, told) = gathered(plan, &arrivals).await;
        match (&prompt, expected) {
            (Ok(prompt), Ok(expected)) => assert_eq!(prompt, expected, "{arrivals:?}"),
            (Err(error), Err(expected)) => assert!(error.contains(expected), "{arrivals:?}: {error}"),
            _ => panic!("{arrivals:?}: {prompt:?}"),
        }
        assert_eq!(told.len(), lines.len(), "{arrivals:?}: {told:?}");
        assert!(told.iter().zip(&lines).all(|(told, line)| told.contains(line)), "{arrivals:?}: {told:?}");
    }
}

#[tokio::test]
async fn two_seconds_and_thirty_are_the_limits() {
    assert_eq!((SILENCE, SILENCE * GIVE_UP), (Duration::from_secs(2), Duration::from_secs(30)));
    let (most, one) = ("x".repeat(LARGEST), "x");
    let (prompt, _) = gathered(&Plan::Piped, &[&most]).await;
    assert_eq!(prompt.unwrap().len(), LARGEST);
    let (prompt, _) = gathered(&Plan::Beside("go".into()), &[&most, one]).await;
    assert!(prompt.unwrap_err().contains("more than 16 MiB"));
}

/// The reading end of a pipe as a program gets it: one that waits for bytes, or one that does not.
fn pipe(waits: bool) -> (OwnedFd, File) {
    let (reader, writer) = rustix::pipe::pipe().unwrap();
    if !waits {
        rustix::fs::fcntl_setfl(&reader, rustix::fs::OFlags::NONBLOCK).unwrap();
    }
    (reader, writer.into())
}

#[tokio::test]
async fn a_real_pipe_is_read_to_its_end_also_one_that_does_not_wait() {
    for waits in [true, false] {
        let (reader, writer) = pipe(waits);
        let mut arrivals = Arrivals::of(reader, Duration::from_millis(1)).unwrap();
        let mut writer = Some(writer);
        let mut told = 0;
        // Written and closed when the silence is told, and not before: what comes late still counts.
        let say = |_: &str| {
            told += 1;
            writer.take().unwrap().write_all(b"late").unwrap();
        };
        // Not beside a prompt: there a reader that is slow to wake up would be given up on.
        let prompt = gather(Plan::Piped, async || arrivals.next().await, say).await;
        assert_eq!(prompt.as_deref(), Ok("late"), "waits: {waits}");
        assert_eq!(told, 1, "waits: {waits}");
    }
}

#[tokio::test]
async fn a_real_pipe_that_stays_silent_is_ignored_and_a_directory_is_no_input() {
    let (silent, _writer) = pipe(true);
    let directory = File::open(Path::new("/")).unwrap().into();
    let table = [
        (silent, Duration::from_millis(1), "the pipe was ignored"),
        (directory, Duration::from_secs(3600), "it is ignored"),
    ];
    for (stdin, silence, expected) in table {
        let mut arrivals = Arrivals::of(stdin, silence).unwrap();
        let mut told = String::new();
        let say = |line: &str| told = line.to_owned();
        let prompt = gather(Plan::Beside("go".into()), async || arrivals.next().await, say).await;
        assert_eq!(prompt.as_deref(), Ok("go"));
        assert!(told.contains(expected), "{told}");
    }
}

#[tokio::test]
async fn what_is_not_needed_any_more_is_read_until_it_ends_or_stalls_or_is_too_much() {
    let bytes = |count: usize| Arrival::Bytes(vec![0; count]);
    // What arrives, and how much of it is looked at.
    let table: Vec<(Vec<Arrival>, usize)> = vec![
        (vec![Arrival::End, bytes(1)], 1),
        (vec![bytes(1), bytes(1), Arrival::End, bytes(1)], 3),
        (vec![bytes(1), Arrival::Silence, bytes(1)], 2),
        (vec![Arrival::Broken(io::Error::from_raw_os_error(5)), bytes(1)], 1),
        (vec![bytes(LARGEST), bytes(1), bytes(1)], 2),
    ];
    for (arrivals, expected) in table {
        let case = arrivals.iter().map(std::mem::discriminant).collect::<Vec<_>>();
        let mut arrivals = arrivals.into_iter();
        let mut seen = 0;
        forget(async || {
            seen += 1;
            arrivals.next().unwrap()
        })
        .await;
        assert_eq!(seen, expected, "{case:?}");
    }
}
