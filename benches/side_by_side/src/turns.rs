//! What a turn costs late in a thread and what it cost early; pure.

use serde::{Deserialize, Serialize};

use crate::figures::median;

/// A request as the scripted model saw it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Request {
    /// Microseconds from the answer before until this request had arrived: the client's own time, and that of the way.
    /// `None` for the first of a run.
    pub(crate) after_us: Option<f64>,
    /// Bytes of its body.
    pub(crate) bytes: usize,
}

/// Medians over a stretch of requests.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Stretch {
    /// The first request, counted from one.
    pub(crate) first: usize,
    /// The last one.
    pub(crate) last: usize,
    /// Milliseconds from an answer until the next request had arrived.
    pub(crate) between_ms: f64,
    /// Bytes of a request.
    pub(crate) bytes: f64,
}

/// The requests from `first` to `last`, counted from one, of all `runs` together. `None` if a run has not so many.
pub(crate) fn stretch(runs: &[Vec<Request>], first: usize, last: usize) -> Option<Stretch> {
    let of_run = |run: &Vec<Request>| Some(run.get(first.checked_sub(1)?..last)?.to_vec());
    let among: Vec<Request> = runs.iter().map(of_run).collect::<Option<Vec<_>>>()?.concat();
    let middle = |column: fn(&Request) -> Option<f64>| median(among.iter().filter_map(column).collect());
    Some(Stretch {
        first,
        last,
        between_ms: middle(|request| request.after_us)? / 1000.0,
        bytes: middle(|request| Some(request.bytes as f64))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stretch_of_requests() {
        let run = |factor: usize| -> Vec<Request> {
            let request = |number: usize| Request {
                after_us: (number > 1).then_some((number * factor) as f64 * 1000.0),
                bytes: number * 10,
            };
            (1..=9).map(request).collect()
        };
        let runs = [run(1), run(2), run(3)];
        let found = stretch(&runs, 4, 4).unwrap();
        assert_eq!((found.between_ms, found.bytes), (8.0, 40.0));
        let found = stretch(&runs[..1], 3, 5).unwrap();
        assert_eq!((found.between_ms, found.bytes), (4.0, 40.0));
        for (first, last) in [(1, 1), (0, 3), (8, 10)] {
            assert_eq!(stretch(&runs, first, last), None, "{first} to {last}");
        }
        assert_eq!(stretch(&[], 1, 1), None);
    }
}
