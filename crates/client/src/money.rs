//! Money as people read it.

/// USD, with more digits where there is little of it: `$12.30`, `$0.0042`.
pub fn usd(amount: f64) -> String {
    match amount {
        none if none <= 0.0 => "$0.00".to_owned(),
        little if little < 0.0001 => "<$0.0001".to_owned(),
        little if little < 0.1 => format!("${little:.4}"),
        much => format!("${much:.2}"),
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
}
