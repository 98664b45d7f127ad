//! Tables of files, hunks, and files after them or what the model is told instead.

use super::{super::parse, *};

/// The bytes of a file, or a part of what is said instead.
type Bytes<'table> = Result<&'table [u8], &'table str>;

fn patched(content: &str, hunks: &str) -> Result<String, String> {
    Ok(String::from_utf8(patched_bytes(content.as_bytes(), hunks)?.bytes).unwrap())
}

fn patched_bytes(content: &[u8], hunks: &str) -> Result<Updated, String> {
    let patch = format!("*** Begin Patch\n*** Update File: f\n{hunks}*** End Patch");
    match parse::parse(&patch).unwrap().remove(0) {
        parse::Operation::Update { hunks, .. } => update(content, &hunks, &mut Work::at_most(100_000)),
        _ => unreachable!(),
    }
}

#[test]
fn hunks_apply() {
    let table = [
        ("plain", "a\nb\nc\n", "@@\n a\n-b\n+B\n c\n", "a\nB\nc\n"),
        ("no @@", "a\nb\n", "-b\n+B\n", "a\nB\n"),
        ("two hunks", "a\nb\nc\nb\n", "@@\n-b\n+1\n@@\n-b\n+2\n", "a\n1\nc\n2\n"),
        ("all of the same lines", "b\nb\nb\n", "@@\n-b\n+1\n@@\n-b\n@@\n-b\n+3\n", "1\n3\n"),
        ("told apart by what follows", "b\nc\nb\n", "@@\n-b\n+B\n@@\n-c\n", "B\nb\n"),
        ("end of file", "x\ny\nx\n", "@@\n-x\n+z\n*** End of File\n", "x\ny\nz\n"),
        ("only added", "a\n", "@@\n+b\n", "a\nb\n"),
        ("only added, below", "a\nb\n", "@@ a\n+1\n", "a\n1\nb\n"),
        ("added, then changed", "a\nb\n", "@@\n+c\n@@\n-a\n+A\n", "A\nb\nc\n"),
        ("to nothing", "a\n", "@@\n-a\n", ""),
        ("from nothing", "", "@@\n+a\n", "a\n"),
        ("CRLF", "a\r\nb\r\nc\r\n", "@@\n a\n-b\n+B\n+BB\n", "a\r\nB\r\nBB\r\nc\r\n"),
        ("mixed", "a\r\nb\nc\n", "@@\n a\n-b\n+B\n", "a\r\nB\nc\n"),
        ("mixed, one for one", "a\r\nb\nc\r\n", "@@\n-a\n-b\n-c\n+1\n+2\n+3\n+4\n", "1\r\n2\n3\r\n4\r\n"),
        ("mixed, as the line before", "a\r\nb\nc\n", "@@\n a\n+x\n@@\n b\n+y\n", "a\r\nx\r\nb\ny\nc\n"),
        ("mixed, as the line after", "a\r\nb\nc\n", "@@\n+x\n a\n", "x\r\na\r\nb\nc\n"),
        ("CR", "a\rb\rc", "@@\n a\n-b\n+B\n+BB\n", "a\rB\rBB\rc"),
        ("CR within lines", "a\rb\nc\n", "@@\n-c\n+d\n", "a\rb\nd\n"),
        ("BOM", "\u{feff}a\nb\n", "@@\n-a\n+A\n", "\u{feff}A\nb\n"),
        ("BOM, to nothing and back", "\u{feff}a\n", "@@\n-a\n+b\n", "\u{feff}b\n"),
        ("no final newline, kept", "a\nb", "@@\n-a\n+A\n b\n", "A\nb"),
        ("no final newline, changed", "a\nb", "@@\n-b\n+B\n", "a\nB"),
        ("no final newline, added to", "a\r\nb", "@@\n b\n+c\n", "a\r\nb\r\nc"),
        ("no final newline, last line gone", "a\nb", "@@\n-b\n", "a\n"),
        ("no final newline, blank last", "a\nb", "@@\n-b\n+\n", "a\n\n"),
        ("final newline added", "a", "@@\n-a\n\\ No newline at end of file\n+a\n", "a\n"),
        ("final newline removed", "a\n", "@@\n-a\n+b\n\\ No newline at end of file\n", "b"),
        ("final newline removed from a kept line", "a\nb\n", "@@\n-a\n b\n\\ No newline at end of file\n", "b"),
        (
            "no final newline, said of both",
            "b",
            "-b\n\\ No newline at end of file\n+c\n\\ No newline at end of file\n",
            "c",
        ),
        ("no final newline says where", "b\nb\nb", "@@\n-b\n\\ No newline at end of file\n+c\n", "b\nb\nc\n"),
        ("trailing blanks", "a  \nb\n", "@@\n a\n-b\n+B\n", "a  \nB\n"),
        ("indented", "\ta\n\tb\n", "@@\n a\n-b\n+\tB\n", "\ta\n\tB\n"),
        ("typographic", "– “a”\nb\n", "@@\n - \"a\"\n-b\n+B\n", "– “a”\nB\n"),
        ("blank past the end", "b\n", "@@\n b\n \n+c\n", "b\n\nc\n"),
        ("blank past the end, unmarked", "a\nb", "@@\n-b\n+B\n\n+c\n+d\n", "a\nB\n\nc\nd"),
        ("blank past the end, removed", "b\n", "@@\n b\n-\n+c\n", "b\nc\n"),
        ("blank past the end, of two", "b\nc\nb\n", "@@\n b\n \n+c\n", "b\nc\nb\n\nc\n"),
        ("blank at the end", "a\nb\n", "@@\n-a\n+A\n\n", "A\nb\n"),
        ("blanks after hunks", "a\nb\n", "@@\n-a\n+A\n\n\n@@\n-b\n+B\n\n\n\n", "A\nB\n"),
        ("blanks after a hunk, some of them the file's", "a\n\nb\n", "@@\n-a\n+A\n\n\n\n@@\n-b\n+B\n", "A\n\nB\n"),
        ("empty line without mark", "a\n\nb\n", "@@\n a\n\n-b\n+B\n", "a\n\nB\n"),
        ("exact before lenient", " a\na\n", "@@\n-a\n+A\n", " a\nA\n"),
    ];
    for (name, content, hunks, expected) in table {
        assert_eq!(patched(content, hunks).as_deref(), Ok(expected), "{name}");
    }
}

