//! Files of all kinds, real ones, and what the model is told of them.

use std::{fs, io::Write};

use super::*;
use crate::testing::{answer, context};

#[tokio::test]
async fn pages() {
    let scene = context();
    let long = "x".repeat(5000);
    let wide = "€".repeat(700);
    let files: &[(&str, &[u8])] = &[
        ("plain", b"a\nb\n\nd"),
        ("crlf", b"a\r\nb\r\n"),
        ("bad", b"\xc3\xa9\na\xff\n"),
        ("empty", b""),
        ("binary", b"\x7fELF\0\0"),
        ("long", long.as_bytes()),
        ("wide", wide.as_bytes()),
        ("utf-16", b"\xff\xfea\0\n\0"),
        ("utf-16be", b"\xfe\xff\0a"),
        ("latin-1", b"caf\xe9\r\n\x80\n"),
        ("bom", b"\xef\xbb\xbfa\n"),
        ("bom alone", b"\xef\xbb\xbf"),
        ("cr", b"a\rb\rc"),
        ("picture", b"\x89PNG\r\n\x1a\n\0\0"),
        ("small picture", b"\xff\xd8\xff\xe0 no NUL"),
        ("noise", b"\x80\x01\x02\x81\x90\x11"),
        ("utf-32", b"\xff\xfe\0\0a\0\0\0"),
    ];
    for (name, content) in files {
        fs::write(scene.workspace().join(name), content).unwrap();
    }
    let cut = format!("1\t{} [... 3000 more bytes in this line]\n", &long[..2000]);
    let table: &[(&str, Answer)] = &[
        (r#"{"path":"plain"}"#, Ok("1\ta\n2\tb\n3\t\n4\td\n".into())),
        (r#"{"path":"plain","offset":2.0,"limit":1}"#, Ok("2\tb\n[more follows: go on with offset 3]\n".into())),
        (r#"{"path":"plain","offset":4,"limit":1}"#, Ok("4\td\n".into())),
        (r#"{"path":"plain","offset":5}"#, Err("the file has only 4 lines".into())),
        (r#"{"path":"crlf","offset":0}"#, Ok("[CRLF line endings (apply_patch keeps this)]\n1\ta\n2\tb\n".into())),
        (r#"{"path":"crlf","offset":3}"#, Err("the file has only 2 lines".into())),
        (
            r#"{"path":"bad"}"#,
            Ok("[1 place is not UTF-8, shown as \u{fffd}: apply_patch keeps them in unchanged lines]\n\
                1\té\n2\ta\u{fffd} [not all UTF-8]\n"
                .into()),
        ),
        (
            r#"{"path":"latin-1"}"#,
            Ok("[8-bit text, shown and patched as Windows-1252; mixed line endings, 1 CRLF and 1 LF (apply_patch keeps \
                this)]\n1\tcafé\n2\t€\n"
                .into()),
        ),
        (r#"{"path":"bom"}"#, Ok("[UTF-8 with byte order mark (apply_patch keeps this)]\n1\ta\n".into())),
        (
            r#"{"path":"bom alone"}"#,
            Ok("[UTF-8 with byte order mark (apply_patch keeps this)]\n[empty file]".into()),
        ),
        (
            r#"{"path":"cr","offset":2}"#,
            Ok("[CR line endings (apply_patch keeps this)]\n2\tb\n3\tc\n".into()),
        ),
        (r#"{"path":"picture"}"#, Ok("[binary file: PNG image, 10 bytes; view_image shows it]".into())),
        (r#"{"path":"small picture"}"#, Ok("[binary file: JPEG image, 11 bytes; view_image shows it]".into())),
        (r#"{"path":"noise"}"#, Ok("[binary file, 6 bytes]".into())),
        (r#"{"path":"empty"}"#, Ok("[empty file]".into())),
        (r#"{"path":"binary"}"#, Ok("[binary file: ELF program or library, 6 bytes]".into())),
        (r#"{"path":"long"}"#, Ok(cut)),
        (r#"{"path":"wide"}"#, Ok(format!("1\t{} [... 102 more bytes in this line]\n", "€".repeat(666)))),
        (r#"{"path":"utf-16"}"#, Ok("[UTF-16LE text (apply_patch keeps this)]\n1\ta\n".into())),
        (r#"{"path":"utf-16be"}"#, Ok("[UTF-16BE text (apply_patch keeps this)]\n1\ta\n".into())),
        (r#"{"path":"utf-32"}"#, Ok("[binary file: UTF-32 text, 8 bytes]".into())),
        (r#"{"path":"zzz"}"#, Err("cannot read zzz: there is no such file".into())),
        (r#"{"path":"."}"#, Err("cannot read .: it is a directory; list_dir lists it".into())),
    ];
    for (call, expected) in table {
        assert_eq!(&answer(&ReadFile, call, &scene).await, expected, "{call}");
    }
}

#[tokio::test]
async fn what_is_no_file_is_named() {
    let scene = context();
    for name in ["src/main.rs", "src/modules/parser.rs", "README.md", "Café.txt"] {
        let path = scene.workspace().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }
    crate::testing::make_pipe(&scene.workspace().join("pipe"));
    let table = [
        ("src/mian.rs", "there is no such file; is it src/main.rs?"),
        ("src/module/parser.rs", "there is no such file; is it src/modules/parser.rs?"),
        ("src/module/none.rs", "there is no such file; is it src/modules?"),
        ("readme.MD", "there is no such file; is it README.md?"),
        ("Cafe.txt", "there is no such file; is it Café.txt?"),
        ("zzz", "there is no such file"),
        ("/etc/passwdd", "there is no such file"),
        ("README.md/x", "Not a directory (os error 20)"),
        ("pipe", "it is a named pipe, not a regular file"),
        ("/dev/zero", "it is a device, not a regular file"),
    ];
    for (path, expected) in table {
        let told = answer(&ReadFile, &format!(r#"{{"path":"{path}"}}"#), &scene).await;
        assert_eq!(told, Err(format!("cannot read {path}: {expected}")));
    }
}

/// A file of more than is looked at to tell its encoding.
#[tokio::test]
async fn what_comes_late_is_told_too() {
    let scene = context();
    let mut file = File::create(scene.workspace().join("large")).unwrap();
    let line = format!("{}\n", "é".repeat(1 << 19));
    for _ in 0..17 {
        file.write_all(line.as_bytes()).unwrap();
    }
    file.write_all(b"a\xff\n").unwrap();
    let told = answer(&ReadFile, r#"{"path":"large","offset":18}"#, &scene).await;
    assert_eq!(told, Ok("18\ta\u{fffd} [not all UTF-8]\n".into()));
}

/// What is read of a file is enough to change it, whatever its encoding.
#[tokio::test]
async fn what_is_read_can_be_patched() {
    let scene = context();
    let files: &[(&[u8], &[u8])] = &[
        (b"\xff\xfea\0\r\0\n\0\xe9\0\n\0", b"\xff\xfea\0\r\0\n\0\xe9\0!\0\n\0"),
        (b"a\r\n\xe9\r\n", b"a\r\n\xe9!\r\n"),
        (b"\xef\xbb\xbfa\n\xc3\xa9", b"\xef\xbb\xbfa\n\xc3\xa9!"),
        (b"a\r\xc3\xa9\r", b"a\r\xc3\xa9!\r"),
    ];
    for (before, after) in files {
        fs::write(scene.workspace().join("file"), before).unwrap();
        let text = answer(&ReadFile, r#"{"path":"file"}"#, &scene).await.unwrap();
        let lines: Vec<&str> = text.lines().filter_map(|line| line.split_once('\t')).map(|(_, line)| line).collect();
        let [first, second] = lines[..] else { panic!("{text}") };
        let body = format!("*** Update File: file\n {first}\n-{second}\n+{second}!\n");
        crate::apply_patch::tests::apply(&scene, &body).await.unwrap();
        assert_eq!(fs::read(scene.workspace().join("file")).unwrap(), *after);
    }
}

#[tokio::test]
async fn what_is_read_as_binary_cannot_be_patched() {
    let scene = context();
    // Longer than what is read at once.
    let long = "line\n".repeat(BUFFER / 4);
    let noise = [&b"\x01\x02\x03\x04"[..], &b"plain "[..]].concat();
    let table: &[(&str, &[&[u8]], bool)] = &[
        ("UTF-16 without a mark", &[b"a\0\n\0"], true),
        ("NUL among ASCII", &[b"a\0\n"], true),
        ("a late NUL", &[long.as_bytes(), b"a\0\n"], false),
        ("a late NUL, then no UTF-8", &[long.as_bytes(), b"a\0", long.as_bytes(), b"\xff\n"], true),
        ("noise, then 8-bit text", &[&noise, long.as_bytes(), b"caf\xe9 ", long.as_bytes()], false),
        ("8-bit text, then noise", &[long.as_bytes(), b"caf\xe9 ", &noise], true),
        ("a picture's beginning", &[b"\xff\xd8\xff\xe0 no NUL\n"], true),
    ];
    for (name, parts, binary) in table {
        let bytes = [parts.concat(), b"\nlast\n".to_vec()].concat();
        fs::write(scene.workspace().join("file"), bytes).unwrap();
        let told = answer(&ReadFile, r#"{"path":"file","limit":1}"#, &scene).await.unwrap();
        assert_eq!(told.starts_with("[binary file"), *binary, "{name}: {told}");
        let patched = crate::apply_patch::tests::apply(&scene, "*** Update File: file\n-last\n+end\n").await;
        assert_eq!(patched.is_err_and(|error| error.contains("binary")), *binary, "{name}");
    }
}

#[tokio::test]
async fn a_large_file_is_read_a_page_at_a_time() {
    let scene = context();
    let mut file = File::create(scene.workspace().join("large")).unwrap();
    for line in 1..=100_000 {
        writeln!(file, "this is line {line}").unwrap();
    }
    let (mut offset, mut lines) = (1, 0);
    while let Ok(text) =
        answer(&ReadFile, &format!(r#"{{"path":"large","offset":{offset},"limit":99999}}"#), &scene).await
    {
        assert!(text.len() <= page::MOST_BYTES + 100);
        lines += text.lines().filter(|line| line.contains("this is")).count();
        let Some((_, next)) = text.trim_end().rsplit_once("offset ") else { break };
        offset = next.trim_end_matches(']').parse().unwrap();
    }
    assert_eq!(lines, 100_000);
}

#[tokio::test]
async fn a_file_is_binary_from_the_first_nul_byte_on() {
    let scene = context();
    let text = "line\n".repeat(4000);
    let mut file = File::create(scene.workspace().join("sparse")).unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file.set_len(200 << 30).unwrap();
    let binary = "[binary from line 4001 on, not read further]\n";
    let table: &[(&str, String)] = &[
        (r#"{"path":"sparse","limit":1}"#, "1\tline\n[more follows: go on with offset 2]\n".into()),
        (r#"{"path":"sparse","offset":4000}"#, format!("4000\tline\n{binary}")),
        (r#"{"path":"sparse","offset":4001}"#, binary.into()),
        (r#"{"path":"sparse","offset":999999999}"#, binary.into()),
    ];
    for (call, expected) in table {
        assert_eq!(answer(&ReadFile, call, &scene).await.as_ref(), Ok(expected), "{call}");
    }
    scene.context.cancel.cancel();
    let interrupted = answer(&ReadFile, r#"{"path":"sparse","offset":4000}"#, &scene).await;
    assert_eq!(interrupted, Err("interrupted by the user".into()));
}

#[tokio::test]
async fn what_is_declared_is_the_real_file() {
    let scene = context();
    std::os::unix::fs::symlink("/proc/self/environ", scene.workspace().join("link")).unwrap();
    let refused = answer(&ReadFile, r#"{"path":"link"}"#, &scene).await.unwrap_err();
    assert!(refused.contains("/proc"), "{refused}");
    let host = tempfile::NamedTempFile::new_in("/tmp").unwrap();
    std::os::unix::fs::symlink(host.path(), scene.workspace().join("host")).unwrap();
    let refused = ReadFile.prepare(&crate::testing::json(r#"{"path":"host"}"#), &scene.context).unwrap_err();
    assert!(refused.0.starts_with("cannot read host: it leads"), "{refused}");
}
