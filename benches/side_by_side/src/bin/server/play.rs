//! What is done with the server, and what is measured of it. Figures have the names that `screens` looks for.

use std::{
    collections::BTreeMap,
    error::Error,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    cgroup::Group,
    client::Client,
    model::{self, PACED, QUICK},
    tree,
};

/// What was found, by name.
pub(crate) type Figures = BTreeMap<&'static str, f64>;

/// Requests that may be without an answer at a time.
const UNANSWERED: usize = 32;

/// How long a server may go on with what it does by itself.
const SETTLING: Duration = Duration::from_secs(1);

const MEGABYTE: f64 = 1_000_000.0;

/// Opens `sessions` sessions, and asks in all at once: first for short answers, then for paced ones.
pub(crate) async fn play(
    mut client: Client,
    sessions: usize,
    group: Option<&Group>,
) -> Result<Figures, Box<dyn Error>> {
    let info = json!({ "clientInfo": { "name": "side-by-side", "title": "side by side", "version": "0" } });
    let hello = client.ask("initialize", info).await?;
    client.answer(hello).await?;
    client.send(&json!({ "method": "initialized" })).await?;
    // The first session pays for what all share.
    let mut threads = open(&mut client, 1).await?;
    let with_one = idling(&mut client, &threads).await?;
    threads.extend(open(&mut client, sessions - 1).await?);
    let with_all = idling(&mut client, &threads).await?;
    let cpu = || group.and_then(Group::cpu_us).unwrap_or_else(tree::living_cpu_us) as f64 / 1000.0;
    let (began, before) = (Instant::now(), cpu());
    turns(&mut client, &threads, QUICK).await?;
    let (wall, cpu) = (began.elapsed().as_secs_f64() * 1000.0, cpu() - before);
    let (mut late, busy) = turns(&mut client, &threads, PACED).await?;
    late.sort_unstable();
    let count = sessions as f64;
    let idle = (with_all - with_one) / (count - 1.0);
    let late = |part: usize| late.get(late.len() * part / 100).map_or(f64::NAN, |&late| late as f64 / 1e6);
    let figures = [
        ("turn_ms", wall / count),
        ("cpu_ms", cpu / count),
        ("p50_ms", late(50)),
        ("p99_ms", late(99)),
        ("idle_mb", idle / MEGABYTE),
        ("memory_mb", busy / MEGABYTE),
    ];
    // Of one session nobody can say what one more takes.
    Ok(figures.into_iter().filter(|(_, value)| value.is_finite()).collect())
}

/// Bytes of memory when each of `threads` has had a turn and nothing happens.
async fn idling(client: &mut Client, threads: &[String]) -> Result<f64, Box<dyn Error>> {
    turns(client, threads, QUICK).await?;
    tokio::time::sleep(SETTLING).await;
    Ok(tree::memory() as f64)
}

/// Opens sessions; their ids.
async fn open(client: &mut Client, sessions: usize) -> Result<Vec<String>, Box<dyn Error>> {
    let (mut asked, mut threads) = (0, Vec::new());
    while threads.len() < sessions {
        while asked < sessions && asked - threads.len() < UNANSWERED {
            client.ask("thread/start", json!({ "approvalPolicy": "never", "sandbox": "read-only" })).await?;
            asked += 1;
        }
        let message = client.hear().await?;
        if message.method.is_none() {
            let id = message.result["thread"]["id"].as_str().ok_or("a thread without an id")?;
            threads.push(id.to_owned());
        }
    }
    Ok(threads)
}

/// Asks in all `threads` and waits until all have answered: by how many nanoseconds each event was later than its piece,
/// and the bytes of memory in the middle.
async fn turns(client: &mut Client, threads: &[String], prompt: &str) -> Result<(Vec<u64>, f64), Box<dyn Error>> {
    let (mut asked, mut answered, mut ended, mut late, mut memory) = (0, 0, 0, Vec::new(), 0.0);
    while ended < threads.len() {
        while asked < threads.len() && asked - answered < UNANSWERED {
            let input = json!([{ "type": "text", "text": prompt }]);
            client.ask("turn/start", json!({ "threadId": threads[asked], "input": input })).await?;
            asked += 1;
        }
        let message = client.hear().await?;
        match message.method.as_deref() {
            None => answered += 1,
            Some("item/agentMessage/delta") => {
                let now = model::now();
                let pieces = message.params["delta"].as_str().unwrap_or_default().split_whitespace();
                late.extend(pieces.filter_map(|piece| Some(now.saturating_sub(piece.parse::<u64>().ok()?))));
            }
            Some("turn/completed") => {
                let status = &message.params["turn"]["status"];
                if status != "completed" {
                    return Err(format!("a turn ended as {status}: {}", message.params).into());
                }
                ended += 1;
                if ended == 1 {
                    memory = tree::memory() as f64;
                }
            }
            Some(_) => {}
        }
    }
    Ok((late, memory))
}
