//! What strangers wrote, made fit to be read on a terminal.

use serde::de::IgnoredAny;

/// JSON that is nested deeper than this is not read by people.
const DEEPEST: usize = 100;

/// The text without anything that a terminal would obey: control characters, but for line breaks and tabs, and those that
/// turn the direction of writing, are written as JSON writes them. JSON stays the same JSON.
pub(crate) fn harmless(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        let turns = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if turns || (c.is_control() && c != '\n' && c != '\t') {
            safe.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            safe.push(c);
        }
    }
    safe
}

/// JSON with a line for each value, and otherwise as it was written: numbers keep their digits and fields their order,
/// which they would lose if they were parsed. None where the text is not JSON.
pub(crate) fn indented(json: &str) -> Option<String> {
    serde_json::from_str::<IgnoredAny>(json).ok()?;
    let mut lines = String::with_capacity(json.len() * 2);
    let (mut depth, mut in_string, mut escaped, mut opened) = (0_usize, false, false, false);
    for c in json.chars() {
        if in_string {
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
            lines.push(c);
            continue;
        }
        if c.is_ascii_whitespace() {
            continue;
        }
        let closes = matches!(c, '}' | ']');
        depth -= usize::from(closes);
        // Nothing is between the brackets of an empty object or list.
        if opened != closes {
            new_line(&mut lines, depth);
        }
        opened = matches!(c, '{' | '[');
        depth += usize::from(opened);
        if depth > DEEPEST {
            return None;
        }
        in_string = c == '"';
        lines.push(c);
        match c {
            ',' => new_line(&mut lines, depth),
            ':' => lines.push(' '),
            _ => {}
        }
    }
    Some(lines)
}

fn new_line(lines: &mut String, depth: usize) {
    lines.push('\n');
    lines.extend(std::iter::repeat_n("  ", depth));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_told_nothing() {
        assert_eq!(
            harmless("a\u{1b}[31m\u{9b}b\u{7f}\u{202e}\n\tä"),
            "a\\u001b[31m\\u009bb\\u007f\\u202e\n\tä"
        );
    }

    #[test]
    fn json_is_indented_and_nothing_else_of_it_is_touched() {
        let json = r#"{"z":1.50 , "a":[ 1e400,{"b" :"x, \"{\\"} ],"e":[],"n":{ }}"#;
        let lines = [
            "{",
            "  \"z\": 1.50,",
            "  \"a\": [",
            "    1e400,",
            "    {",
            r#"      "b": "x, \"{\\""#,
            "    }",
            "  ],",
            "  \"e\": [],",
            "  \"n\": {}",
            "}",
        ];
        assert_eq!(indented(json).unwrap(), lines.join("\n"));
        assert_eq!(indented("12").unwrap(), "12");
    }

    #[test]
    fn what_is_no_json_or_endlessly_nested_is_left_alone() {
        for text in ["", "{", "not json", &("[".repeat(5_000) + &"]".repeat(5_000))] {
            assert_eq!(indented(text), None);
        }
    }
}
