//! The keys that callers of HTTP send: several for each role, so that one can be replaced while the others go on.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

/// The shortest key, in characters.
const SHORTEST: usize = 16;

/// The longest label, in characters.
const LONGEST_LABEL: usize = 40;

/// The label of a key that has none.
const UNNAMED: &str = "default";

/// The keys of a role. Only their digests are kept.
#[derive(Clone)]
pub(crate) struct Keys(Vec<Key>);

#[derive(Clone)]
struct Key {
    label: String,
    digest: [u8; 32],
}

impl Keys {
    /// Reads `KEY`, or `label:KEY,label:KEY`. What precedes the first colon is a label if it looks like one, so that a
    /// single key may have colons in it.
    pub(crate) fn parse(text: &SecretString) -> Result<Self, String> {
        let mut keys: Vec<Key> = Vec::new();
        for entry in text.expose_secret().split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let (label, key) = match entry.split_once(':') {
                Some((label, key)) if is_label(label) => (label, key),
                _ => (UNNAMED, entry),
            };
            if key.chars().count() < SHORTEST {
                return Err(format!("has a key that is too short: at least {SHORTEST} characters"));
            }
            if keys.iter().any(|known| known.label == label) {
                return Err(format!("has two keys with the label `{label}`"));
            }
            keys.push(Key { label: label.to_owned(), digest: Sha256::digest(key).into() });
        }
        if keys.is_empty() { Err("has no key".to_owned()) } else { Ok(Self(keys)) }
    }

    /// The label of the key that was sent. Digests are compared, all of them and in constant time, so that neither a
    /// length, nor a first differing byte, nor the place in the list can be measured.
    pub(crate) fn label_of(&self, sent: &[u8]) -> Option<&str> {
        let digest: [u8; 32] = Sha256::digest(sent).into();
        let (mut at, mut found) = (0, Choice::from(0));
        for (candidate, key) in (0_u32..).zip(&self.0) {
            let equal = key.digest.as_slice().ct_eq(digest.as_slice());
            at.conditional_assign(&candidate, equal);
            found |= equal;
        }
        let key = self.0.get(usize::try_from(at).ok()?)?;
        bool::from(found).then_some(key.label.as_str())
    }
}

fn is_label(text: &str) -> bool {
    (1..=LONGEST_LABEL).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|key| &key.label)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Result<Keys, String> {
        Keys::parse(&SecretString::from(text))
    }

    #[test]
    fn each_key_is_known_by_its_label() {
        let keys = keys("dash:0123456789abcdef, grafana:fedcba9876543210,").unwrap();
        assert_eq!(keys.label_of(b"0123456789abcdef"), Some("dash"));
        assert_eq!(keys.label_of(b"fedcba9876543210"), Some("grafana"));
        for wrong in ["", "dash", "dash:0123456789abcdef", "0123456789abcdeF", "0123456789abcdef,"] {
            assert_eq!(keys.label_of(wrong.as_bytes()), None, "{wrong}");
        }
        assert_eq!(format!("{keys:?}"), r#"["dash", "grafana"]"#);
    }

    #[test]
    fn a_single_key_needs_no_label_and_may_have_colons() {
        assert_eq!(keys("0123456789abcdef").unwrap().label_of(b"0123456789abcdef"), Some(UNNAMED));
        let odd = "p@ss:word:0123456789";
        assert_eq!(keys(odd).unwrap().label_of(odd.as_bytes()), Some(UNNAMED));
    }

    #[test]
    fn what_would_open_to_nobody_or_to_everybody_is_refused() {
        for wrong in ["", " , ", "short", "dash:short", "a:0123456789abcdef,a:fedcba9876543210"] {
            assert!(keys(wrong).is_err(), "{wrong}");
        }
    }
}
