//! What is done with a program, and what is measured of it. Figures have the names that `screens` looks for.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use crate::{
    marks::{BEGINS, ENDS, SENTENCE},
    session::{Failure, Session},
    tree,
};

/// What was found, by name.
pub(crate) type Figures = BTreeMap<&'static str, f64>;

/// A way to use a program.
type Scenario = fn(&mut Session, &mut Figures) -> Result<(), Failure>;

/// What is said to the model. The model knows what to do.
const PROMPT: &str = "go";

/// What the short answer says.
const SHORT: &str = "Hello from the scripted model.";

/// How long nothing may be written until a program counts as having done its work.
const REST: Duration = Duration::from_millis(300);

/// How long a program may go on with what it does by itself after its first answer.
const SETTLING: Duration = Duration::from_secs(3);

/// How long it is watched then.
const IDLENESS: Duration = Duration::from_secs(5);

/// Who types faster may be taken for a paste.
const BEFORE_ENTER: Duration = Duration::from_millis(200);

/// Between keys that are no paste.
const BETWEEN_KEYS: Duration = Duration::from_millis(60);

/// Keys that are typed into a stream.
const KEYS: usize = 300;

/// Letters that stand in the composer at most.
const LETTERS: usize = 40;

/// Answers of 100 kB: 2 MB.
const ANSWERS: usize = 20;

/// Answers of 2 MB: 50 MB.
const LONG_ANSWERS: usize = 25;

/// The scenario of this name.
pub(crate) fn named(name: &str) -> Option<Scenario> {
    Some(match name {
        "start" | "servers10" => start,
        "files" => files,
        "prompt" => prompt,
        "idle" => idle,
        "stream" => stream,
        "keys" => keys,
        "long" => long,
        "memory" => memory,
        _ => return None,
    })
}

/// Starts, and types as soon as there is something to type into.
fn start(session: &mut Session, figures: &mut Figures) -> Result<(), Failure> {
    let composer = session.until("the composer", |terminal| terminal.composer().is_some())?;
    figures.insert("cpu_ms", session.cpu_us() as f64 / 1e3);
    session.send("x")?;
    let echo = session.until("the first key is shown", |terminal| terminal.composer().as_deref() == Some("x"))?;
    figures.insert("composer_ms", milliseconds(session.start, composer));
    figures.insert("first_key_ms", milliseconds(session.start, echo));
    Ok(())
}

/// Names a file among many, letter by letter. The name of none before the last key is on the screen.
fn files(session: &mut Session, figures: &mut Figures) -> Result<(), Failure> {
    session.until("the composer", |terminal| terminal.composer().is_some())?;
    session.pass(BEFORE_ENTER)?;
    session.send("@")?;
    session.pass(BETWEEN_KEYS)?;
    let sent = session.send("p")?;
    let shown = session.until("files", |terminal| terminal.contents().contains("chapter"))?;
    figures.insert("first_ms", milliseconds(sent, shown));
    let mut sent = sent;
    for letter in ["a", "g", "e", "0", "9", "8", "7", "6", "5"] {
        session.pass(BETWEEN_KEYS)?;
        sent = session.send(letter)?;
    }
    let shown = session.until("the file", |terminal| is_found(&terminal.contents()))?;
    figures.insert("narrowed_ms", milliseconds(sent, shown));
    Ok(())
}

/// Whether the first file in the list is the one that is meant, and no longer one of those before.
fn is_found(contents: &str) -> bool {
    let mut files = contents.lines().filter(|row| row.contains(".txt"));
    files.next().is_some_and(|row| row.contains("page098765.txt"))
}

/// Starts with a prompt, and waits for the answer.
fn prompt(session: &mut Session, figures: &mut Figures) -> Result<(), Failure> {
    let shown = session.until("the answer", |terminal| terminal.contents().contains(SHORT))?;
    figures.insert("cpu_ms", session.cpu_us() as f64 / 1e3);
    figures.insert("answered_ms", milliseconds(session.start, shown));
    Ok(())
}

/// Does nothing for a while, after a short turn.
fn idle(session: &mut Session, figures: &mut Figures) -> Result<(), Failure> {
    ask(session)?;
    session.until("the answer", |terminal| terminal.contents().contains(SHORT))?;
    session.pass(SETTLING)?;
    let (waits, cpu, before) = (tree::waits(), session.cpu_us(), Instant::now());
    session.pass(IDLENESS)?;
    let (more_waits, cpu) = (tree::more_waits(&waits, &tree::waits()), session.cpu_us() - cpu);
    let seconds = before.elapsed().as_secs_f64();
    figures.insert("memory_mb", tree::memory() as f64 / 1e6);
    figures.insert("wakeups", more_waits as f64 / seconds);
    figures.insert("cpu_ms", cpu as f64 / 1e3 / seconds);
    Ok(())
}