#[test]
fn hunks_apply_below_what_is_named() {
    let python = "class A:\n    def f(self):\n        return 1\n\nclass B:\n    def f(self):\n        return 1\n";
    let nested = "class A:\n    def run(self):\n        pass\n\n\ndef run(self):\n    pass\n";
    let table: &[(&str, &str, &str, &str)] = &[
        (
            "context",
            python,
            "@@ class B:\n     def f(self):\n-        return 1\n+        return 2\n",
            &python.replacen("B:\n    def f(self):\n        return 1", "B:\n    def f(self):\n        return 2", 1),
        ),
        (
            "two contexts",
            python,
            "@@ class B:\n@@     def f(self):\n-        return 1\n+        return 2\n",
            &python.replacen("B:\n    def f(self):\n        return 1", "B:\n    def f(self):\n        return 2", 1),
        ),
        (
            "context repeated",
            python,
            "@@ class B:\n class B:\n-    def f(self):\n+    def g(self):\n",
            &python.replacen("B:\n    def f", "B:\n    def g", 1),
        ),
        (
            "context repeated, blank after",
            "class B:\n    x = 1\n    y = 2\nend\n",
            "@@ class B:\n class B:\n-    x = 1\n+    x = 2\n\n@@\n-end\n+END\n",
            "class B:\n    x = 2\n    y = 2\nEND\n",
        ),
        (
            "what is below decides between lines after @@",
            nested,
            "@@ class A:\n@@ def run(self):\n-        pass\n+        log()\n",
            &nested.replacen("        pass", "        log()", 1),
        ),
        (
            "exact within the block",
            "def a():\n    if b:\n        x\n    x\n",
            "@@ def a():\n-    x\n",
            "def a():\n    if b:\n        x\n",
        ),
        ("exact, closing the block", "f {\n  g {\n  }\n}\n", "@@ f {\n }\n+x\n", "f {\n  g {\n  }\n}\nx\n"),
        (
            "exact, in a block below its bracket",
            "f\n{\n  {\n    x\n  }\n  x\n}\n",
            "@@ f\n-  x\n+  y\n",
            "f\n{\n  {\n    x\n  }\n  y\n}\n",
        ),
        (
            "of other indentation, and exact below the next hunk",
            "a\n    x\nb\nx\n",
            "@@ a\n-x\n+    y\n@@\n-b\n",
            "a\n    y\nx\n",
        ),
    ];
    for (name, content, hunks, expected) in table {
        assert_eq!(patched(content, hunks).as_deref(), Ok(*expected), "{name}");
    }
}

