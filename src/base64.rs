//! Bytes as text.

/// Base64, with the `=` at its end (RFC 4648, section 4).
#[must_use]
pub fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = (0..3).fold(0, |bits, index| bits << 8 | usize::from(*group.get(index).unwrap_or(&0)));
        for digit in 0..4 {
            let character = DIGITS[bits >> (18 - 6 * digit) & 63];
            text.push(if digit > group.len() { '=' } else { char::from(character) });
        }
    }
    text
}
