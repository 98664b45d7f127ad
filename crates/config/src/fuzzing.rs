//! What must hold of any file of settings, for tests and for `fuzz/`.

use std::path::Path;

use crate::{
    layer::Layer,
    source::{Name, Source},
    value::Base,
};

/// Reads `input` as a file of settings, and has each complaint written out.
///
/// # Panics
/// If a complaint is none: without a place, or with what would drive a terminal.
pub fn layer(input: &[u8]) {
    let text = String::from_utf8_lossy(input).into_owned();
    let directory = Path::new("/w");
    let source = Source::new(Name::File("/w/config.toml".into()), text);
    let base = Base { dir: directory, project: directory, home: Some(directory) };
    let told = match Layer::parse(source, base) {
        Ok(layer) => layer.warnings.iter().map(ToString::to_string).collect(),
        Err(error) => vec![error.to_string()],
    };
    for told in told {
        assert!(told.contains("/w/config.toml"), "{told}");
        assert!(!told.contains(|c: char| c.is_control() && !matches!(c, '\n' | '\t')), "{told:?}");
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn any_file_of_settings_is_read_or_refused_with_its_place() {
        codex_testkit::fuzzing::each_input("layer", super::layer);
    }
}
