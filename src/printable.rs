//! What somebody else wrote, fit for a message.

/// At most `most` characters of it, and none that a terminal obeys or that changes the order of others.
#[must_use]
pub fn printable(text: &str, most: usize) -> String {
    let mut rest = text.chars();
    let mut shown: String = rest.by_ref().take(most).map(|c| if is_obeyed(c) { '?' } else { c }).collect();
    if rest.next().is_some() {
        shown.push_str("...");
    }
    shown
}

fn is_obeyed(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_that_a_terminal_obeys() {
        assert_eq!(printable("a\u{1b}[2J\r\nb\u{9b}c\u{202e}d", 20), "a?[2J??b?c?d");
    }

    #[test]
    fn what_is_long_is_cut_between_characters() {
        assert_eq!((printable("äöü", 2), printable("äöü", 3)), ("äö...".to_owned(), "äöü".to_owned()));
    }
}