/// Answers, as fast as they can be taken.
fn stream(session: &mut Session, figures: &mut Figures) -> Result<(), Failure> {
    converse(session, figures, ANSWERS)
}

/// One long answer.
fn long(session: &mut Session, figures: &mut Figures) -> Result<(), Failure> {
    converse(session, figures, 1)
}

/// Typing while an answer comes: each key is awaited, and then the next is typed a moment later.
fn keys(session: &mut Session, figures: &mut Figures) -> Result<(), Failure> {
    ask(session)?;
    // Its first line may have gone before a frame was drawn.
    let has_begun = |contents: String| contents.contains(BEGINS) || contents.contains(SENTENCE);
    session.until("the answer begins", |terminal| has_begun(terminal.contents()))?;
    let (mut typed, mut took) = (String::new(), Vec::new());
    for number in 0..KEYS {
        let key = if (number / LETTERS).is_multiple_of(2) {
            let letter = char::from(b'a' + (number % 26) as u8);
            typed.push(letter);
            letter.to_string()
        } else if typed.len() > 1 {
            typed.pop();
            "\x7f".to_owned()
        } else {
            // An empty composer may show anything.
            typed.push('y');
            "y".to_owned()
        };
        let sent = session.send(&key)?;
        let shown =
            session.until("a key is shown", |terminal| terminal.composer().as_deref() == Some(typed.as_str()))?;
        took.push(milliseconds(sent, shown));
        // Not in step with anything that draws at intervals.
        session.pass(Duration::from_micros(15_000 + (number as u64 * 7919) % 30_000))?;
    }
    if session.contents().contains(ENDS) {
        return Err(Failure::Run("the answer had ended before all keys were typed".into()));
    }
    took.sort_by(f64::total_cmp);
    for (name, of_100) in [("p50_ms", 50), ("p99_ms", 99), ("most_ms", 100)] {
        figures.insert(name, took[(took.len() * of_100).div_ceil(100) - 1]);
    }
    Ok(())
}

/// Long answers, one after the other.
fn memory(session: &mut Session, figures: &mut Figures) -> Result<(), Failure> {
    converse(session, figures, LONG_ANSWERS)?;
    figures.insert("peak_mb", tree::peak() as f64 / 1e6);
    Ok(())
}

/// Asks for so many answers, one after the other.
fn converse(session: &mut Session, figures: &mut Figures, answers: usize) -> Result<(), Failure> {
    let before = session.cpu_us();
    let first = ask(session)?;
    let mut shown = answered(session, None)?;
    for _ in 1..answers {
        let before = ending(&session.contents());
        ask(session)?;
        shown = answered(session, before)?;
    }
    figures.insert("shown_s", milliseconds(first, shown) / 1e3);
    figures.insert("cpu_s", (session.cpu_us() - before) as f64 / 1e6);
    session.pass(SETTLING)?;
    figures.insert("memory_mb", tree::memory() as f64 / 1e6);
    Ok(())
}

/// Says something to the model; when.
fn ask(session: &mut Session) -> Result<Instant, Failure> {
    session.until("the composer", |terminal| terminal.composer().is_some())?;
    session.send(PROMPT)?;
    session.until("the prompt", |terminal| terminal.composer().as_deref() == Some(PROMPT))?;
    session.pass(BEFORE_ENTER)?;
    session.send("\r")
}

/// Waits until an answer has been shown that ends otherwise than the one before; when that was.
fn answered(session: &mut Session, before: Option<usize>) -> Result<Instant, Failure> {
    let is_new = |found: Option<usize>| found.is_some() && found != before;
    let shown = session.until("the end of the answer", |terminal| is_new(ending(&terminal.contents())))?;
    session.quiet(REST)?;
    Ok(shown)
}

/// The number of the last answer whose end is on the screen.
fn ending(contents: &str) -> Option<usize> {
    let (_, rest) = contents.rsplit_once(ENDS)?;
    let (number, _) = rest.split_once('.')?;
    number.parse().ok()
}

fn milliseconds(from: Instant, to: Instant) -> f64 {
    to.saturating_duration_since(from).as_secs_f64() * 1e3
}
