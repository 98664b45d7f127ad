//! A command line, part by part: a row break after each operator that joins two commands.

/// `command` cut behind each operator that stands outside quotation marks, brackets and substitutions. Together the parts
/// are the command. One part where a line break would mean something else.
pub(super) fn parts(command: &str) -> Vec<&str> {
    // What follows `<<` ends at a line of its own, and a comment at the line's end.
    if command.contains("<<") || command.contains('#') {
        return vec![command];
    }
    let mut parts = Vec::new();
    let (mut begin, mut depth) = (0, 0_usize);
    let mut quote = None;
    let mut rest = command.char_indices().peekable();
    while let Some((at, c)) = rest.next() {
        match (quote, c) {
            (_, '\\') if quote != Some('\'') => drop(rest.next()),
            (Some(open), _) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"' | '`') => quote = Some(c),
            (None, '(' | '{' | '[') => depth += 1,
            (None, ')' | '}' | ']') => depth = depth.saturating_sub(1),
            (None, '&' | '|' | ';') if depth == 0 => {
                let behind = rest.peek().map(|(_, next)| *next);
                let before = command[..at].chars().next_back();
                // `>&`, `<&`, `&>`, `>|` belong to a redirection, `;;` to `case`.
                let redirects =
                    matches!(before, Some('>' | '<')) || (c == '&' && behind == Some('>')) || behind == Some(';');
                if redirects || before == Some(';') {
                    continue;
                }
                let mut end = at + c.len_utf8();
                if c != ';' && matches!(behind, Some(next) if next == c || (c == '|' && next == '&')) {
                    end += 1;
                    rest.next();
                }
                if !command[end..].trim().is_empty() {
                    parts.push(&command[begin..end]);
                    begin = end;
                }
            }
            (None, _) => {}
        }
    }
    parts.push(&command[begin..]);
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_is_cut_behind_its_operators() {
        let table: &[(&str, &[&str])] = &[
            ("ls", &["ls"]),
            ("a && b || c; d | e & f", &["a &&", " b ||", " c;", " d |", " e &", " f"]),
            ("a |& b", &["a |&", " b"]),
            ("a 2>&1 | tee x", &["a 2>&1 |", " tee x"]),
            ("a &> x", &["a &> x"]),
            ("a >| x", &["a >| x"]),
            ("a &", &["a &"]),
            ("echo 'a && b' && c", &["echo 'a && b' &&", " c"]),
            (r#"echo "a ' && b" && c"#, &[r#"echo "a ' && b" &&"#, " c"]),
            (r"echo \' && c", &[r"echo \' &&", " c"]),
            ("(a; b) && c", &["(a; b) &&", " c"]),
            ("x=$(a | b); y", &["x=$(a | b);", " y"]),
            ("cat <<E && b\nE", &["cat <<E && b\nE"]),
            ("a # && b", &["a # && b"]),
            ("case a in b) c;; esac", &["case a in b) c;; esac"]),
        ];
        for (command, expected) in table {
            assert_eq!(parts(command), *expected, "{command}");
        }
    }

    proptest! {
        #[test]
        fn the_parts_are_the_command(command in r#"[a&|;<>(){}'"`\\ #é\n]{0,40}"#) {
            prop_assert_eq!(parts(&command).concat(), command);
        }
    }
}
