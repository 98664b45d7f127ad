//! The keys of an overlay, as the user has them. Overlays know the usual keys; what is pressed is taken as the usual key
//! for the same action.

use std::fmt;

use crate::{
    key::Key,
    keymap::{Action, BINDINGS, Context, Keymap},
};

/// The keys of an overlay.
#[derive(Clone)]
pub struct Keys {
    context: Context,
    keymap: Keymap,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Keys").field(&self.context).finish()
    }
}

impl Keys {
    /// The usual ones of `context`.
    pub fn usual(context: Context) -> Self {
        Self { context, keymap: Keymap::default() }
    }

    /// From now on those of `keymap`.
    pub fn bind(&mut self, keymap: &Keymap) {
        self.keymap = keymap.clone();
    }

    /// The usual key for what `key` does; `None` where it does nothing any more. A key that has no action is itself.
    pub fn usual_key(&self, key: Key) -> Option<Key> {
        let mut lines = self.keymap.lines().filter(|(binding, _)| binding.context == self.context);
        if let Some((binding, _)) = lines.find(|(_, keys)| keys.contains(&key)) {
            return binding.keys.first()?.parse().ok();
        }
        let mut usual = BINDINGS.iter().filter(|binding| binding.context == self.context);
        let is_usual = |name: &str| name.parse::<Key>() == Ok(key);
        if usual.any(|binding| binding.keys.iter().any(|name| is_usual(name))) { None } else { Some(key) }
    }

    /// The first key for `action`, as it is named to a person.
    pub fn shown(&self, action: Action) -> String {
        let mut lines = self.keymap.lines();
        let line = lines.find(|(binding, _)| binding.context == self.context && binding.action == action);
        match line.and_then(|(_, keys)| keys.first()).map(Key::to_string).as_deref() {
            Some("left") => "←".into(),
            Some("right") => "→".into(),
            Some("up") => "↑".into(),
            Some("down") => "↓".into(),
            Some(key) => key.into(),
            None => "(no key)".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn what_is_pressed_is_taken_as_the_usual_key() {
        let changes = [("pager-close", "x"), ("pager-down", "ctrl+j"), ("answer-yes", "ctrl+y")];
        let changes: BTreeMap<String, Vec<String>> =
            changes.iter().map(|(name, key)| ((*name).to_owned(), vec![(*key).to_owned()])).collect();
        let mut keys = Keys::usual(Context::Pager);
        let taken = |keys: &Keys, key: &str| keys.usual_key(key.parse().unwrap()).map(|key| key.to_string());
        assert_eq!(taken(&keys, "j").as_deref(), Some("down"));
        assert_eq!(keys.shown(Action::Close), "esc");
        keys.bind(&Keymap::new(&changes).unwrap());
        let table = [
            ("x", Some("esc")),
            ("q", None),
            ("esc", None),
            ("ctrl+j", Some("down")),
            ("j", None),
            ("k", Some("up")),
            ("z", Some("z")),
            // Of another context.
            ("ctrl+y", Some("ctrl+y")),
        ];
        for (key, expected) in table {
            assert_eq!(taken(&keys, key).as_deref(), expected, "{key}");
        }
        assert_eq!((keys.shown(Action::Close), keys.shown(Action::Down)), ("x".into(), "ctrl+j".into()));
        assert_eq!(keys.shown(Action::Up), "↑");
    }
}
