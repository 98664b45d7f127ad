//! From a tool's argument struct to the schema the model sees, and from what the model wrote back to the struct.
//!
//! It must never guess: what does not fit is an error that names the field.

use std::{
    any::TypeId,
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use codex_history::Arguments;
use schemars::{JsonSchema, generate::SchemaSettings};
use serde::de::{DeserializeOwned, Deserializer, Visitor};
use serde_json::{Map, Value};

use crate::ToolError;

/// The schemas that were asked for: every turn offers all tools again.
static MADE: Mutex<BTreeMap<TypeId, Value>> = Mutex::new(BTreeMap::new());

/// The JSON Schema of `T`, less what only costs tokens: titles, number formats, `null` for what may be left out.
pub fn schema<T: JsonSchema + 'static>() -> Value {
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    made.entry(TypeId::of::<T>()).or_insert_with(make::<T>).clone()
}

fn make<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.meta_schema = None;
        settings.inline_subschemas = true;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    slim(&mut schema);
    schema
}

fn slim(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(slim),
        Value::Object(object) => slim_object(object),
        _ => {}
    }
}

fn slim_object(object: &mut Map<String, Value>) {
    if object.get("title").is_some_and(Value::is_string) {
        object.shift_remove("title");
    }
    if object.get("format").is_some_and(Value::is_string) {
        object.shift_remove("format");
    }
    if object.get("minimum").is_some_and(Value::is_number) {
        object.shift_remove("minimum");
    }
    if object.get("default").is_some_and(|value| value.is_null() || value.as_array().is_some_and(Vec::is_empty)) {
        object.shift_remove("default");
    }
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".into(), only);
        }
    }
    if let Some(Value::Array(values)) = object.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    if let Some(Value::Array(choices)) = object.get_mut("anyOf") {
        choices.retain(|choice| choice.get("type") != Some(&"null".into()));
        if let [Value::Object(only)] = choices.as_slice() {
            let only = only.clone();
            object.shift_remove("anyOf");
            object.extend(only);
        }
    }
    object.values_mut().for_each(slim);
}

/// Reads what the model wrote.
///
/// # Errors
/// A sentence for the model that names the field, if a field is to blame.
pub fn parse<T: DeserializeOwned>(arguments: &Arguments) -> Result<T, ToolError> {
    let text = match arguments.text().trim() {
        "" => "{}",
        text => text,
    };
    let value: Value = serde_json::from_str(text)
        .map_err(|error| ToolError(format!("the arguments are not valid JSON: {error}. Nothing was done")))?;
    let Value::Object(mut object) = value else {
        return Err(ToolError("the arguments are not a JSON object. Nothing was done".into()));
    };
    // Left unsaid, the model would take the answer for one to all that it has asked.
    if let Some(known) = fields::<T>()
        && let Some((name, _)) = object.iter().find(|(name, value)| !value.is_null() && !known.contains(&name.as_str()))
    {
        let known = known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        return Err(ToolError(format!("there is no argument `{name}`: it takes {known}. Nothing was done")));
    }
    object.values_mut().for_each(whole);
    T::deserialize(Value::Object(object.clone())).map_err(|error| {
        let field = culprit::<T>(&object).map(|field| format!("`{field}`: ")).unwrap_or_default();
        ToolError(format!("the arguments do not fit: {field}{error}. Nothing was done"))
    })
}

/// The fields that `T` takes, by all of their names; `None`: it takes any.
fn fields<T: DeserializeOwned>() -> Option<&'static [&'static str]> {
    let mut fields = None;
    let _ = T::deserialize(Asked(&mut fields));
    fields
}

/// Takes note of the fields that a type asks for, and has nothing to give it.
struct Asked<'a>(&'a mut Option<&'static [&'static str]>);

impl<'de> Deserializer<'de> for Asked<'_> {
    type Error = serde::de::value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
        Err(serde::de::Error::custom("nothing"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        *self.0 = Some(fields);
        self.deserialize_any(visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// Models write `1000.0` where a whole number is wanted.
fn whole(value: &mut Value) {
    // Above 2^53 floats leave whole numbers out.
    const MOST: f64 = 9_007_199_254_740_992.0;
    if let Some(float) = value.as_f64().filter(|float| value.is_f64() && float.fract() == 0.0 && float.abs() <= MOST) {
        *value = (float as i64).into();
    }
}

/// The field without which the rest would fit. The error itself does not tell when a value has the wrong type.
fn culprit<T: DeserializeOwned>(object: &Map<String, Value>) -> Option<&str> {
    object.keys().map(String::as_str).find(|key| {
        let mut rest = object.clone();
        rest.shift_remove(*key);
        match T::deserialize(Value::Object(rest)) {
            Ok(_) => true,
            Err(error) => error.to_string().starts_with(&format!("missing field `{key}`")),
        }
    })
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    /// Not for the model.
    #[derive(Debug, PartialEq, Deserialize, JsonSchema)]
    struct Sample {
        /// What.
        title: String,
        #[serde(alias = "how_many")]
        count: Option<u64>,
        kind: Option<Choice>,
    }

    #[derive(Debug, PartialEq, Deserialize, JsonSchema)]
    #[serde(rename_all = "snake_case")]
    enum Choice {
        OneThing,
        Another,
    }

    #[test]
    fn a_schema_is_slim() {
        let mut expected = json!({
            "type": "object",
            "properties": {
                "title": {"type": "string", "description": "What."},
                "count": {"type": "integer"},
                "kind": {"type": "string", "enum": ["one_thing", "another"]},
            },
            "required": ["title"],
        });
        expected["description"] = "Not for the model.".into();
        assert_eq!(schema::<Sample>(), expected);
    }

    #[test]
    fn errors_name_the_field() {
        let table = [
            (r#"{"title":"a"}"#, ""),
            (r#"{"title":"a","count":null,"unknown":null}"#, ""),
            (r#"{"title":"a","how_many":2}"#, ""),
            (
                r#"{"title":"a","unknown":1}"#,
                "there is no argument `unknown`: it takes `title`, `count`, `how_many`, `kind`",
            ),
            (r#"{"title":"a","count":1000.0}"#, ""),
            (r#"{"title":"a","count":1e3}"#, ""),
            (r#"{"title":"a","count":1.5}"#, "`count`: invalid type: floating point"),
            (r#"{"title":"a","count":-1.0}"#, "`count`: invalid value"),
            (r#"{"title":"a","count":1e300}"#, "`count`: invalid type"),
            ("", "missing field `title`"),
            ("{", "not valid JSON"),
            ("[]", "not a JSON object"),
            (r#"{"count":1}"#, "missing field `title`"),
            (r#"{"title":1}"#, "`title`: invalid type"),
            (r#"{"title":"a","count":"b"}"#, "`count`: invalid type"),
            (r#"{"title":"a","kind":"c"}"#, "`kind`: unknown variant `c`"),
        ];
        for (text, expected) in table {
            match parse::<Sample>(&Arguments::Json(text.into())) {
                Ok(_) => assert_eq!(expected, "", "{text}"),
                Err(error) => assert!(!expected.is_empty() && error.0.contains(expected), "{text}: {error}"),
            }
        }
    }
}
