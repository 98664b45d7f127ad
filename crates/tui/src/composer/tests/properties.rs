//! Whatever is pressed and pasted: nothing panics, the cursor stands between characters, undoing leads to the start.

use crate::key::{KeyCode, KeyModifiers};
use proptest::prelude::*;
use unicode_segmentation::UnicodeSegmentation as _;

use super::*;
use crate::{keymap::BINDINGS, look::Look, theme::Theme};

#[derive(Debug, Clone)]
enum Step {
    Press(Key),
    Paste(String),
    Draw(usize, usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let contexts = [Context::Composer, Context::VimNormal, Context::Global];
    let bound = BINDINGS.iter().filter(move |binding| contexts.contains(&binding.context));
    let bound: Vec<Key> = bound.flat_map(|binding| binding.keys).map(|key| key.parse().unwrap()).collect();
    let typed = "[a c\\(\"日é\u{301}👩\u{200d}🇩🇪한\u{1b}/@!\n\u{10f000}]";
    let step = prop_oneof![
        6 => prop::sample::select(bound).prop_map(Step::Press),
        4 => typed.prop_map(|text| Step::Press(text.chars().next().map(|c| Key::new(KeyCode::Char(c), KeyModifiers::NONE)).unwrap())),
        1 => prop_oneof!["[a\r\n日 👩\u{200d}\u{301}]{0,20}", Just("x\n".repeat(12)), Just("y".repeat(1100))].prop_map(Step::Paste),
        1 => (1..60usize, 1..6usize).prop_map(|(width, rows)| Step::Draw(width, rows)),
    ];
    prop::collection::vec(step, 0..60)
}

fn stands_between_characters(composer: &Composer) -> bool {
    let (text, cursor) = (composer.buffer.text(), composer.buffer.cursor());
    text.grapheme_indices(true).map(|(at, _)| at).chain([text.len()]).any(|at| at == cursor)
}

fn run(composer: &mut Composer, steps: &[Step]) {
    let keymap = Keymap::default();
    for step in steps {
        match step {
            Step::Press(key) => {
                composer.press(*key, &keymap);
            }
            Step::Paste(text) => composer.paste(text),
            Step::Draw(width, rows) => {
                let live = composer.live(&Look { width: *width, theme: Theme::Ansi }, *rows);
                let (row, column) = live.cursor.unwrap();
                assert!(row < live.rows.len() && column < *width, "{live:?}");
                assert!(live.rows.iter().all(|row| row.width() <= *width), "{live:?}");
            }
        }
        assert!(stands_between_characters(composer), "{:?} after {step:?}", state(composer));
        composer.token();
        composer.draft();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_keys_break_it(steps in steps(), vim in any::<bool>()) {
        let mut composer = composer("");
        for entry in ["one entry", "two\nlines"] {
            write(&mut composer, entry);
            composer.take();
        }
        composer.set_vim(vim);
        run(&mut composer, &steps);
        // Undoing leads to the start, and doing it all again to the end.
        composer.end_search();
        let end = composer.buffer.text().to_owned();
        let mut undone = 0;
        while composer.buffer.undo() {
            undone += 1;
            assert!(stands_between_characters(&composer));
        }
        prop_assert_eq!(composer.buffer.text(), "");
        (0..undone).for_each(|_| assert!(composer.buffer.redo()));
        prop_assert_eq!(composer.buffer.text(), end);
    }
}
