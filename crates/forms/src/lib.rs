//! What a stranger's form asks of a person: the flat JSON Schema of a server of tools, read once, and whether an answer fits.
//! Pure; for whoever shows a form and whoever passes its answer on alike.

use serde_json::{Map, Value};

/// Most fields of a form, and most choices of a field. A schema with more is none.
const MOST: usize = 100;

/// A form. The default has no fields: yes is the whole answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Form {
    /// What must be there first, and then in the order of the schema.
    pub fields: Vec<Field>,
}

/// A field of a form.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Its name in the answer.
    pub name: String,
    /// What it is called for people, where that is something else.
    pub title: Option<String>,
    /// What it is for.
    pub about: Option<String>,
    /// Whether there is no answer without it.
    pub required: bool,
    /// What may be in it.
    pub kind: FieldKind,
    /// What is in it at first, if that may be in it.
    pub default: Option<Value>,
}

/// What may be in a field.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldKind {
    /// Text.
    Text {
        /// Least characters.
        min: Option<u64>,
        /// Most characters.
        max: Option<u64>,
        /// What it has to look like.
        format: Option<TextFormat>,
    },
    /// A number.
    Number {
        /// The smallest.
        min: Option<f64>,
        /// The largest.
        max: Option<f64>,
        /// Whether it has no fraction.
        whole: bool,
    },
    /// Yes or no.
    Switch,
    /// One of these.
    One(Vec<FieldChoice>),
    /// Some of these.
    Some {
        /// From which they are chosen.
        choices: Vec<FieldChoice>,
        /// Least of them.
        min: Option<u64>,
        /// Most of them.
        max: Option<u64>,
    },
}

/// One of several that may be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldChoice {
    /// What stands in the answer.
    pub value: String,
    /// What people read.
    pub title: String,
}

/// What a text has to look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextFormat {
    /// `name@host`.
    Email,
    /// An address with its scheme.
    Uri,
    /// `2026-12-31`.
    Date,
    /// `2026-12-31T23:59:59Z`.
    DateTime,
}

impl Form {
    /// Reads a schema.
    ///
    /// # Errors
    /// A sentence: it is no flat schema of fields that a person can fill in.
    pub fn read(schema: &Value) -> Result<Self, String> {
        let none = Map::new();
        let properties = match schema.get("properties") {
            None => &none,
            Some(properties) => properties.as_object().ok_or("`properties` is no object")?,
        };
        if properties.len() > MOST {
            return Err(format!("it has more than {MOST} fields"));
        }
        let required = schema.get("required").and_then(Value::as_array);
        let is_required = |name: &str| required.is_some_and(|all| all.iter().any(|it| it == name));
        if let Some(missing) =
            required.into_iter().flatten().find(|it| it.as_str().is_none_or(|it| !properties.contains_key(it)))
        {
            return Err(format!("{missing} is required, and is no field"));
        }
        let mut fields = Vec::with_capacity(properties.len());
        for (name, schema) in properties {
            let kind = kind(schema).ok_or_else(|| format!("the field `{name}` is of no kind that can be filled in"))?;
            let text = |member: &str| schema.get(member).and_then(Value::as_str).map(str::to_owned);
            let mut field = Field {
                name: name.clone(),
                title: text("title").filter(|title| !title.trim().is_empty()),
                about: text("description").filter(|about| !about.trim().is_empty()),
                required: is_required(name),
                kind,
                default: None,
            };
            field.default = schema.get("default").filter(|value| field.check(value).is_ok()).cloned();
            fields.push(field);
        }
        fields.sort_by_key(|field| !field.required);
        Ok(Self { fields })
    }

    /// Whether `content` answers the form: all that is required, and nothing that was not asked for.
    ///
    /// # Errors
    /// A sentence: what is wrong with which field.
    pub fn check(&self, content: &Map<String, Value>) -> Result<(), String> {
        if let Some(name) = content.keys().find(|name| self.fields.iter().all(|field| field.name != **name)) {
            return Err(format!("`{name}` was not asked for"));
        }
        for field in &self.fields {
            match content.get(&field.name) {
                Some(value) => field.check(value).map_err(|why| format!("`{}`: {why}", field.name))?,
                None if field.required => return Err(format!("`{}` is required", field.name)),
                None => {}
            }
        }
        Ok(())
    }
}

