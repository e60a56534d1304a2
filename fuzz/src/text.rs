//! What holds for all messages.

use wintersock::error::Error;

/// Checks an error: a code that is documented, and a message that a log and a terminal can take.
pub(crate) fn check(error: &Error, codes: &[&str]) {
    let (code, message) = (error.code(), error.to_string());
    assert!(codes.contains(&code), "{code}: {message}");
    check_message(&message);
    if let Some(cause) = error.cause() {
        check_message(&cause);
    }
}

/// Nothing in it that a terminal would obey, and of a length that somebody reads.
pub(crate) fn check_message(message: &str) {
    const LONGEST: usize = 4096;
    assert!(!message.is_empty());
    assert!(message.len() <= LONGEST, "{} bytes: {message:.200}", message.len());
    let obeyed = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    assert!(!message.contains(obeyed), "{message:?}");
}

/// What comes after `key `, line by line.
pub(crate) fn lines<'a>(text: &'a str, key: &'a str) -> impl Iterator<Item = &'a str> {
    text.split('\n').filter_map(move |line| line.strip_prefix(key)?.strip_prefix(' '))
}
