//! Tells whether two payloads say the same thing.

use sha2::{Digest, Sha256};

/// The first 128 bits of SHA-256 over a JSON text without its insignificant white space.
///
/// White space is left out because a vendor indents the same object differently inside a list and inside an event; the
/// order of keys and the spelling of numbers count, because nothing says they are free. A cryptographic hash is used as
/// customers control parts of a payload (metadata, descriptions) and must not be able to make a change look equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ContentHash([u8; 16]);

impl ContentHash {
    /// Hashes a JSON text.
    #[must_use]
    pub fn of(json: &str) -> Self {
        Self::of_both(json, None)
    }

    /// Hashes a payload together with its context.
    #[must_use]
    pub fn of_both(json: &str, context: Option<&str>) -> Self {
        let mut hasher = Sha256::new();
        if let Some(context) = context {
            hasher.update(context);
            // No JSON text begins with this, so where the context ends is certain.
            hasher.update([0]);
        }
        let bytes = json.as_bytes();
        let mut kept_from = 0;
        let mut in_string = false;
        let mut at = 0;
        while at < bytes.len() {
            match bytes[at] {
                b'"' => in_string = !in_string,
                b'\\' if in_string => at += 1,
                b' ' | b'\n' | b'\r' | b'\t' if !in_string => {
                    hasher.update(&bytes[kept_from..at]);
                    kept_from = at + 1;
                }
                _ => {}
            }
            at += 1;
        }
        hasher.update(&bytes[kept_from..]);
        let digest: [u8; 32] = hasher.finalize().into();
        let mut short = [0; 16];
        short.copy_from_slice(&digest[..16]);
        Self(short)
    }

    /// The sixteen bytes as they are stored.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_between_tokens_does_not_count() {
        assert_eq!(
            ContentHash::of(r#"{"a":[1,2],"b":"x"}"#),
            ContentHash::of("{\n  \"a\": [1, 2],\n\t\"b\" : \"x\"\r\n}")
        );
    }

    #[test]
    fn white_space_inside_strings_counts() {
        assert_ne!(ContentHash::of(r#"{"a":"x y"}"#), ContentHash::of(r#"{"a":"xy"}"#));
    }

    #[test]
    fn an_escaped_quote_does_not_end_a_string() {
        assert_ne!(ContentHash::of(r#"{"a":"\" b"}"#), ContentHash::of(r#"{"a":"\"b"}"#));
        assert_ne!(ContentHash::of(r#"{"a":"\\\" b"}"#), ContentHash::of(r#"{"a":"\\\"b"}"#));
        assert_eq!(ContentHash::of(r#"{"a":"\\" , "b":1}"#), ContentHash::of(r#"{"a":"\\","b":1}"#));
    }

    #[test]
    fn a_changed_digit_counts() {
        assert_ne!(ContentHash::of(r#"{"a":1}"#), ContentHash::of(r#"{"a":10}"#));
    }
}
