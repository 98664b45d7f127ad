//! Which key does what: one table of actions, what the configuration makes of it, and the page of documentation.
//!
//! The table is [`BINDINGS`]; `docs/keys.md` and the defaults come from it.

mod document;
mod table;

use std::{collections::BTreeMap, fmt, rc::Rc};

use crate::key::Key;

pub use document::document;
pub use table::{Action, BINDINGS};

/// Where a key is pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Context {
    /// Anywhere but in what lies over the composer.
    Global,
    /// In the composer.
    Composer,
    /// In the composer, under the keys of vi, while no text is inserted.
    VimNormal,
    /// In the pager.
    Pager,
    /// In a list to choose from.
    Picker,
    /// In a question of the agent.
    Approval,
}

impl Context {
    /// All, in the order of the documentation, with what they are called there.
    pub const ALL: [(Self, &'static str); 6] = [
        (Self::Global, "Everywhere"),
        (Self::Composer, "Writing"),
        (Self::VimNormal, "Writing with the keys of vi, in normal and visual mode"),
        (Self::Pager, "Pager"),
        (Self::Picker, "Lists"),
        (Self::Approval, "Questions of the agent"),
    ];

    /// Whether a key of this context may be pressed where one of `other` may.
    fn meets(self, other: Self) -> bool {
        let writing = |context| matches!(context, Self::Global | Self::Composer);
        self == other || (writing(self) && writing(other))
    }
}

/// A line of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding {
    /// Where its keys are pressed.
    pub context: Context,
    /// What they do.
    pub action: Action,
    /// What it is called in the configuration; no two are called alike.
    pub name: &'static str,
    /// The keys unless the configuration says otherwise.
    pub keys: &'static [&'static str],
    /// For people, without a full stop.
    pub about: &'static str,
}

/// Actions that share a key, for each is only there where the other is not.
const SHARED: &[(Action, Action)] = &[
    // The program is left only where nothing is typed.
    (Action::Quit, Action::DeleteForward),
];

/// The keys in force.
#[derive(Debug, Clone)]
pub struct Keymap {
    /// For each line of the table, its keys.
    keys: Rc<[Vec<Key>]>,
}

impl Default for Keymap {
    fn default() -> Self {
        let keys = |binding: &Binding| binding.keys.iter().filter_map(|key| key.parse().ok()).collect();
        Self { keys: BINDINGS.iter().map(keys).collect() }
    }
}

impl Keymap {
    /// The usual keys, with those of `changes`: by name of an action its keys, or the only word `none`.
    ///
    /// # Errors
    /// What is wrong, one sentence a line: an action or a key that there is not, a key that would do two things.
    pub fn new(changes: &BTreeMap<String, Vec<String>>) -> Result<Self, String> {
        if changes.is_empty() {
            return Ok(Self::default());
        }
        let mut keys = Self::default().keys.to_vec();
        let mut wrong = Vec::new();
        for (name, wanted) in changes {
            let Some(at) = BINDINGS.iter().position(|binding| binding.name == name) else {
                wrong.push(no_action(name));
                continue;
            };
            let none = wanted.iter().map(String::as_str).eq(["none"]);
            let parse = |key: &String| key.parse::<Key>().map_err(|why| no_key(name, key, &why));
            match wanted.iter().filter(|_| !none).map(parse).collect() {
                Ok(parsed) => keys[at] = parsed,
                Err(message) => wrong.push(message),
            }
        }
        let keymap = Self { keys: keys.into() };
        wrong.extend(keymap.conflicts());
        if wrong.is_empty() { Ok(keymap) } else { Err(wrong.join("\n")) }
    }

    /// What `key` does in `context`.
    pub fn action(&self, context: Context, key: Key) -> Option<Action> {
        let mut lines = BINDINGS.iter().zip(self.keys.iter());
        lines
            .find(|(binding, keys)| binding.context == context && keys.contains(&key))
            .map(|(binding, _)| binding.action)
    }

    /// The first key of `action`, wherever it is pressed, to be named to a person.
    pub fn shown(&self, action: Action) -> String {
        let mut lines = BINDINGS.iter().zip(self.keys.iter());
        let key = lines.find_map(|(binding, keys)| keys.first().filter(|_| binding.action == action));
        key.map_or_else(|| "(no key)".into(), Key::to_string)
    }

    /// Each line of the table with its keys.
    pub fn lines(&self) -> impl Iterator<Item = (&'static Binding, &[Key])> {
        BINDINGS.iter().zip(self.keys.iter().map(Vec::as_slice))
    }

    /// Keys that would do two things in one place.
    fn conflicts(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (at, (one, keys)) in self.lines().enumerate() {
            for (other, others) in self.lines().skip(at + 1) {
                let shared = SHARED.contains(&(one.action, other.action));
                if one.context.meets(other.context) && !shared {
                    let both = keys.iter().filter(|key| others.contains(key));
                    found.extend(both.map(|key| conflict(key, one, other)));
                }
            }
        }
        found
    }
}

fn no_action(name: &str) -> String {
    let near = BINDINGS.iter().map(|binding| binding.name).find(|known| {
        let plain = |text: &str| text.replace(['-', '_'], "").to_lowercase();
        plain(known) == plain(name)
    });
    let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    format!("`tui.keymap.{name}`: there is no such action{near} (docs/keys.md lists them)")
}

fn no_key(name: &str, key: &str, why: &str) -> String {
    format!("`tui.keymap.{name}`: `{key}` is no key: {why}; keys are written as `ctrl+x`, `alt+enter`, `f5`")
}

fn conflict(key: &Key, one: &Binding, other: &Binding) -> String {
    format!(
        "`tui.keymap`: the key `{key}` stands for both `{}` and `{}`; give one of them another",
        one.name, other.name
    )
}

impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

#[cfg(test)]
mod tests;