#[test]
fn encodings_stay() {
    // U+FFFD stands for bytes in no encoding.
    let table: &[(&str, &[u8], &str, Bytes<'_>)] = &[
        ("UTF-16", b"\xff\xfea\0\r\0\n\0b\0", "-a\n+\u{20ac}\n b\n", Ok(b"\xff\xfe\xac\x20\r\0\n\0b\0")),
        ("UTF-16 BE", b"\xfe\xff\0a\0\n", " a\n+𝄞\n", Ok(b"\xfe\xff\0a\0\n\xd8\x34\xdd\x1e\0\n")),
        ("UTF-16, half of a pair", b"\xff\xfe\x00\xd8\n\0a\0", " \u{fffd}\n-a\n+b\n", Ok(b"\xff\xfe\x00\xd8\n\0b\0")),
        ("UTF-16, half of a character", b"\xff\xfea\0b", "-a\n+b\n", Err("within a character")),
        ("8-bit", b"caf\xe9\n\x81\xfe\nx\n", " café\n \u{81}þ\n-x\n+€’é\n", Ok(b"caf\xe9\n\x81\xfe\n\x80\x92\xe9\n")),
        (
            "8-bit, in its place",
            b"caf\xe9\n\x81\xfe\nx\n",
            "-café\n+\u{20ac}\u{2019}\u{e9}\n",
            Ok(b"\x80\x92\xe9\n\x81\xfe\nx\n"),
        ),
        ("8-bit, not in it", b"caf\xe9\nx\n", "-x\n+a\u{2192}b\n", Err("`\u{2192}` (U+2192)")),
        ("8-bit, unchanged arrow", b"caf\xe9\nx\n", "-x\n+y\n", Ok(b"caf\xe9\ny\n")),
        (
            "bytes lost",
            b"\xc3\xa9\xc3\xa9 \xff\nx\n",
            " éé \u{fffd}\n-x\n+ü\n",
            Ok(b"\xc3\xa9\xc3\xa9 \xff\n\xc3\xbc\n"),
        ),
        (
            "bytes lost, and made up",
            b"\xc3\xa9\xc3\xa9 \xff\nx\n",
            "-éé \u{fffd}\n+éé \u{fffd}!\n",
            Err("stands for bytes"),
        ),
        ("the character itself", "\u{fffd}\n".as_bytes(), "-\u{fffd}\n+\u{fffd}!\n", Ok("\u{fffd}!\n".as_bytes())),
        ("CR within a line of a CR file", b"a\rb\r", "-a\n+x\ry\n", Err("ends lines in this file")),
        ("NUL", b"a\0b\nc\n", "-c\n+d\n", Err("binary")),
        ("UTF-16 without a mark", b"a\0\n\0b\0\n\0", "+c\n", Err("binary")),
        ("a picture without NUL", b"\xff\xd8\xff\xe0\nx\n", "-x\n+y\n", Err("binary")),
        ("binary", b"a\0\xff\nc\n", "-c\n+d\n", Err("binary")),
    ];
    for (name, content, hunks, expected) in table {
        match (patched_bytes(content, hunks), expected) {
            (Ok(updated), Ok(bytes)) => assert_eq!(updated.bytes, *bytes, "{name}"),
            (Err(told), Err(part)) => assert!(told.contains(part), "{name}: {told}"),
            (found, _) => panic!("{name}: {found:?}"),
        }
    }
}

#[test]
fn what_is_replaced_keeps_its_form() {
    let table: &[(&[u8], &str, Bytes<'_>)] = &[
        (b"", "a\n", Ok(b"a\n")),
        (b"x", "a\n", Ok(b"a\n")),
        (b"x\r\n", "a\nb\n", Ok(b"a\r\nb\r\n")),
        (b"\xef\xbb\xbfx\n", "a\n", Ok(b"\xef\xbb\xbfa\n")),
        (b"\xff\xfex\0\n\0", "a\n", Ok(b"\xff\xfea\0\n\0")),
        (b"\xe9\n", "é\n", Ok(b"\xe9\n")),
        (b"\xe9\n", "→\n", Err("U+2192")),
        (b"\xc3\xa9\xc3\xa9\xff\n", "\u{fffd}\n", Ok("\u{fffd}\n".as_bytes())),
        (b"\0\xff", "a\n", Ok(b"a\n")),
    ];
    for (old, text, expected) in table {
        match (replace(old, text), expected) {
            (Ok(bytes), Ok(wanted)) => assert_eq!(bytes, *wanted),
            (Err(told), Err(part)) => assert!(told.contains(part), "{told}"),
            (found, _) => panic!("{text}: {found:?}"),
        }
    }
}

#[test]
fn looser_matches_are_told() {
    let table: &[(&str, &str, &[&str])] = &[
        ("a\n", "-a\n+b\n", &[]),
        ("a \n", "-a\n+b\n", &[]),
        ("x\n\ta\n", "-a\n+b\n", &["hunk 1", "lines 2 to 2", "other indentation"]),
        ("“a”\n", "-\"a\"\n+b\n", &["other punctuation"]),
        (" “a”\n", "-\"a\"\n+b\n", &["other indentation and punctuation"]),
        ("  a\nb\n", "@@ a\n+c\n", &["hunk 1", "below line 1", "`@@` was found with other indentation"]),
        ("  a\nb\n", "@@ a\n-b\n", &["below line 1"]),
        ("  a\nb\nc\n", "@@ a\n@@ b\n-c\n", &["below line 2", "other indentation"]),
        ("a \nb\n", "@@ a\n-b\n", &[]),
    ];
    for (content, hunks, expected) in table {
        let notes = patched_bytes(content.as_bytes(), hunks).unwrap().notes;
        assert_eq!(notes.len(), usize::from(!expected.is_empty()), "{notes:?}");
        assert!(expected.iter().all(|part| notes[0].contains(part)), "{notes:?}");
    }
}

#[test]
fn what_fits_twice_is_refused() {
    let functions = "fn a() {\n    x();\n}\nfn b() {\n    x();\n}\n";
    let many = "b\n".repeat(20);
    let nested = "class A:\n    def run(self):\n        pass\n\n\ndef run(self):\n    pass\n";
    let table: &[(&str, &str, &[&str])] = &[
        ("b\na\nb\n", "@@\n-b\n", &["hunk 1 of 1", "at lines 1 and 3", "\nb\n", "after `@@ ` the nearest line"]),
        (functions, "@@\n-    x();\n+    y();\n", &["at lines 2 and 5"]),
        (functions, "@@ }\n-}\n", &["after `@@ ` another line above"]),
        (functions, "@@ }\n+// end\n", &["the line after `@@` is at lines 3 and 6"]),
        ("a\nb\nb\nb\n", "@@\n-a\n@@\n-b\n@@\n-b\n", &["hunk 3 of 3", "lines 3 and 4"]),
        // Equally lenient is not equally strict.
        (" b\n  b\n", "@@\n-b\n", &["lines 1 and 2"]),
        ("‘b’\n’b’\n", "@@\n-'b'\n", &["lines 1 and 2"]),
        // The exact one is far from what was named, and one that is near has other indentation.
        (nested, "@@ class A:\n@@ def run(self):\n+        log()\n", &["at lines 2 and 6", "their indentation"]),
        (nested, "@@ class A:\n@@ def run(self):\n-    pass\n", &["at lines 3 and 7", "their indentation"]),
        (
            "class A:\n    x = 1\n\nclass B:\n    y = 2\n\nx = 1\n",
            "@@ class A:\n-x = 1\n+x = 2\n",
            &["at lines 2 and 7", "their indentation"],
        ),
        ("a\n  b\nb\n", "@@ a\n-b\n \n", &["at lines 2 and 3"]),
        (&many, "@@\n-b\n", &["lines 1, 2, 3, 4, 5, 6, 7, 8 and more"]),
    ];
    for (content, hunks, expected) in table {
        let error = patched(content, hunks).unwrap_err();
        for part in *expected {
            assert!(error.contains(part), "{hunks:?}: {error}");
        }
    }
}

#[test]
fn misses_are_explained() {
    let table: &[(&str, &str, &[&str])] = &[
        (
            "a\nb\nc\n",
            "@@\n a\n-x\n",
            &["hunk 1 of 1", "\na\nx\n", "line 2 of the file is `b` where the patch has `x`"],
        ),
        ("a\nb\n", "@@\n-b\n+B\n@@\n-a\n", &["hunk 2 of 2", "after line 2", "at line 1, but hunks go in file order"]),
        ("a\nb\n", "@@ zzz\n-b\n", &["line after `@@`", "zzz"]),
        ("a\nb\n", "@@\n-a\n*** End of File\n", &["not the last", "line 1, not at its end"]),
        ("a\n", "@@\n a\n-b\n", &["The file ends where the patch has `b`"]),
        ("", "@@\n-b\n", &["Read the file again"]),
        (
            "x\n\nA\nx\nB\n",
            "@@\n-A\n+a\n@@\n-x\n+y\n \n",
            &["hunk 2 of 2", "after line 3", "at line 1, but hunks go in file order"],
        ),
        ("x\n\nA\nx\nB\n", "@@ A\n-x\n+y\n \n", &["after line 3", "at line 1, but hunks go in file order"]),
        ("b\nx\n", "@@\n b\n \n+c\n", &["line 2 of the file is `x` where the patch has ``"]),
    ];
    for (content, hunks, expected) in table {
        let error = patched(content, hunks).unwrap_err();
        for part in *expected {
            assert!(error.contains(part), "{hunks:?}: {error}");
        }
    }
}
