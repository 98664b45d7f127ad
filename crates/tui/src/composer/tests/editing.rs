//! Motions, deletion, the kill ring, undoing.

use super::*;

#[test]
fn keys_move_the_cursor() {
    check(&[
        ("ab|c", "left", "a|bc"),
        ("ab|c", "ctrl+b ctrl+b ctrl+b", "|abc"),
        ("a|bc", "right ctrl+f", "abc|"),
        ("one two|", "alt+b", "one |two"),
        ("one two|", "ctrl+left alt+left", "|one two"),
        ("|one, two", "alt+f", "one|, two"),
        ("|one, two", "ctrl+right alt+right", "one, two|"),
        ("can't stop|", "alt+b alt+b", "|can't stop"),
        ("日本語|", "alt+b", "日本|語"),
        ("カタカナ|", "alt+b", "|カタカナ"),
        ("one\ntw|o\nthree", "ctrl+a", "one\n|two\nthree"),
        ("one\nt|wo\nthree", "ctrl+e", "one\ntwo|\nthree"),
        ("one\nt|wo", "home", "one\n|two"),
        ("one\nt|wo", "ctrl+home", "|one\ntwo"),
        ("o|ne\ntwo", "alt+>", "one\ntwo|"),
        ("one\ntwo|", "alt+<", "|one\ntwo"),
        ("one\nt|wo", "left left", "one|\ntwo"),
    ]);
}

#[test]
fn what_is_seen_as_one_character_is_one() {
    check(&[
        ("e\u{301}|", "left", "|e\u{301}"),
        ("e\u{301}|x", "backspace", "|x"),
        ("|👩\u{200d}👩\u{200d}👧x", "right", "👩\u{200d}👩\u{200d}👧|x"),
        ("👩\u{200d}👩\u{200d}👧|", "backspace", "|"),
        ("🇩🇪🇫🇷|", "left", "🇩🇪|🇫🇷"),
        ("|🇩🇪🇫🇷", "delete", "|🇫🇷"),
        ("👍🏽|", "backspace", "|"),
        ("日本|", "left backspace", "|本"),
        ("한국|", "backspace", "한|"),
        ("नि|", "left", "|नि"),
        // A mark that joins what is before it leaves the cursor behind both.
        ("e|x", "\"\u{301}\"", "e\u{301}|x"),
        ("|\u{301}x", "\"e\"", "e\u{301}|x"),
    ]);
}

#[test]
fn keys_delete_and_insert() {
    check(&[
        ("ab|c", "backspace", "a|c"),
        ("ab|c", "ctrl+h ctrl+d", "a|"),
        ("|", "backspace", "|"),
        ("a|\nb", "delete", "a|b"),
        ("a|b", "shift+enter", "a\n|b"),
        ("a|b", "ctrl+j \"x\"", "a\nx|b"),
        ("ab|cd", "alt+t", "acb|d"),
        ("abcd|", "alt+t", "abdc|"),
        ("|ab", "alt+t", "|ab"),
        ("a|", "alt+t", "a|"),
        ("a\nbc|\nd", "alt+t", "a\ncb|\nd"),
    ]);
    assert_eq!(press(&mut composer("|"), "ctrl+d"), Pressed::Ignored);
    assert_eq!(press(&mut composer("a|"), "ctrl+d"), Pressed::Edited);
    for key in ["enter", "tab", "esc", "ctrl+c", "ctrl+t", "f7", "alt+x"] {
        assert_eq!(press(&mut composer("a|"), key), Pressed::Ignored, "{key}");
    }
}

#[test]
fn what_is_cut_comes_back() {
    check(&[
        ("one two|", "ctrl+w", "one |"),
        ("one two  |", "ctrl+w", "one |"),
        ("a/b.c d-e|", "ctrl+w", "a/b.c |"),
        ("a/b.c d-e|", "alt+backspace", "a/b.c d-|"),
        ("one |two three", "alt+d", "one | three"),
        ("one t|wo\nthree", "ctrl+k", "one t|\nthree"),
        ("one|\ntwo", "ctrl+k", "one|two"),
        ("one\nt|wo", "ctrl+u", "one\n|wo"),
        ("one\n|two", "ctrl+u", "one|two"),
        ("one two|", "ctrl+w ctrl+y ctrl+y", "one twotwo|"),
        // Cuts in a row are one piece, in the order of the text.
        ("a b c|", "ctrl+w ctrl+w ctrl+y", "a b c|"),
        ("a b| c d", "ctrl+w alt+d ctrl+y", "a b c| d"),
        // A key between them makes them two.
        ("a b c|", "ctrl+w left right ctrl+w ctrl+y", "a b |"),
        ("a b c|", "ctrl+w left right ctrl+w ctrl+y alt+y", "a c|"),
        ("a b c|", "ctrl+w left right ctrl+w ctrl+y alt+y alt+y", "a b |"),
        ("a b c|", "ctrl+w \"x\" alt+y", "a b x|"),
        ("|", "ctrl+y alt+y ctrl+k ctrl+u ctrl+w alt+d", "|"),
    ]);
}

#[test]
fn words_are_undone_at_once() {
    check(&[
        ("|", "\"one two\" ctrl+_", "one |"),
        ("|", "\"one two\" ctrl+_ ctrl+_", "|"),
        ("|", "\"one two\" ctrl+/ ctrl+/ alt+_ ctrl+alt+_", "one two|"),
        ("|", "\"one\" left \"x\" ctrl+_", "on|e"),
        ("one two|", "ctrl+w ctrl+7", "one two|"),
        ("one|", "backspace backspace ctrl+_", "one|"),
        ("a one|", "backspace backspace backspace backspace ctrl+_", "a |"),
        ("a one|", "backspace backspace backspace backspace ctrl+_ ctrl+_", "a one|"),
        ("|one", "delete delete ctrl+_", "|one"),
        ("one|", "backspace left backspace ctrl+_", "o|n"),
        ("one|", "backspace \"x\" ctrl+_ alt+_", "onx|"),
        // What is done anew takes the place of what was undone.
        ("|", "\"one\" ctrl+_ \"two\" alt+_", "two|"),
        ("|", "ctrl+_ alt+_", "|"),
        ("ab|", "alt+t ctrl+_", "ab|"),
    ]);
}

#[test]
fn up_and_down_go_by_rows_that_are_seen() {
    let look = crate::look::Look { width: 10, theme: crate::theme::Theme::Ansi };
    let table = [
        ("one two thr|ee", "up", "one| two three"),
        ("o|ne two three", "down", "one two t|hree"),
        // The column is kept across a short row.
        ("abcd|\nx\nabcd", "down down", "abcd\nx\nabcd|"),
        ("abcd|\nx\nabcd", "down left down", "abcd\nx\n|abcd"),
        ("日本語|\nabcdefg", "down", "日本語\nabcdef|g"),
        ("日本語\nabc|defg", "up", "日|本語\nabcdefg"),
        ("a|", "up", "a|"),
        ("a|", "down", "a|"),
    ];
    for (text, keys, expected) in table {
        let mut composer = composer(text);
        composer.live(&look, 10);
        press(&mut composer, keys);
        assert_eq!(state(&composer), expected, "{text:?} {keys}");
    }
}
