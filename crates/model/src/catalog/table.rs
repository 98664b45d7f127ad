//! Reads the table of models, which says in its head what stands in it. A line that cannot be read is passed over; a test
//! reads them all.

use std::sync::LazyLock;

use super::{Efforts, Known, Said, Takes, Thinking};
use crate::prices::{Long, Price};

const TABLE: &str = include_str!("catalog.txt");

/// All rows of the table. They are asked for with every answer of a model.
static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| rows().collect());

/// The models of one provider.
#[derive(Clone, Copy, Default)]
struct Section {
    /// Empty for models with open weights.
    provider: &'static str,
    /// Whether others who have its models ask its prices.
    everywhere: bool,
    tiers: Option<&'static str>,
}

/// A line of the table.
struct Row {
    section: Section,
    id: &'static str,
    /// What stands after it.
    rest: &'static str,
}

/// What is known of `model` as `provider` has it.
pub(super) fn find(provider: &str, model: &str) -> Known {
    let plain = model.rsplit_once('/').map_or(model, |(_, id)| id);
    let (dated, plain_dated) = (undated(model), undated(plain));
    // The later, the better.
    let fits = |row: &Row| match row.id.strip_suffix('*') {
        Some(prefix) => begins(plain, prefix).map(|length| (0, length)),
        None if row.section.provider == provider && same(row.id, model) => Some((4, 0)),
        None if row.section.provider == provider && same(row.id, dated) => Some((3, 0)),
        None if row.section.everywhere && same(row.id, plain) => Some((2, 0)),
        None if row.section.everywhere && same(row.id, plain_dated) => Some((1, 0)),
        None => None,
    };
    let best = ROWS.iter().filter_map(|row| fits(row).map(|how| (how, row))).max_by_key(|(how, _)| *how);
    let service_tiers = ROWS.iter().map(|row| row.section).find(|section| section.provider == provider);
    let service_tiers = service_tiers.and_then(|section| section.tiers);
    let known = best.and_then(|(_, row)| row.read()).unwrap_or_default();
    Known { service_tiers, ..known }
}

fn section(line: &'static str) -> Option<Section> {
    let (provider, rest) = line.strip_prefix('[')?.split_once(']')?;
    let words = || rest.split_whitespace();
    Some(Section {
        provider,
        everywhere: words().any(|word| word == "everywhere"),
        tiers: words().find_map(|word| word.strip_prefix("tiers=")),
    })
}

fn rows() -> impl Iterator<Item = Row> {
    let mut of = Section::default();
    TABLE.lines().filter_map(move |line| {
        if let Some(begun) = section(line) {
            of = begun;
            return None;
        }
        let (id, rest) = line.split_once(' ').filter(|(id, _)| !id.starts_with('#'))?;
        Some(Row { section: of, id, rest })
    })
}

impl Row {
    fn read(&self) -> Option<Known> {
        let mut columns = self.rest.split_whitespace();
        let mut column = || columns.next();
        let (window, output, thinks, takes) = (column()?, column()?, column()?, column()?);
        let (input, cached, written, produced, long) = (column()?, column()?, column()?, column()?, column()?);
        let price = match input {
            "-" => None,
            _ => {
                let input = input.parse().ok()?;
                let or_input = |price: &str| if price == "-" { Some(input) } else { price.parse().ok() };
                Some(Price {
                    input,
                    cached_input: or_input(cached)?,
                    cache_write: or_input(written)?,
                    output: produced.parse().ok()?,
                    long: if long == "-" { None } else { Some(read_long(long)?) },
                })
            }
        };
        Some(Known {
            context_window: tokens(window)?,
            max_output_tokens: tokens(output)?,
            thinking: thinking(thinks),
            takes: Some(Takes {
                images: names(takes, "images"),
                temperature: names(takes, "temperature"),
                verbosity: names(takes, "verbosity"),
            }),
            service_tiers: None,
            price,
            said: Said::default(),
        })
    }
}

/// `Some(None)`: it is not known.
fn tokens(text: &str) -> Option<Option<u64>> {
    if text == "-" { Some(None) } else { text.parse().ok().map(Some) }
}

fn thinking(text: &str) -> Thinking {
    let efforts = |text: &str| Efforts::new(text.split(','));
    match text {
        "-" => Thinking::Unknown,
        "no" => Thinking::No,
        "fixed" => Thinking::Fixed,
        "budget" => Thinking::Budget,
        text => match text.strip_prefix("adaptive:") {
            Some(text) => Thinking::Adaptive(efforts(text)),
            None => Thinking::Efforts(efforts(text)),
        },
    }
}

fn read_long(text: &str) -> Option<Long> {
    let mut parts = text.split(':');
    let tokens = parts.next()?.parse().ok()?;
    Some(Long { tokens, input: parts.next()?.parse().ok()?, output: parts.next()?.parse().ok()? })
}

fn names(list: &str, wanted: &str) -> bool {
    list.split(',').any(|name| name == wanted)
}

