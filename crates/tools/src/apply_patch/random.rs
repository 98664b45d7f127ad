//! Random files, random edits: a patch made from two versions of a tree turns the first into the second, byte for byte,
//! and a patch that was damaged changes what it says or nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use similar::{DiffTag, TextDiff};

use super::{
    fuzzing::{check_patch, check_update},
    parse::{self, Operation},
    tests::{apply_whole, wrap},
    text,
    work::Work,
};
use crate::{
    encoding::Encoding,
    testing::{Scene, context},
};

/// A small generator (xorshift, Marsaglia 2003); the same numbers every time.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn of<'items, T: ?Sized>(&mut self, items: &[&'items T]) -> &'items T {
        items[self.below(items.len())]
    }
}

/// What lines are made of: few, so that many are the same and only what is around them tells them apart.
const ASCII: &[&str] =
    &["", "}", "    return", "\treturn", "return ", "x = 1", "+plus", "-minus", "@@ at", "*** star", " "];
/// What Windows-1252 has too.
const WESTERN: &[&str] = &["é", "naïve – “quoted”", "ÿ€", "\u{a0}no break"];
const WIDE: &[&str] = &["→", "𝄞 clef", "中文", "in\u{feff}side", "\u{2028}"];

/// How a file is written.
#[derive(Debug, Clone, Copy)]
struct Style {
    encoding: Encoding,
    marked: bool,
    ending: &'static str,
}

impl Style {
    fn any(random: &mut Random) -> Self {
        let (encoding, marked) = [
            (Encoding::Utf8, false),
            (Encoding::Utf8, true),
            (Encoding::Utf16Le, true),
            (Encoding::Utf16Be, true),
            (Encoding::Windows1252, false),
        ][random.below(5)];
        Self { encoding, marked, ending: random.of(&["\n", "\n", "\r\n", "\r"]) }
    }

    fn line(self, random: &mut Random) -> String {
        let wide = if self.encoding == Encoding::Windows1252 { WESTERN } else { WIDE };
        let pool = [ASCII, ASCII, WESTERN, wide][random.below(4)];
        // Some are the only ones of their kind.
        let number = if random.one_in(4) { random.below(1000).to_string() } else { String::new() };
        format!("{}{number}", random.of(pool))
    }

    fn bytes(self, lines: &[String], finished: bool) -> Vec<u8> {
        let mut text = lines.join(self.ending);
        if finished && !lines.is_empty() {
            text.push_str(self.ending);
        }
        let mut bytes = if self.marked { self.encoding.mark().to_vec() } else { Vec::new() };
        self.encoding.encode(&text, &mut bytes).unwrap();
        bytes
    }
}

/// The lines of a file and whether the last has an ending.
#[derive(Debug, Clone)]
struct Version {
    style: Style,
    lines: Vec<String>,
    finished: bool,
}

impl Version {
    fn any(random: &mut Random) -> Self {
        let mut style = Style::any(random);
        let mut lines: Vec<String> = (0..random.below(30)).map(|_| style.line(random)).collect();
        // By this line, which stays, the file is known not to be UTF-8.
        if style.encoding == Encoding::Windows1252 {
            lines.insert(0, "déjà".to_owned());
        }
        // An empty line at the end would be an ending, and one without any ending a file without a line.
        let finished = !random.one_in(3) || lines.last().is_none_or(String::is_empty);
        if lines.len() < 2 && !(finished && lines.len() == 1) {
            style.ending = "\n";
        }
        Self { style, lines, finished }
    }

    fn edited(&self, random: &mut Random) -> Self {
        let (style, mut lines) = (self.style, self.lines.clone());
        let first = usize::from(style.encoding == Encoding::Windows1252);
        for _ in 0..=random.below(5) {
            let at = first + random.below(lines.len() + 1 - first);
            match random.below(3) {
                1 if at < lines.len() => drop(lines.remove(at)),
                2 if at < lines.len() => lines[at] = style.line(random),
                _ => lines.insert(at, style.line(random)),
            }
        }
        // A file of one line without an ending has no ending to be known by.
        let kept = if random.one_in(4) { !self.finished } else { self.finished };
        let finished = kept || lines.last().is_none_or(String::is_empty);
        Self { style, lines, finished }
    }

    fn bytes(&self) -> Vec<u8> {
        self.style.bytes(&self.lines, self.finished)
    }
}

