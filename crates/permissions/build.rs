//! Puts the lists of commands into a form that a program reads fast, without their examples: the tests check those.
#![allow(clippy::disallowed_methods, reason = "cargo says by the environment where a build writes")]

use std::{env, error::Error, fs, path::Path};

use toml::{Table, Value};

const LISTS: &[&str] = &["destructive-commands", "disk-operations", "privilege-escalation", "read-only"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=data");
    let to = env::var_os("OUT_DIR").ok_or("cargo has not said where to write")?;
    for name in LISTS {
        let mut list: Table = fs::read_to_string(format!("data/{name}.toml"))?.parse()?;
        let entries =
            list.iter_mut().filter_map(|(_, entries)| entries.as_array_mut()).flatten().filter_map(Value::as_table_mut);
        for entry in entries {
            entry.retain(|key, _| key != "matches" && key != "differs");
        }
        fs::write(Path::new(&to).join(format!("{name}.json")), serde_json::to_string(&list)?)?;
    }
    Ok(())
}
