//! Money as people read it.

use std::fmt;

/// USD, with more digits where there is little of it: `$12.30`, `$0.0042`.
pub fn usd(amount: f64) -> String {
    match amount {
        none if none <= 0.0 => "$0.00".to_owned(),
        little if little < 0.0001 => "<$0.0001".to_owned(),
        little if little < 0.1 => format!("${little:.4}"),
        much => format!("${much:.2}"),
    }
}

/// What a session has cost in USD, as far as that is known.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Cost {
    /// All of it.
    pub total: Option<f64>,
    /// What it had cost when the last turn began.
    pub before: Option<f64>,
}

impl Cost {
    /// A turn begins.
    pub fn turn_begins(&mut self) {
        self.before = self.total;
    }
}

impl fmt::Display for Cost {
    /// The total and, where it is not the same, what the last turn cost: `$1.20 ($0.05 this turn)`. Nothing if it is not
    /// known.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(total) = self.total else { return Ok(()) };
        f.write_str(&usd(total))?;
        match self.before {
            Some(before) if before > 0.0 => write!(f, " ({} this turn)", usd(total - before)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_money_has_more_digits() {
        let table =
            [(0.0, "$0.00"), (0.000_01, "<$0.0001"), (0.00421, "$0.0042"), (0.1, "$0.10"), (1234.567, "$1234.57")];
        for (amount, expected) in table {
            assert_eq!(usd(amount), expected);
        }
    }

    #[test]
    fn a_turn_is_told_where_it_is_not_all() {
        let table = [
            (None, None, ""),
            (Some(1.0), None, "$1.00"),
            (Some(0.5), Some(0.0), "$0.50"),
            (Some(1.25), Some(1.2), "$1.25 ($0.0500 this turn)"),
            (Some(1.25), Some(1.25), "$1.25 ($0.00 this turn)"),
        ];
        for (total, before, expected) in table {
            assert_eq!(Cost { total, before }.to_string(), expected);
        }
    }
}