/// The hunks from one version to the other, with `around` unchanged lines around each change; with `told`, they say
/// where the last line has no ending.
fn hunks(before: &Version, after: &Version, around: usize, told: bool) -> String {
    let texts = |version: &Version| -> Vec<String> {
        let mut lines = version.lines.clone();
        // A last line that gains or loses its ending is changed.
        if let Some(last) = lines.last_mut().filter(|_| !version.finished) {
            last.push('\n');
        }
        lines
    };
    let (old, new) = (texts(before), texts(after));
    let (old, new): (Vec<&str>, Vec<&str>) =
        (old.iter().map(String::as_str).collect(), new.iter().map(String::as_str).collect());
    let mut text = String::new();
    let mut push = |mark: char, line: &str| {
        let unfinished = line.ends_with('\n') && told;
        let note = if unfinished { "\\ No newline at end of file\n" } else { "" };
        text.push_str(&format!("{mark}{}\n{note}", line.trim_end_matches('\n')));
    };
    for group in TextDiff::from_slices(&old, &new).grouped_ops(around) {
        push('@', "@");
        for operation in &group {
            let keeps = operation.tag() == DiffTag::Equal;
            old[operation.old_range()].iter().for_each(|line| push(if keeps { ' ' } else { '-' }, line));
            if !keeps {
                new[operation.new_range()].iter().for_each(|line| push('+', line));
            }
        }
    }
    text
}

/// As [`hunks`], with as few lines around as make clear where they belong.
fn clear_hunks(before: &Version, after: &Version, told: bool) -> String {
    for around in 1.. {
        let body = hunks(before, after, around, told);
        let Ok(operations) = parse::parse(&wrap(&format!("*** Update File: f\n{body}"))) else { return body };
        let Operation::Update { hunks, .. } = &operations[0] else { unreachable!() };
        match text::update(&before.bytes(), hunks, &mut Work::at_most(1_000_000)) {
            Err(told) if told.contains("not clear") || told.contains("does not say where") => {
                assert!(around <= before.lines.len(), "{told}");
            }
            _ => return body,
        }
    }
    unreachable!()
}

type Tree = BTreeMap<String, Vec<u8>>;

/// A tree, a patch, and the tree that it makes.
fn case(random: &mut Random) -> (Tree, String, Tree) {
    let (mut old, mut new, mut patch) = (Tree::new(), Tree::new(), String::new());
    for index in 0..=random.below(5) {
        let name = format!("{}{index}", random.of(&["f", "d/f", "d/e/ä ", "sub/f"]));
        let before = Version::any(random);
        let after = before.edited(random);
        // Where neither version is finished, that need not be told.
        let told = before.finished != after.finished || random.one_in(2);
        let body = clear_hunks(&before, &after, told);
        let moved = format!("{}/moved{index}", random.of(&["d", "new", "."])).trim_start_matches("./").to_owned();
        let kind = random.below(7);
        if kind != 0 {
            old.insert(name.clone(), before.bytes());
        }
        match kind {
            0 => {
                let lines: Vec<String> = (0..random.below(5)).map(|_| before.style.line(random)).collect();
                let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
                patch.push_str(&format!("*** Add File: {name}\n"));
                lines.iter().for_each(|line| patch.push_str(&format!("+{line}\n")));
                new.insert(name, text.into_bytes());
            }
            1 => patch.push_str(&format!("*** Delete File: {name}\n")),
            2 => drop(new.insert(name, before.bytes())),
            3 => {
                patch.push_str(&format!("*** Update File: {name}\n*** Move to: {moved}\n"));
                new.insert(moved, before.bytes());
            }
            _ if body.is_empty() => drop(new.insert(name, before.bytes())),
            4 => {
                patch.push_str(&format!("*** Update File: {name}\n*** Move to: {moved}\n{body}"));
                new.insert(moved, after.bytes());
            }
            _ => {
                patch.push_str(&format!("*** Update File: {name}\n{body}"));
                new.insert(name, after.bytes());
            }
        }
    }
    (old, wrap(&patch), new)
}

fn put(scene: &Scene, tree: &Tree) {
    for (name, bytes) in tree {
        let path = scene.workspace().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

fn read(directory: &Path, base: &Path, tree: &mut Tree) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(&path, base, tree);
        } else {
            let name = path.strip_prefix(base).unwrap().to_str().unwrap().to_owned();
            tree.insert(name, fs::read(&path).unwrap());
        }
    }
}

fn tree(scene: &Scene) -> Tree {
    let mut tree = Tree::new();
    read(scene.workspace(), scene.workspace(), &mut tree);
    tree
}