/// Ids are spelled in more than one way: `Llama-3.1` and `llama3.1`.
fn folded(id: &str) -> impl Iterator<Item = char> {
    let mut chars = id.chars().peekable();
    let mut before = ' ';
    std::iter::from_fn(move || {
        let mut now = chars.next()?;
        if now == '-' && before.is_ascii_alphabetic() {
            now = chars.next_if(char::is_ascii_digit).unwrap_or(now);
        }
        before = now.to_ascii_lowercase();
        Some(before)
    })
}

/// Gateways write a version with points: `claude-opus-4.5` is `claude-opus-4-5`.
fn same(one: &str, other: &str) -> bool {
    let folded = |id| folded(id).map(|c| if c == '.' { '-' } else { c });
    folded(one).eq(folded(other))
}

/// How long `prefix` is, if `id` begins so.
fn begins(id: &str, prefix: &str) -> Option<usize> {
    let mut id = folded(id);
    let mut length = 0;
    folded(prefix)
        .all(|c| {
            length += 1;
            id.next() == Some(c)
        })
        .then_some(length)
}

/// The id without the date of a snapshot: `-YYYY-MM-DD` or `-YYYYMMDD`.
fn undated(id: &str) -> &str {
    let is_date = |date: &str| {
        let digits = || date.bytes().filter(u8::is_ascii_digit).count();
        date.starts_with("20")
            && digits() == 8
            && (date.len() == 8 || date.as_bytes()[4] == b'-' && date.as_bytes()[7] == b'-')
    };
    let without = |length: usize| {
        let (name, date) = id.split_at_checked(id.len().checked_sub(length)?)?;
        date.strip_prefix('-').filter(|date| is_date(date)).map(|_| name)
    };
    without(11).or_else(|| without(9)).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_line_is_read_and_sensible() {
        let mut seen = BTreeSet::new();
        for row in rows() {
            let (provider, id) = (row.section.provider, row.id);
            assert!(seen.insert((provider, folded(id).collect::<String>())), "{id} stands twice in [{provider}]");
            let known = row.read().unwrap_or_else(|| panic!("{id}: {}", row.rest));
            assert_eq!(row.rest.split_whitespace().count(), 9, "{id}");
            assert!(known.context_window.is_some(), "{id}");
            assert!(known.efforts().is_none_or(|_| known.thinking != Thinking::Efforts(Efforts::default())), "{id}");
            if let Some(price) = known.price {
                assert!(price.cached_input <= price.input && price.input <= price.output, "{id}: {price:?}");
                assert!(price.cached_input > 0.0 && price.cache_write >= price.input, "{id}: {price:?}");
                assert!(!id.ends_with('*') && !provider.is_empty(), "{id}: a family has no price");
            }
        }
        let read = TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with(['#', '['])).count();
        assert_eq!(seen.len(), read);
        let sections: BTreeSet<&str> = rows().map(|row| row.section.provider).collect();
        assert_eq!(sections.len(), TABLE.lines().filter(|line| section(line).is_some()).count(), "one has no rows");
        assert!(read > 100 && sections.len() > 10, "{read}");
    }

    #[test]
    fn a_price_is_of_an_id_its_snapshots_and_what_gateways_call_it() {
        let table = [
            ("openai", "gpt-5.1", Some(1.25)),
            ("openai", "gpt-5.1-2025-11-13", Some(1.25)),
            ("openai", "gpt-4o-2024-05-13", Some(5.0)),
            ("openai", "gpt-4o-2024-08-06", Some(2.5)),
            ("anthropic", "claude-sonnet-4-5-20250929", Some(3.0)),
            ("openrouter", "openai/gpt-5.1", Some(1.25)),
            ("openrouter", "anthropic/claude-opus-4.5", Some(5.0)),
            ("azure", "gpt-5.1", Some(1.25)),
            ("groq", "openai/gpt-oss-20b", Some(0.075)),
            ("lmstudio", "openai/gpt-oss-20b", None),
            ("openrouter", "openai/gpt-5.1:free", None),
            ("openai", "gpt-5.1-of-mine", None),
            ("openai", "gpt-5.1-2025-11-1x", None),
            ("openai", "-2025-11-13", None),
            ("openai", "é-2025-11-13", None),
            ("ollama", "qwen3:8b", None),
            ("", "", None),
        ];
        for (provider, model, input) in table {
            assert_eq!(find(provider, model).price.map(|price| price.input), input, "{provider}/{model}");
        }
    }

    #[test]
    fn the_longest_beginning_counts_however_it_is_spelled() {
        let table = [
            ("qwen3:8b", Some(40_960)),
            ("Qwen/Qwen3-8B-GGUF", Some(40_960)),
            ("qwen3-coder:30b", Some(262_144)),
            ("llama3.1:8b", Some(131_072)),
            ("meta-llama/Llama-3.1-8B-Instruct", Some(131_072)),
            ("llama3:8b", Some(8_192)),
            ("qwen3.8:27b", Some(262_144)),
            ("gemma-3-27b-it", Some(131_072)),
            ("gemma3:27b", Some(131_072)),
            ("smollm2-135m-instruct", Some(8_192)),
            ("gpt-5.9", Some(272_000)),
            ("claude-nobody-9", Some(200_000)),
            ("phi", None),
        ];
        for (model, window) in table {
            assert_eq!(find("ollama", model).context_window, window, "{model}");
        }
    }
}
