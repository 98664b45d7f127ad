//! What hooks read of calls, and what comes of their changes.

use super::*;

fn json_call(value: Value) -> Arguments {
    Arguments::Json(value.to_string())
}

fn read(tool: &str, call: &Arguments) -> Vec<(String, Value)> {
    let faces = faces(tool, call, Path::new("/w"));
    faces.into_iter().map(|face| (face.name, Value::Object(face.input))).collect()
}

#[test]
fn calls_have_the_names_and_fields_that_scripts_know() {
    let table = [
        ("exec_command", json!({ "cmd": "ls", "workdir": "x" }), "Bash", json!({ "command": "ls", "workdir": "x" })),
        (
            "write_stdin",
            json!({ "session_id": 1, "chars": "rm x\n" }),
            "Bash",
            json!({ "session_id": 1, "command": "rm x\n" }),
        ),
        ("read_file", json!({ "path": "a", "limit": 3 }), "Read", json!({ "file_path": "/w/a", "limit": 3 })),
        ("search_files", json!({ "pattern": "x", "path": "a" }), "Grep", json!({ "pattern": "x", "path": "a" })),
        ("list_dir", json!({ "path": "a" }), "LS", json!({ "path": "a" })),
        ("web_fetch", json!({ "url": "u" }), "WebFetch", json!({ "url": "u" })),
        ("web_search", json!({ "query": "q" }), "WebSearch", json!({ "query": "q" })),
        ("spawn_agent", json!({ "task": "t" }), "Task", json!({ "prompt": "t" })),
        ("mcp__files__read", json!({ "path": "a" }), "mcp__files__read", json!({ "path": "a" })),
    ];
    for (tool, call, name, input) in table {
        let call = json_call(call);
        let faces = faces(tool, &call, Path::new("/w"));
        assert_eq!(faces[0].names[0], tool);
        assert_eq!(read(tool, &call), [(name.to_owned(), input)], "{tool}");
        // Nothing is lost on the way there and back.
        let back = rewritten(tool, &call, Path::new("/w"), &faces[0], &faces[0].input).unwrap();
        let (back, mut before): (Value, Value) =
            (serde_json::from_str(back.text()).unwrap(), serde_json::from_str(call.text()).unwrap());
        if tool == "read_file" {
            before["path"] = "/w/a".into();
        }
        assert_eq!(back, before, "{tool}");
    }
    assert_eq!(read("exec_command", &json_call(json!("x"))), [("Bash".into(), json!({ "input": "\"x\"" }))]);
}

const PATCH_TEXT: &str = "*** Begin Patch\n*** Add File: n\n+one\n+two\n*** Update File: /o/u\n*** Move to: v\n@@\n a\n-b\n+c\n\
    *** Delete File: d\n*** End Patch";

#[test]
fn each_file_of_a_patch_is_read_by_itself() {
    let calls = [
        ("apply_patch", Arguments::Freeform(PATCH_TEXT.into())),
        ("apply_patch", json_call(json!({ "input": PATCH_TEXT }))),
        ("exec_command", json_call(json!({ "cmd": format!("apply_patch <<'EOF'\n{PATCH_TEXT}\nEOF") }))),
    ];
    for (tool, call) in calls {
        let faces = faces(tool, &call, Path::new("/w"));
        assert!(faces.iter().all(|face| face.names == EDITS), "{tool}");
        let paths: Vec<_> =
            faces.iter().map(|face| (face.name.as_str(), face.input["file_path"].as_str().unwrap())).collect();
        assert_eq!(paths, [("Write", "/w/n"), ("Edit", "/o/u"), ("Edit", "/w/v"), ("Edit", "/w/d")]);
        assert_eq!(faces[0].input["content"], "one\ntwo\n");
        assert_eq!((&faces[1].input["old_string"], &faces[1].input["new_string"]), (&json!("a\nb"), &json!("a\nc")));
        assert_eq!(faces[3].input["deleted"], true);
    }
    let nested = json_call(json!({ "cmd": format!("cd s && apply_patch <<'EOF'\n{PATCH_TEXT}\nEOF"), "workdir": "t" }));
    assert_eq!(faces("exec_command", &nested, Path::new("/w"))[0].input["file_path"], "/w/t/s/n");
}

#[test]
fn a_patch_is_rewritten_as_a_whole_or_by_its_fields() {
    let change = |patch: &str, change: fn(&mut Map<String, Value>)| {
        let call = Arguments::Freeform(patch.into());
        let face = faces("apply_patch", &call, Path::new("/w")).remove(0);
        let mut updated = face.input.clone();
        change(&mut updated);
        rewritten("apply_patch", &call, Path::new("/w"), &face, &updated).map(|call| call.text().to_owned())
    };
    let add = "*** Begin Patch\n*** Add File: n\n+one\n*** End Patch";
    let other = change(add, |input| drop(input.insert("content".into(), "x\ny".into())));
    assert_eq!(other.unwrap(), "*** Begin Patch\n*** Add File: n\n+x\n+y\n*** End Patch");
    let moved = change(add, |input| drop(input.insert("file_path".into(), "/w/m".into())));
    assert_eq!(moved.unwrap(), "*** Begin Patch\n*** Add File: /w/m\n+one\n*** End Patch");
    let update = "*** Begin Patch\n*** Update File: n\n@@\n a\n-b\n+c\n*** End Patch";
    let other = change(update, |input| drop(input.insert("new_string".into(), "a\nd".into())));
    assert_eq!(other.unwrap(), "*** Begin Patch\n*** Update File: n\n@@\n-a\n-b\n+a\n+d\n*** End Patch");
    let whole = change(PATCH_TEXT, |input| drop(input.insert("patch".into(), "*** x".into())));
    assert_eq!(whole.unwrap(), "*** x");
    let several = change(PATCH_TEXT, |input| drop(input.insert("content".into(), "x".into())));
    assert!(several.unwrap_err().contains("several files"));
}
