//! The keys of vi.

use super::*;

fn check(table: &[(&str, &str, &str)]) {
    for (text, keys, expected) in table {
        let mut composer = composer(text);
        composer.set_vim(true);
        let cursor = composer.buffer.cursor();
        press(&mut composer, "esc");
        composer.buffer.go(cursor);
        press(&mut composer, keys);
        assert_eq!(state(&composer), *expected, "{text:?} {keys}");
    }
}

#[test]
fn motions() {
    check(&[
        ("a|bc", "h", "|abc"),
        ("a|bc", "h h", "|abc"),
        ("|abc", "l l l l", "ab|c"),
        ("|abc", "\"2l\"", "ab|c"),
        ("ab|c\nd", "l", "ab|c\nd"),
        ("|one, two", "w", "one|, two"),
        ("|one, two", "w w", "one, |two"),
        ("|one, two", "W", "one, |two"),
        ("|one, two x", "\"3w\"", "one, two |x"),
        ("one, t|wo", "b", "one, |two"),
        ("one, |two", "b", "one|, two"),
        ("one, |two", "B", "|one, two"),
        ("|one, two", "e", "on|e, two"),
        ("on|e, two", "e", "one|, two"),
        ("|one, two", "E", "one|, two"),
        ("one tw|o", "e", "one tw|o"),
        ("  o|ne", "0", "|  one"),
        ("  on|e", "^", "  |one"),
        ("|one\ntwo", "$", "on|e\ntwo"),
        ("one\nt|wo", "g g", "|one\ntwo"),
        ("|one\ntwo", "G", "one\n|two"),
        ("|1\n2\n3", "\"2G\"", "1\n|2\n3"),
        ("1\n2\n|3", "\"2gg\"", "1\n|2\n3"),
        ("a|bc\ndef", "j", "abc\nd|ef"),
        ("abc\nd|ef", "k", "a|bc\ndef"),
        ("|a.b.c", "f .", "a|.b.c"),
        ("|a.b.c", "\"2f.\"", "a.b|.c"),
        ("|a.b.c", "t .", "|a.b.c"),
        ("|ab.c.d", "t . ;", "ab.|c.d"),
        ("a.b.|c", "F . ,", "a.b|.c"),
        ("a.b.|c", "F .", "a.b|.c"),
        ("a.b.|c", "T a", "a|.b.c"),
        ("|a.b.c", "f . ; ,", "a|.b.c"),
        ("|abc", "f x", "|abc"),
        ("|日本 語", "w", "日本 |語"),
        ("|e\u{301}x", "l", "e\u{301}|x"),
    ]);
}

#[test]
fn operators_take_what_motions_go_over() {
    check(&[
        ("|one two", "d w", "|two"),
        ("one |two\nx", "d w", "one| \nx"),
        ("|one two three", "d 2 w", "|three"),
        ("|one two three four", "2 d w", "|three four"),
        ("|one two", "d e", "| two"),
        ("one t|wo", "d b", "one |wo"),
        ("one |two", "d 0", "|two"),
        ("o|ne two", "d $", "|o"),
        ("o|ne two", "D", "|o"),
        ("|one.two", "d f .", "|two"),
        ("|one.two", "d t .", "|.two"),
        ("1\n|2\n3", "d d", "1\n|3"),
        ("1\n2\n|3", "d d", "1\n|2"),
        ("|1\n2\n3", "2 d d", "|3"),
        ("|1\n2\n3", "d j", "|3"),
        ("1\n2\n|3", "d k", "|1"),
        ("1\n|2\n3", "d G", "|1"),
        ("1\n|2\n3", "d g g", "|3"),
        ("1|", "d j", "|1"),
        ("|one two", "c w \"x\" esc", "|x two"),
        ("|one two", "c w \"x\"", "x| two"),
        ("o|ne two", "C \"x\"", "ox|"),
        ("1\n|2\n3", "c c \"x\"", "1\nx|\n3"),
        ("a|bc", "s \"x\"", "ax|c"),
        ("a|bc", "S \"x\"", "x|"),
        ("ab|cd", "x", "ab|d"),
        ("abc|d", "x", "ab|c"),
        ("|abcd", "\"2x\"", "|cd"),
        ("ab|cd", "X", "a|cd"),
        ("a|bc", "r x", "a|xc"),
        ("|abc", "\"2rx\"", "x|xc"),
        ("ab|c", "\"2rx\"", "ab|c"),
        ("|aBc", "\"3~\"", "Ab|C"),
        ("|a\n  b\nc", "J", "a| b\nc"),
        ("|a\nb\nc", "\"3J\"", "a b| c"),
        ("|one two", "d esc w", "one |two"),
        ("|one two", "d q w", "one |two"),
        ("|one two", "d c w", "one |two"),
    ]);
}

