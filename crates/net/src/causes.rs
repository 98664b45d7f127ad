//! What lies beneath an error, in one line.
//!
//! HTTP libraries say "error sending request" and keep the reason (refused, name not found, bad certificate) several
//! sources down. This never prints a URL, since query strings may hold keys.

use std::error::Error;

/// The error's innermost causes joined by `: `, outermost first; the error itself only if it has none.
///
/// A cause whose text repeats in the next one is left out.
pub fn causes(error: &(dyn Error + 'static)) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        match words.last_mut() {
            Some(last) if last.ends_with(&text) => {}
            Some(last) if text.contains(last.as_str()) => *last = text,
            _ => words.push(text),
        }
        next = cause.source();
    }
    if words.is_empty() { error.to_string() } else { words.join(": ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Layer {
        text: &'static str,
        source: Option<Box<Layer>>,
    }

    fn layers(texts: &[&'static str]) -> Layer {
        let (text, rest) = texts.split_first().unwrap();
        let source = (!rest.is_empty()).then(|| Box::new(layers(rest)));
        Layer { text, source }
    }

    #[test]
    fn the_reason_is_named_and_nothing_is_said_twice() {
        for (texts, expected) in [
            (vec!["alone"], "alone"),
            (vec!["error sending request", "connect", "refused"], "connect: refused"),
            (vec!["top", "tcp: refused", "refused"], "tcp: refused"),
            (vec!["top", "refused", "os: refused (111)"], "os: refused (111)"),
        ] {
            assert_eq!(causes(&layers(&texts)), expected);
        }
    }
}
