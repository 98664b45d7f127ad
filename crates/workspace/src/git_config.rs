//! Reading git's configuration files, as far as it is needed to judge a repository without running git in it.
//!
//! It never follows an include and never decides; a line that it cannot read is left out.

/// Each setting as `section.key` or `section.subsection.key`, section and key in lower case, with its value
/// (git-config(1), "Syntax"). In the order of the file; a key without a value is `true`.
pub(crate) fn entries(text: &str) -> Vec<(String, String)> {
    let mut section = String::new();
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let mut line = line.trim_start().to_owned();
        // A backslash at the end goes on in the next line.
        while line.ends_with('\\') && !line.starts_with(['#', ';']) {
            line.pop();
            let Some(next) = lines.next() else { break };
            line.push_str(next);
        }
        let mut rest = line.as_str();
        if let Some(header) = rest.strip_prefix('[') {
            let Some(end) = end_of_header(header) else { continue };
            let (name, after) = header.split_at(end);
            section = section_name(name);
            rest = after.get(1..).unwrap_or_default().trim_start();
        }
        if rest.is_empty() || rest.starts_with(['#', ';']) {
            continue;
        }
        let (key, value) = rest.split_once('=').map_or((rest, None), |(key, value)| (key, Some(value)));
        let key = key.split(['#', ';']).next().unwrap_or_default().trim().to_ascii_lowercase();
        found.push((format!("{section}.{key}"), value.map_or_else(|| "true".to_owned(), plain)));
    }
    found
}

/// Where the closing bracket is: a name in quotes may hold others.
fn end_of_header(header: &str) -> Option<usize> {
    let mut quoted = false;
    let mut escaped = false;
    header.char_indices().find_map(|(at, letter)| {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ']' if !quoted => return Some(at),
            _ => {}
        }
        None
    })
}

fn section_name(header: &str) -> String {
    match header.split_once('"') {
        Some((name, sub)) => {
            let sub = sub.strip_suffix('"').unwrap_or(sub).replace("\\\"", "\"").replace("\\\\", "\\");
            format!("{}.{sub}", name.trim().to_ascii_lowercase())
        }
        None => header.trim().to_ascii_lowercase(),
    }
}

/// A value without its quotes, escapes and comment.
fn plain(value: &str) -> String {
    let mut plain = String::new();
    let mut quoted = false;
    let mut letters = value.trim().chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => quoted = !quoted,
            '#' | ';' if !quoted => break,
            '\\' => match letters.next() {
                Some('n') => plain.push('\n'),
                Some('t') => plain.push('\t'),
                Some(other) => plain.push(other),
                None => {}
            },
            other => plain.push(other),
        }
    }
    if quoted { plain } else { plain.trim_end().to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_as_git_reads_them() {
        let text = "# x\n[Core]\n\tfsMonitor = \"a b\" ; why\n bare\n[alias \"X.y]\"] z = !sh \\\n -c\n\
            [filter \"f\"]\nclean=\"a#b\\\"c\"\n[a.B]c=d # e\n[broken\nx = y\n";
        let expected = [
            ("core.fsmonitor", "a b"),
            ("core.bare", "true"),
            ("alias.X.y].z", "!sh  -c"),
            ("filter.f.clean", "a#b\"c"),
            ("a.b.c", "d"),
            ("a.b.x", "y"),
        ];
        let found = entries(text);
        let found: Vec<(&str, &str)> = found.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(found, expected);
    }
}