#[test]
fn what_was_deleted_is_put_elsewhere() {
    check(&[
        ("|one two", "d w p", "tone| wo"),
        ("|ab", "x p", "b|a"),
        ("a|b", "x P", "|ba"),
        ("|1\n2", "d d p", "2\n|1"),
        ("1\n|2", "d d P", "|2\n1"),
        ("|1\n2", "y y p", "1\n|1\n2"),
        ("|1\n2", "Y P", "|1\n1\n2"),
        ("|1\n2\n3", "y j G p", "1\n2\n3\n|1\n2"),
        ("|one two", "y w $ p", "one twoone| "),
        ("|ab", "x \"3p\"", "baa|a"),
        ("|ab", "y l P", "|aab"),
        ("|", "p P", "|"),
    ]);
}

#[test]
fn objects() {
    check(&[
        ("one tw|o three", "d i w", "one | three"),
        ("one tw|o three", "d a w", "one |three"),
        ("one tw|o", "d a w", "on|e"),
        ("say \"a| b\" c", "c i quote \"x\"", "say \"x|\" c"),
        ("|say \"a b\" c", "d i quote", "say \"|\" c"),
        ("say 'a| b' c", "d a '", "say | c"),
        ("f(a, g(|b), c)", "d i (", "f(a, g(|), c)"),
        ("f(a, |g(b), c)", "d i b", "f(|)"),
        ("f(a|)", "d a )", "|f"),
        ("{\n  x|\n}", "d i {", "{|}"),
        ("a[1|]", "c i [ \"2\"", "a[2|]"),
        ("<a|>", "d i <", "<|>"),
        ("a|bc", "d i (", "a|bc"),
        ("one t|wo", "v i w d", "one| "),
    ]);
}

#[test]
fn a_selection_is_changed_as_one() {
    check(&[
        ("|abcd", "v l d", "|cd"),
        ("abc|d", "v h h d", "|a"),
        ("|abcd", "v l l y $ p", "abcdab|c"),
        ("|ab cd", "v e c \"x\"", "x| cd"),
        ("1\n|2\n3", "V d", "1\n|3"),
        ("|1\n2\n3", "V j d", "|3"),
        ("|1\n2\n3", "V j y G p", "1\n2\n3\n|1\n2"),
        ("a|bc", "v o h d", "|c"),
        ("a|bcd", "v l o h d", "|d"),
        ("|abc", "v l r x", "|xxc"),
        ("|abc", "v l ~", "|ABc"),
        ("|a\nb\nc", "V j J", "a| b\nc"),
        ("|ab cd", "y w w v e p", "ab |ab "),
        ("|abc", "v l esc x", "a|c"),
        ("|abc", "v v x", "|bc"),
    ]);
}

#[test]
fn inserting_is_one_step() {
    check(&[
        ("a|b", "i \"x y\" esc", "ax |yb"),
        ("a|b", "a \"x\" esc", "ab|x"),
        ("  a|b", "I \"x\" esc", "  |xab"),
        ("a|b\nc", "A \"x\" esc", "ab|x\nc"),
        ("a|b\nc", "o \"x\" esc", "ab\n|x\nc"),
        ("a|b\nc", "O \"x\" esc", "|x\nab\nc"),
        ("a|b", "i \"x y z\" esc u", "a|b"),
        ("|one two", "c w \"x y\" esc u", "|one two"),
        ("|one two", "c w \"x y\" esc u ctrl+r", "x y| two"),
        ("|a\nb", "o \"x\" esc u", "|a\nb"),
        ("|abc", "x x u u", "|abc"),
        ("|abc", "x x \"2u\"", "|abc"),
    ]);
}

#[test]
fn modes_are_told() {
    let mut composer = composer("one two|");
    assert_eq!(composer.mode(), None);
    composer.set_vim(true);
    let table = [
        ("", "INSERT"),
        ("esc", "NORMAL"),
        ("v", "VISUAL"),
        ("V", "VISUAL LINE"),
        ("esc", "NORMAL"),
        ("c w", "INSERT"),
        ("ctrl+[", "NORMAL"),
        ("/", "NORMAL"),
        ("esc", "NORMAL"),
    ];
    for (keys, expected) in table {
        press(&mut composer, keys);
        assert_eq!(composer.mode(), Some(expected), "{keys}");
    }
    // A key that means nothing here is the screen's, as sending and interrupting are.
    for (keys, expected) in [
        ("enter", Pressed::Ignored),
        ("esc", Pressed::Ignored),
        ("d", Pressed::Moved),
        ("esc", Pressed::Moved),
        ("q", Pressed::Moved),
        ("x", Pressed::Edited),
    ] {
        assert_eq!(press(&mut composer, keys), expected, "{keys}");
    }
    composer.take();
    assert_eq!(composer.mode(), Some("INSERT"));
    press(&mut composer, "\"new\" esc k");
    assert!(state(&composer).starts_with("one"), "{}", state(&composer));
    composer.set_vim(false);
    assert_eq!(composer.mode(), None);
}

#[test]
fn what_is_selected_is_seen() {
    let look = crate::look::Look { width: 20, theme: crate::theme::Theme::Ansi };
    let mut composer = composer("one two|");
    composer.set_vim(true);
    press(&mut composer, "esc b v l");
    let row = composer.live(&look, 3).rows.remove(0);
    let marked: Vec<&str> = row.spans.iter().filter(|span| span.style.reverse).map(crate::text::Span::text).collect();
    assert_eq!(marked, ["tw"]);
}
