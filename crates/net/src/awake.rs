//! Time on a machine that may sleep. Timers stand still while it does; servers and their limits go on.

use std::{
    fmt,
    pin::pin,
    sync::OnceLock,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::time::{Instant, timeout};

/// How often it is looked whether the machine has slept.
const LOOK: Duration = Duration::from_secs(2);
/// A shorter sleep is none: the clocks are not read at the same moment.
const NAP: Duration = Duration::from_secs(3);
/// How long a server may stay silent after the machine slept: most often its connection is gone, and nothing says so.
const AFTER_SLEEP: Duration = Duration::from_secs(15);

/// Time since a moment.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch {
    /// It does not go on while the machine sleeps.
    awake: Instant,
    whole: Duration,
    clocks: Clocks,
}

/// What tells how long the machine slept.
#[derive(Debug, Clone, Copy)]
struct Clocks {
    /// Time by a clock that goes on while the machine sleeps, and that may be set. Looking at it costs nothing.
    whole: fn() -> Duration,
    /// How long the machine has slept in all, as far as that is known.
    slept: fn() -> Duration,
}

impl Stopwatch {
    /// From now on.
    pub fn start() -> Self {
        first_look();
        Self::by(Clocks { whole: time_of_day, slept: slept_in_all })
    }

    fn by(clocks: Clocks) -> Self {
        Self { awake: Instant::now(), whole: (clocks.whole)(), clocks }
    }

    /// All the time, sleep included.
    pub fn elapsed(&self) -> Duration {
        self.awake.elapsed() + self.slept()
    }

    /// How much of it the machine slept.
    pub fn slept(&self) -> Duration {
        let gap = (self.clocks.whole)().saturating_sub(self.whole).saturating_sub(self.awake.elapsed());
        // A clock that was set forward has such a gap too.
        if gap >= NAP && (self.clocks.slept)().saturating_add(NAP) >= gap { gap } else { Duration::ZERO }
    }
}

fn time_of_day() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// How long the machine has slept since this was asked first. Where that is not known, as long as anybody may believe.
fn slept_in_all() -> Duration {
    let Some((since, before)) = first_look() else { return Duration::MAX };
    uptime().map_or(Duration::MAX, |uptime| uptime.saturating_sub(before).saturating_sub(since.elapsed()))
}

/// When this was asked first, and how long the machine had been up then.
fn first_look() -> Option<(std::time::Instant, Duration)> {
    static FIRST: OnceLock<Option<(std::time::Instant, Duration)>> = OnceLock::new();
    *FIRST.get_or_init(|| uptime().map(|uptime| (std::time::Instant::now(), uptime)))
}

/// Since the machine was started, its sleep included (Linux, proc_uptime(5)).
fn uptime() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/uptime").ok()?;
    Duration::try_from_secs_f64(text.split_whitespace().next()?.parse().ok()?).ok()
}

/// Waits for so long, of which the sleep of the machine is a part.
pub async fn wait(time: Duration) {
    wait_by(Stopwatch::start(), time).await;
}

async fn wait_by(watch: Stopwatch, time: Duration) {
    loop {
        let left = time.saturating_sub(watch.elapsed());
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left.min(LOOK)).await;
    }
}

/// Nothing came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Silence {
    /// For so long, while the machine was awake.
    pub lasted: Duration,
    /// Whether it slept meanwhile.
    pub slept: bool,
}

impl fmt::Display for Silence {
    /// "300 s", "15 s after this machine slept".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let after = if self.slept { " after this machine slept" } else { "" };
        write!(f, "{} s{after}", self.lasted.as_secs_f32())
    }
}

/// What `work` comes to, for which is waited `most` at most. The machine's sleep does not count; after it the wait is short.
///
/// # Errors
/// When it came to nothing.
pub async fn within<T>(most: Duration, work: impl Future<Output = T>) -> Result<T, Silence> {
    within_by(Stopwatch::start(), most, work).await
}

