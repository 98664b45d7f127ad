//! How long a vendor asks to wait.
//!
//! `Retry-After` is RFC 9110 section 10.2.3 (seconds, or a date); `retry-after-ms` is OpenAI's finer one. In the
//! middle of a stream there are no headers any more, only words.

use std::time::Duration;

use jiff::{Timestamp, fmt::rfc2822};
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

/// The wait that the headers ask for.
pub(super) fn in_headers(headers: &HeaderMap) -> Option<Duration> {
    let text = |value: Option<&reqwest::header::HeaderValue>| Some(value?.to_str().ok()?.trim().to_owned());
    let millis = text(headers.get("retry-after-ms")).and_then(|text| text.parse::<f64>().ok());
    if let Some(millis) = millis {
        return Duration::try_from_secs_f64(millis / 1000.0).ok();
    }
    let asked = text(headers.get(RETRY_AFTER))?;
    if let Ok(seconds) = asked.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    // A date is read against the server's own clock where it tells it: ours may be wrong.
    let now = text(headers.get(DATE)).and_then(|text| date(&text)).unwrap_or_else(Timestamp::now);
    let wait = date(&asked)?.duration_since(now);
    Some(Duration::try_from(wait).unwrap_or_default())
}

fn date(text: &str) -> Option<Timestamp> {
    rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

/// The words before a wait, in small letters.
const ASKING: &[&str] = &["try again in ", "retry in ", "retry after "];

/// The wait that a message asks for: "Please try again in 1.5s", "in 28ms", "in 20 seconds", "in 1h2m3s".
pub(super) fn in_words(message: &str) -> Option<Duration> {
    let message = message.to_ascii_lowercase();
    let (_, mut rest) = ASKING.iter().find_map(|words| message.split_once(words))?;
    let mut sum = None;
    while let Some((seconds, after)) = seconds(rest) {
        sum = Some(sum.unwrap_or_default() + seconds);
        rest = after.trim_start_matches([' ', ',']);
        rest = rest.strip_prefix("and ").unwrap_or(rest);
    }
    Duration::try_from_secs_f64(sum?).ok()
}

/// The seconds that a number and its unit at the beginning of `text` mean, and what follows.
fn seconds(text: &str) -> Option<(f64, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim_start();
    let letters = unit.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(unit.len());
    let (unit, rest) = unit.split_at(letters);
    let seconds_per_unit = match unit {
        "ms" | "millisecond" | "milliseconds" => 0.001,
        "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
        "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
        "h" | "hr" | "hrs" | "hour" | "hours" => 3600.0,
        "d" | "day" | "days" => 86_400.0,
        _ => return None,
    };
    Some((number.parse::<f64>().ok()? * seconds_per_unit, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn waits_in_headers() {
        const NOW: (&str, &str) = ("date", "Sun, 22 Nov 2026 12:00:00 GMT");
        for (pairs, seconds) in [
            (vec![], None),
            (vec![("retry-after", "7")], Some(7.0)),
            (vec![("retry-after", "7"), ("retry-after-ms", "250")], Some(0.25)),
            (vec![NOW, ("retry-after", "Sun, 22 Nov 2026 12:01:30 GMT")], Some(90.0)),
            (vec![NOW, ("retry-after", "Sun, 22 Nov 2026 11:00:00 GMT")], Some(0.0)),
            (vec![("retry-after", "Sun, 22 Nov 1998 11:00:00 GMT")], Some(0.0)),
            (vec![("retry-after", "soon")], None),
            (vec![("retry-after", "-1")], None),
            (vec![("retry-after", "1e300")], None),
        ] {
            let expected = seconds.map(Duration::from_secs_f64);
            assert_eq!(in_headers(&headers(&pairs)), expected, "{pairs:?}");
        }
    }

    #[test]
    fn waits_in_words() {
        for (words, seconds) in [
            ("Rate limit reached. Please try again in 11.054s. Visit the page.", Some(11.054)),
            ("try again in 28ms", Some(0.028)),
            ("try again in 20 seconds.", Some(20.0)),
            ("try again in 2m", Some(120.0)),
            ("try again in a while", None),
            ("Try again in 1h2m3s.", Some(3723.0)),
            ("try again in 1m30s", Some(90.0)),
            ("try again in 1m0.5s", Some(60.5)),
            ("try again in 350ms", Some(0.35)),
            ("try again in 1 hour, 2 minutes and 3 seconds. 4 s", Some(3723.0)),
            ("try again in 5s and 3 cheers", Some(5.0)),
            ("Please retry in 7s.", Some(7.0)),
            ("Please retry after 20 seconds", Some(20.0)),
            ("try again in 3 days", Some(259_200.0)),
            ("try again in 5.", None),
            ("try again in 1.2.3s", None),
            ("try again in 5 fortnights", None),
            ("no wait is named", None),
        ] {
            assert_eq!(in_words(words), seconds.map(Duration::from_secs_f64), "{words}");
        }
    }
}
