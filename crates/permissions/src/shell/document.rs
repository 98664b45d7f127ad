//! Takes here-documents out of a script: their text is data, may be long, and confuses parsers.
//!
//! It must never take out what a shell would run. So it leaves a script as it is as soon as it is not sure how quotes
//! nest, and a document in which anything is expanded stays.

/// Marks the place of a document that was taken out, as the name of a file that is read.
const MARK: &str = "here_document_";

/// Most bytes of a script that is looked at.
const MOST_BYTES: usize = 1 << 20;

/// `script` with its literal here-documents as files that are read, by their number from `first`; and their texts.
/// Nothing if none was taken out.
pub(super) fn take_out(script: &str, first: usize) -> Option<(String, Vec<String>)> {
    if script.len() > MOST_BYTES || !script.contains("<<") {
        return None;
    }
    let mut scanner = Scanner { script, at: 0, out: String::new(), first, documents: Vec::new(), pending: Vec::new() };
    let mut frames = vec![Frame::Script { parentheses: 0 }];
    while scanner.at < script.len() {
        scanner.step(&mut frames)?;
    }
    let closed = matches!(frames.as_slice(), [Frame::Script { .. }]) && scanner.pending.is_empty();
    (closed && !scanner.documents.is_empty()).then_some((scanner.out, scanner.documents))
}

/// The number of the document that `word` stands for.
pub(super) fn number(word: &str) -> Option<usize> {
    word.strip_prefix(MARK)?.parse().ok()
}

/// What the scanner is in.
enum Frame {
    /// Commands: the script itself, or `$(…)` between double quotes with parentheses open in it.
    Script { parentheses: usize },
    /// Double quotes.
    Quoted,
}

struct Scanner<'a> {
    script: &'a str,
    at: usize,
    out: String,
    first: usize,
    documents: Vec<String>,
    /// The documents that begin at the next line.
    pending: Vec<Pending>,
}

/// A here-document whose text has not come yet.
struct Pending {
    delimiter: String,
    literal: bool,
    /// `<<-`: leading tabs do not count.
    tabs: bool,
    /// Where its operator stands in the output: from, to.
    operator: (usize, usize),
}

impl Scanner<'_> {
    fn rest(&self) -> &str {
        self.script.get(self.at..).unwrap_or_default()
    }

    fn keep(&mut self, length: usize) -> Option<()> {
        self.out.push_str(self.script.get(self.at..self.at + length)?);
        self.at += length;
        Some(())
    }

    /// Goes on by one part of the script. Nothing if it is not sure what that is.
    fn step(&mut self, frames: &mut Vec<Frame>) -> Option<()> {
        let rest = self.rest();
        let c = rest.chars().next()?;
        let quoted = matches!(frames.last()?, Frame::Quoted);
        match c {
            // What an escape or a substitution of the old form means depends on what it is in.
            '\\' => {
                let escaped = rest[1..].chars().next()?.len_utf8();
                self.keep(1 + escaped)
            }
            '`' => None,
            '$' if rest.starts_with("$((") || rest.starts_with("$[") => None,
            '$' if rest.starts_with("${") => {
                let length = rest.find('}')?;
                let plain = rest[2..length].chars().all(|c| c.is_ascii_alphanumeric() || "_:-+=@*".contains(c));
                if plain { self.keep(length + 1) } else { None }
            }
            '"' => {
                if quoted {
                    frames.pop();
                } else {
                    frames.push(Frame::Quoted);
                }
                self.keep(1)
            }
            '$' if quoted && rest.starts_with("$(") => {
                // The patterns of `case` would close it.
                if rest.contains("case") {
                    return None;
                }
                frames.push(Frame::Script { parentheses: 0 });
                self.keep(2)
            }
            _ if quoted => self.keep(c.len_utf8()),
            '$' if rest.starts_with("$'") => None,
            '\'' => {
                let length = rest[1..].find('\'')?;
                self.keep(length + 2)
            }
            '#' if self.out.is_empty() || self.out.ends_with([' ', '\t', '\n', ';', '&', '|', '(', ')']) => {
                let length = rest.find('\n').unwrap_or(rest.len());
                self.keep(length)
            }
            '(' | ')' => {
                if rest.starts_with("((") {
                    return None;
                }
                let depth = frames.len();
                match frames.last_mut()? {
                    Frame::Script { parentheses } if c == '(' => *parentheses += 1,
                    Frame::Script { parentheses: 0 } if depth > 1 => {
                        frames.pop();
                    }
                    // Of a pattern of `case`, or too many: no matter here, as nothing is closed by it.
                    Frame::Script { parentheses } => *parentheses = parentheses.saturating_sub(1),
                    Frame::Quoted => return None,
                }
                self.keep(1)
            }
            '<' if rest.starts_with("<<<") => self.keep(3),
            '<' if rest.starts_with("<<") => self.operator(),
            '\n' if !self.pending.is_empty() => self.texts(),
            _ => self.keep(c.len_utf8()),
        }
    }

    /// Reads `<<WORD`.
    fn operator(&mut self) -> Option<()> {
        let (start, from) = (self.at, self.out.len());
        let rest = self.rest();
        let tabs = rest.starts_with("<<-");
        let after = &rest[if tabs { 3 } else { 2 }..];
        let word = after.trim_start_matches([' ', '\t']);
        let length = word.find([' ', '\t', '\n', ';', '|', '&', '<', '>', '(', ')']).unwrap_or(word.len());
        let written = &word[..length];
        let delimiter = match written.chars().next()? {
            quote @ ('\'' | '"') => {
                let inside = written.strip_prefix(quote)?.strip_suffix(quote)?;
                (!inside.contains(['\'', '"', '\\', '$', '`'])).then_some(inside)?
            }
            _ => (!written.contains(['\'', '"', '\\', '$', '`'])).then_some(written)?,
        };
        let literal = delimiter.len() != written.len();
        let delimiter = delimiter.to_owned();
        let end = start + (rest.len() - word.len()) + length;
        self.out.push_str(self.script.get(start..end)?);
        self.at = end;
        self.pending.push(Pending { delimiter, literal, tabs, operator: (from, self.out.len()) });
        Some(())
    }

    /// Reads the texts of the documents that were announced; their last line must be there.
    fn texts(&mut self) -> Option<()> {
        self.keep(1)?;
        let mut pending = std::mem::take(&mut self.pending);
        let mut found = Vec::new();
        for document in &pending {
            let start = self.at;
            loop {
                let rest = self.rest();
                if rest.is_empty() {
                    return None;
                }
                let length = rest.find('\n').unwrap_or(rest.len());
                let line = &rest[..length];
                let line = if document.tabs { line.trim_start_matches('\t') } else { line };
                let last = line == document.delimiter;
                let text = self.script.get(start..self.at)?;
                self.at = (self.at + length + 1).min(self.script.len());
                if last {
                    found.push((text, self.script.get(start..self.at)?));
                    break;
                }
            }
        }
        // The lines of those that stay follow in their order; from the last, as places before do not move.
        for (_, whole) in
            pending.iter().zip(&found).filter(|(document, (text, _))| !document.can_go(text)).map(|(_, found)| found)
        {
            self.out.push_str(whole);
        }
        let mut numbers: Vec<usize> = Vec::new();
        for (document, (text, _)) in pending.iter().zip(&found) {
            if document.can_go(text) {
                numbers.push(self.first + self.documents.len());
                self.documents.push((*text).to_owned());
            }
        }
        while let (Some(document), Some((text, _))) = (pending.pop(), found.pop()) {
            if document.can_go(text)
                && let Some(number) = numbers.pop()
            {
                let (from, to) = document.operator;
                self.out.replace_range(from..to, &format!("< {MARK}{number}"));
            }
        }
        Some(())
    }
}