async fn within_by<T>(watch: Stopwatch, most: Duration, work: impl Future<Output = T>) -> Result<T, Silence> {
    let mut work = pin!(work);
    let (mut ends, mut slept) = (watch.awake + most, None);
    loop {
        let now = Instant::now();
        if let Ok(done) = timeout(ends.saturating_duration_since(now).min(LOOK), &mut work).await {
            return Ok(done);
        }
        if slept.is_none() && !watch.slept().is_zero() {
            slept = Some(now);
            ends = ends.min(Instant::now() + AFTER_SLEEP);
        }
        if Instant::now() >= ends {
            let lasted = slept.map_or(most, |_| most.min(AFTER_SLEEP));
            return Err(Silence { lasted, slept: slept.is_some() });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{future::pending, sync::atomic::AtomicU64, sync::atomic::Ordering::Relaxed};

    use super::*;

    /// Seconds by the clock that does not stand still.
    static SECONDS: AtomicU64 = AtomicU64::new(0);

    /// The machine slept as long as the clock says.
    const SLEEPS: Clocks = Clocks { whole: || Duration::from_secs(SECONDS.load(Relaxed)), slept: || Duration::MAX };
    /// It never slept: the clock was set.
    const IS_SET: Clocks = Clocks { slept: || Duration::ZERO, ..SLEEPS };

    /// So many seconds of the stopped clock pass.
    async fn awake_for(seconds: u64) {
        let _ = timeout(Duration::from_secs(seconds), pending::<()>()).await;
    }

    /// The machine sleeps for so many seconds, so many seconds from now.
    fn sleeps(seconds: u64, after: u64) {
        tokio::spawn(async move {
            awake_for(after).await;
            SECONDS.fetch_add(after + seconds, Relaxed);
        });
    }

    /// In one test: there is one clock.
    #[tokio::test(start_paused = true)]
    async fn sleep_is_no_silence_and_shortens_a_wait() {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        // What is awaited for 5 minutes at most, how long the machine sleeps and after what time, all in seconds; what is
        // waited awake, and what is said.
        for (sleep, after, waited, told) in [
            (0, 0, 300, "300 s"),
            (3600, 60, 75, "15 s after this machine slept"),
            (3600, 290, 300, "15 s after this machine slept"),
            (1, 60, 300, "300 s"),
        ] {
            let (begun, watch) = (Instant::now(), Stopwatch::by(SLEEPS));
            if sleep > 0 {
                sleeps(sleep, after);
            }
            let silence = within_by(watch, minutes(5), pending::<()>()).await.unwrap_err();
            assert_eq!(silence.to_string(), told);
            let took = begun.elapsed().as_secs();
            assert!((waited..=waited + 2).contains(&took), "{took} s for {sleep} s of sleep after {after} s");
        }
        let (begun, watch) = (Instant::now(), Stopwatch::by(IS_SET));
        sleeps(3600, 60);
        assert_eq!(within_by(watch, minutes(5), pending::<()>()).await.unwrap_err().to_string(), "300 s");
        assert_eq!(begun.elapsed().as_secs(), 300, "a clock that is set is no sleep");

        let watch = Stopwatch::by(SLEEPS);
        sleeps(3600, 1);
        let answer = awake_for(10);
        assert_eq!(within_by(watch, minutes(5), answer).await, Ok(()), "what comes in time after it counts");

        let (begun, watch) = (Instant::now(), Stopwatch::by(SLEEPS));
        sleeps(3600, 10);
        wait_by(watch, minutes(30)).await;
        assert!(
            begun.elapsed() <= Duration::from_secs(13),
            "{:?}: the limit of a server does not sleep",
            begun.elapsed()
        );
        assert_eq!((watch.elapsed().as_secs(), watch.slept().as_secs() / 100), (3610, 35));
    }

    #[tokio::test(start_paused = true)]
    async fn without_sleep_a_wait_is_what_it_says() {
        let begun = Instant::now();
        wait(Duration::from_secs(90)).await;
        assert_eq!(begun.elapsed().as_secs(), 90);
        assert_eq!(within(Duration::from_secs(1), async { 3 }).await, Ok(3));
        assert_eq!(Stopwatch::start().slept(), Duration::ZERO);
    }

    #[test]
    fn the_clocks_go_on() {
        let (one, other) = (time_of_day(), time_of_day());
        assert!(one > Duration::ZERO && other >= one);
        slept_in_all();
        assert!(slept_in_all() < Duration::from_secs(3600) || uptime().is_none());
    }
}