/// What may be in a field of this schema.
fn kind(schema: &Value) -> Option<FieldKind> {
    let number = |name: &str| schema.get(name).and_then(Value::as_f64);
    let count = |name: &str| schema.get(name).and_then(Value::as_u64);
    let choices = choices(schema);
    Some(match (schema.get("type").and_then(Value::as_str), choices) {
        (Some("string") | None, Some(choices)) => FieldKind::One(choices?),
        (Some("string"), None) => FieldKind::Text {
            min: count("minLength"),
            max: count("maxLength"),
            format: match schema.get("format").and_then(Value::as_str) {
                Some("email") => Some(TextFormat::Email),
                Some("uri") => Some(TextFormat::Uri),
                Some("date") => Some(TextFormat::Date),
                Some("date-time") => Some(TextFormat::DateTime),
                _ => None,
            },
        },
        (Some(kind @ ("number" | "integer")), _) => {
            FieldKind::Number { min: number("minimum"), max: number("maximum"), whole: kind == "integer" }
        }
        (Some("boolean"), _) => FieldKind::Switch,
        (Some("array"), _) => FieldKind::Some {
            choices: self::choices(schema.get("items")?)??,
            min: count("minItems"),
            max: count("maxItems"),
        },
        _ => return None,
    })
}

/// What a schema lets one choose from. `Some(None)`: it says so, and there is nothing that could be chosen.
fn choices(schema: &Value) -> Option<Option<Vec<FieldChoice>>> {
    let fits = |choices: Vec<FieldChoice>| (1..=MOST).contains(&choices.len()).then_some(choices);
    if let Some(names) = schema.get("enum") {
        let titles = schema.get("enumNames").and_then(Value::as_array);
        let title = |at: usize| titles.and_then(|titles| titles.get(at)?.as_str());
        let choice = |(at, value): (usize, &Value)| {
            let value = value.as_str()?.to_owned();
            Some(FieldChoice { title: title(at).unwrap_or(&value).to_owned(), value })
        };
        return Some(
            names.as_array().and_then(|names| fits(names.iter().enumerate().map(choice).collect::<Option<_>>()?)),
        );
    }
    let titled = schema.get("oneOf").or_else(|| schema.get("anyOf"))?;
    let choice = |choice: &Value| {
        let value = choice.get("const")?.as_str()?.to_owned();
        let title = choice.get("title").and_then(Value::as_str).unwrap_or(&value).to_owned();
        Some(FieldChoice { value, title })
    };
    Some(titled.as_array().and_then(|all| fits(all.iter().map(choice).collect::<Option<_>>()?)))
}

impl Field {
    /// What it is called for people.
    pub fn called(&self) -> &str {
        self.title.as_deref().unwrap_or(&self.name)
    }

    /// What was typed, as it stands in the answer; `None`: nothing was.
    ///
    /// # Errors
    /// A sentence: it cannot be in this field.
    pub fn typed(&self, text: &str) -> Result<Option<Value>, String> {
        if text.trim().is_empty() {
            return if self.required { Err("it is required".into()) } else { Ok(None) };
        }
        let value = match &self.kind {
            FieldKind::Number { whole: true, .. } => {
                text.trim().parse::<i64>().map(Value::from).map_err(|_| "a whole number is wanted")?
            }
            FieldKind::Number { .. } => {
                let number = text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
                Value::from(number.ok_or("a number is wanted")?)
            }
            FieldKind::Text { format: Some(_), .. } => Value::from(text.trim()),
            _ => Value::from(text),
        };
        self.check(&value)?;
        Ok(Some(value))
    }