impl Pending {
    /// Whether nothing in `text` is expanded.
    fn can_go(&self, text: &str) -> bool {
        self.literal || !text.contains(['$', '`', '\\'])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literal_documents_are_taken_out() {
        let table: &[(&str, &str, &[&str])] = &[
            ("cat <<'E' > f\nit's\nE\nls", "cat < here_document_7 > f\nls", &["it's\n"]),
            ("cat > f <<E\na\nE", "cat > f < here_document_7\n", &["a\n"]),
            ("cat <<-E\n\ta\n\tE\n", "cat < here_document_7\n", &["\ta\n"]),
            ("a <<'A' 2>&1 | b\nx\nA\n", "a < here_document_7 2>&1 | b\n", &["x\n"]),
            ("a <<'A' <<B; c\nx\nA\ny\nB\nd", "a < here_document_7 < here_document_8; c\nd", &["x\n", "y\n"]),
            ("a <<'A' <<B; c\nx\nA\n$y\nB\nd", "a < here_document_7 <<B; c\n$y\nB\nd", &["x\n"]),
            ("a \"$(cat <<'E'\nit's (x\nE\n)\" && b", "a \"$(cat < here_document_7\n)\" && b", &["it's (x\n"]),
            ("a <<\"E\"\n$x\nE", "a < here_document_7\n", &["$x\n"]),
            ("(a <<E)\nx\nE\n", "(a < here_document_7)\n", &["x\n"]),
        ];
        for (script, expected, texts) in table {
            let (out, documents) = take_out(script, 7).unwrap_or_else(|| panic!("{script}"));
            assert_eq!((out.as_str(), documents), (*expected, texts.iter().map(|text| (*text).to_owned()).collect()));
        }
    }

    #[test]
    fn what_is_not_sure_stays() {
        let table = [
            "echo '<<E'\nrm x\nE",
            "echo \"<<E\"\nrm x\nE",
            "echo \\<<E\nrm x\nE",
            "echo # <<E\nrm x\nE",
            "cat <<< E\nrm x\nE",
            "((1<<E))\nrm x\nE",
            "echo $((1<<E))\nrm x\nE",
            "echo $[1<<E]\nrm x\nE",
            "echo ${x#'<<E'}\nrm x\nE",
            "echo $'\\'<<E'\nrm x\nE",
            "echo `<<E`\nrm x\nE",
            "cat <<E\n$(rm x)\nE",
            "cat <<E\nrm x",
            "cat <<$E\nrm x\n$E",
            "cat <<'E'X\nrm x\nEX",
            "cat <<\nrm x",
            "echo \"$(case x in x) echo '<<E';; esac)\"\nrm x\nE",
            "echo 'a\n<<E\nrm x\nE",
        ];
        for script in table {
            assert_eq!(take_out(script, 0), None, "{script}");
        }
    }
}
