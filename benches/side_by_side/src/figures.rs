//! Medians and ratios of what was measured; pure.

use serde::Serialize;

/// What one run took.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Figures {
    /// Seconds from its start to its end.
    pub(crate) wall: f64,
    /// Seconds of all processors, of the program and of everything it started.
    pub(crate) cpu: f64,
    /// MiB that the largest of its processes had resident at its peak.
    pub(crate) peak: f64,
}

impl Figures {
    fn combined(columns: impl Fn(fn(&Self) -> f64) -> Option<f64>) -> Option<Self> {
        Some(Self {
            wall: columns(|figures| figures.wall)?,
            cpu: columns(|figures| figures.cpu)?,
            peak: columns(|figures| figures.peak)?,
        })
    }

    /// Wall, CPU and peak, in this order.
    pub(crate) fn each(self) -> [f64; 3] {
        [self.wall, self.cpu, self.peak]
    }
}

/// The middle of `values`; of an even number the mean of the two in the middle. `None` if there are none.
pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    Some(if values.len() % 2 == 1 { upper } else { f64::midpoint(values[middle - 1], upper) })
}

/// The median of each figure by itself, of the runs that have not failed.
pub(crate) fn medians(runs: &[Option<Figures>]) -> Option<Figures> {
    Figures::combined(|column| median(runs.iter().flatten().map(column).collect()))
}

/// The median of the ratios of each pair of runs that were made one after the other, figure by figure. Pairs share
/// what else the machine was doing, which medians of either side alone do not. A pair of which one is missing says
/// nothing.
pub(crate) fn ratios(ours: &[Option<Figures>], peers: &[Option<Figures>]) -> Option<Figures> {
    let pairs: Vec<(Figures, Figures)> = ours.iter().zip(peers).filter_map(|(&one, &other)| one.zip(other)).collect();
    Figures::combined(|column| median(pairs.iter().map(|(one, other)| column(one) / column(other)).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(wall: f64, cpu: f64, peak: f64) -> Figures {
        Figures { wall, cpu, peak }
    }

    #[test]
    fn the_middle() {
        for (values, expected) in [
            (vec![], None),
            (vec![3.0], Some(3.0)),
            (vec![9.0, 1.0, 2.0], Some(2.0)),
            (vec![4.0, 1.0, 2.0, 9.0], Some(3.0)),
        ] {
            assert_eq!(median(values.clone()), expected, "{values:?}");
        }
    }

    #[test]
    fn each_figure_has_its_own_median() {
        let runs = [(1.0, 30.0, 200.0), (2.0, 10.0, 300.0), (3.0, 20.0, 100.0)];
        let mut runs = runs.map(|(wall, cpu, peak)| Some(figures(wall, cpu, peak))).to_vec();
        runs.insert(1, None);
        assert_eq!(medians(&runs), Some(figures(2.0, 20.0, 200.0)));
        assert_eq!(medians(&[None]), None);
    }

    #[test]
    fn ratios_are_taken_pair_by_pair() {
        let slow = Some(figures(10.0, 10.0, 10.0));
        let ours = [Some(figures(1.0, 1.0, 5.0)), Some(figures(20.0, 20.0, 5.0)), None, Some(figures(2.0, 4.0, 5.0))];
        let peers = [slow, Some(figures(100.0, 50.0, 10.0)), slow, slow];
        assert_eq!(ratios(&ours, &peers), Some(figures(0.2, 0.4, 0.5)));
        assert_eq!(ratios(&ours[2..3], &peers[2..3]), None);
    }
}