    /// Whether `value` may be in it.
    ///
    /// # Errors
    /// A sentence: why not.
    pub fn check(&self, value: &Value) -> Result<(), String> {
        let is = |fits: bool, why: &str| if fits { Ok(()) } else { Err(why.to_owned()) };
        match &self.kind {
            FieldKind::Text { min, max, format } => {
                let text = value.as_str().ok_or("a text is wanted")?;
                let long = text.chars().count() as u64;
                within(long, *min, *max, "characters")?;
                format.map_or(Ok(()), |format| is(format.fits(text), format.wanted()))
            }
            FieldKind::Number { min, max, whole } => {
                let wanted = if *whole { "a whole number is wanted" } else { "a number is wanted" };
                let number = value.as_f64().filter(|number| !whole || number.fract() == 0.0).ok_or(wanted)?;
                match (min, max) {
                    (Some(min), _) if number < *min => Err(format!("at least {min} is wanted")),
                    (_, Some(max)) if number > *max => Err(format!("at most {max} is wanted")),
                    _ => Ok(()),
                }
            }
            FieldKind::Switch => is(value.is_boolean(), "yes or no is wanted"),
            FieldKind::One(choices) => is(is_one(choices, value), "one of the choices is wanted"),
            FieldKind::Some { choices, min, max } => {
                let chosen = value.as_array().filter(|all| all.iter().all(|one| is_one(choices, one)));
                let chosen = chosen.ok_or("some of the choices are wanted")?;
                within(chosen.len() as u64, *min, *max, "choices")
            }
        }
    }
}

fn is_one(choices: &[FieldChoice], value: &Value) -> bool {
    choices.iter().any(|choice| *value == *choice.value)
}

fn within(count: u64, min: Option<u64>, max: Option<u64>, what: &str) -> Result<(), String> {
    match (min, max) {
        (Some(min), _) if count < min => Err(format!("at least {min} {what} are wanted")),
        (_, Some(max)) if count > max => Err(format!("at most {max} {what} are wanted")),
        _ => Ok(()),
    }
}

impl TextFormat {
    /// What it is, for people.
    pub fn wanted(self) -> &'static str {
        match self {
            Self::Email => "an address like name@host is wanted",
            Self::Uri => "an address like https://host/ is wanted",
            Self::Date => "a date like 2026-12-31 is wanted",
            Self::DateTime => "a time like 2026-12-31T23:59:59Z is wanted",
        }
    }

    fn fits(self, text: &str) -> bool {
        let is_plain = !text.chars().any(|c| c.is_whitespace() || c.is_control());
        is_plain
            && match self {
                Self::Email => text.split_once('@').is_some_and(|(name, host)| {
                    !name.is_empty()
                        && !host.contains('@')
                        && !host.starts_with('.')
                        && !host.ends_with('.')
                        && !host.is_empty()
                }),
                Self::Uri => text.split_once(':').is_some_and(|(scheme, rest)| {
                    let is_scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
                    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                        && scheme.chars().all(is_scheme)
                        && !rest.is_empty()
                }),
                Self::Date => is_date(text),
                Self::DateTime => {
                    text.split_once(['T', 't']).is_some_and(|(date, time)| is_date(date) && is_time(time))
                }
            }
    }
}

/// Numbers of two digits and more, between `between`, each within its limits.
fn numbers(text: &str, between: char, limits: &[(usize, u32, u32)]) -> bool {
    let parts: Vec<&str> = text.split(between).collect();
    let fits = |(part, (digits, min, max)): (&&str, &(usize, u32, u32))| {
        let is_number = part.len() == *digits && part.bytes().all(|byte| byte.is_ascii_digit());
        is_number && part.parse::<u32>().is_ok_and(|number| (*min..=*max).contains(&number))
    };
    parts.len() == limits.len() && parts.iter().zip(limits).all(fits)
}

fn is_date(text: &str) -> bool {
    let number = |range| text.get(range).and_then(|part: &str| part.parse::<u32>().ok()).unwrap_or_default();
    if !numbers(text, '-', &[(4, 0, 9999), (2, 1, 12), (2, 1, 31)]) {
        return false;
    }
    let (year, month, day) = (number(0..4), number(5..7), number(8..10));
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    day <= days
}

/// A time of a day with its zone.
fn is_time(text: &str) -> bool {
    let Some(at) = text.find(['Z', 'z', '+', '-']) else { return false };
    let (time, zone) = text.split_at(at);
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let is_fraction = !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let is_zone = zone.eq_ignore_ascii_case("z")
        || zone.get(1..).is_some_and(|offset| numbers(offset, ':', &[(2, 0, 23), (2, 0, 59)]));
    is_fraction && is_zone && numbers(time, ':', &[(2, 0, 23), (2, 0, 59), (2, 0, 60)])
}

#[cfg(test)]
mod tests;