#[tokio::test]
async fn a_patch_of_two_trees_turns_one_into_the_other() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for round in 0..400 {
        let (old, patch, new) = case(&mut random);
        let scene = context();
        put(&scene, &old);
        let told = apply_whole(&scene, &patch).await;
        if patch == wrap("") {
            assert!(told.is_err());
            continue;
        }
        assert!(told.is_ok(), "round {round}: {told:?}\n{patch}");
        let found = tree(&scene);
        for (name, bytes) in &new {
            assert_eq!(found.get(name), Some(bytes), "round {round}: {name} by\n{patch}");
        }
        assert_eq!(found.len(), new.len(), "round {round}:\n{patch}");
    }
}

/// A patch with something wrong with it.
fn damaged(patch: &str, random: &mut Random) -> String {
    let mut lines: Vec<String> = patch.lines().map(str::to_owned).collect();
    for _ in 0..=random.below(2) {
        let at = random.below(lines.len());
        let other = random.below(lines.len());
        match random.below(7) {
            0 => drop(lines.remove(at)),
            1 => lines.insert(at, lines[at].clone()),
            2 => lines.swap(at, other),
            3 => lines[at] = lines[at].chars().skip(1).collect(),
            4 => lines[at].insert(0, ['+', '-', ' ', '@', '*', '\t', '\u{fffd}'][random.below(7)]),
            5 => lines[at].push_str(random.of(&[" ", "\r", "x", "é", "→"])),
            _ => {
                lines[at] = random
                    .of(&["@@", "*** End of File", "*** Update File: f0", "", "\\ No newline at end of file"])
                    .into()
            }
        }
        if lines.is_empty() {
            break;
        }
    }
    lines.join("\n")
}

#[tokio::test]
async fn a_damaged_patch_changes_what_it_says_or_nothing() {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let mut applied = 0;
    for round in 0..500 {
        let (old, patch, _) = case(&mut random);
        let patch = damaged(&patch, &mut random);
        let scene = context();
        put(&scene, &old);
        let told = apply_whole(&scene, &patch).await;
        let found = tree(&scene);
        if told.is_err() {
            assert_eq!(found, old, "round {round}: {told:?}\n{patch}");
            continue;
        }
        applied += 1;
        let operations = parse::parse(&patch).unwrap();
        let mut named = BTreeSet::new();
        for operation in &operations {
            match operation {
                Operation::Add { path, .. } | Operation::Delete { path } => named.extend([path.clone()]),
                Operation::Update { path, move_to, .. } => {
                    named.extend([path.clone()].into_iter().chain(move_to.clone()))
                }
            }
        }
        for (name, bytes) in old.iter().filter(|(name, _)| !named.contains(*name)) {
            assert_eq!(found.get(name), Some(bytes), "round {round}: {name} by\n{patch}");
        }
        // Files that one operation alone speaks of.
        for operation in &operations {
            if let Operation::Update { path, move_to: None, hunks } = operation
                && patch.matches(path.as_str()).count() == 1
                && let (Some(before), Some(after)) = (old.get(path), found.get(path))
            {
                check_update(before, hunks, after);
            }
        }
    }
    assert!((50..450).contains(&applied), "{applied} applied");
}

#[test]
fn any_text_is_an_error_or_a_patch_and_never_a_panic() {
    let mut random = Random(7);
    let pieces = [
        "*** Begin Patch",
        "*** End Patch",
        "*** Add File: a",
        "*** Update File: a",
        "*** Move to: b",
        "*** End of File",
        "*** Delete File: a",
        "\\ No newline at end of file",
        "@@",
        "@@ x",
        "+a",
        "-a",
        " a",
        "",
        "a",
        "\r",
        "***",
        "@@é",
        "é",
        "+\u{fffd}",
    ];
    let contents: [&[u8]; 7] =
        [b"", b"a", b"a\n", b"\xef\xbb\xbf", b"a\r\na\nx\n\na", b"\xff\xfea\0\n\0\x00\xd8", b"\xe9\ra\r"];
    for _ in 0..20_000 {
        let mut patch = String::from("*** Begin Patch\n*** Update File: a\n");
        for _ in 0..random.below(10) {
            patch.push_str(pieces[random.below(pieces.len())]);
            patch.push('\n');
        }
        patch.push_str("*** End Patch");
        contents.iter().for_each(|content| check_patch(content, &patch));
    }
}
