//! The nearest of some names to one that was mistyped. Suggests, never corrects.

/// The name that `typed` was probably meant to be: at most one mistake per three letters away (at least one).
pub(crate) fn nearest<'a>(typed: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    nearest_with_distance(typed, names).map(|(_, name)| name)
}

/// As [`nearest`], with the number of mistakes. Case and `-` for `_` are none.
pub(crate) fn nearest_with_distance<'a>(
    typed: &str,
    names: impl IntoIterator<Item = &'a str>,
) -> Option<(usize, &'a str)> {
    let typed: Vec<char> = letters(typed).take(64).collect();
    let allowed = (typed.len() / 3).max(1);
    names
        .into_iter()
        // What is longer or shorter by more is not near: that is soon told of a stranger's many keys.
        .filter(|name| name.chars().count().abs_diff(typed.len()) <= allowed)
        .map(|name| (distance(&typed, &letters(name).collect::<Vec<_>>()), name))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
}

/// Whether two names differ at most in case and in `-` for `_`.
pub(crate) fn alike(a: &str, b: &str) -> bool {
    letters(a).eq(letters(b))
}

fn letters(name: &str) -> impl Iterator<Item = char> {
    name.chars().flat_map(char::to_lowercase).map(|c| if c == '-' { '_' } else { c })
}

/// `did you mean …?` for a name, if one is near.
pub(crate) fn did_you_mean<'a>(typed: &str, names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(typed, names).map(|name| format!("did you mean `{name}`?"))
}

/// Insertions, deletions, replacements and swaps of neighbours that turn one into the other.
fn distance(a: &[char], b: &[char]) -> usize {
    let (mut before, mut above): (Vec<usize>, Vec<usize>) = (Vec::new(), (0..=b.len()).collect());
    for i in 0..a.len() {
        let mut row = vec![i + 1];
        for j in 0..b.len() {
            let mut best = (above[j] + usize::from(a[i] != b[j])).min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let names = ["sandbox", "search", "model", "model_provider", "oss"];
        let cases = [
            ("sandox", Some("sandbox")),
            ("snadbox", Some("sandbox")),
            ("Sandbox", Some("sandbox")),
            ("modle", Some("model")),
            ("models", Some("model")),
            ("model_providers", Some("model_provider")),
            ("os", Some("oss")),
            ("Model-Provider", Some("model_provider")),
            ("theme", None),
            ("", None),
        ];
        for (typed, expected) in cases {
            assert_eq!(nearest(typed, names), expected, "{typed}");
        }
    }
}
