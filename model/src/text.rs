//! Text of strangers, made fit to be stored: a vendor may send anything, and PostgreSQL does not take everything.
//!
//! PostgreSQL refuses U+0000 in any text, and a key of an index that is longer than 2,704 bytes. Half a surrogate pair
//! (`"\ud83d"` in JSON) is no character at all. What is written down goes through here, so that neither a record nor the
//! note that something failed can be refused for its content.

use std::borrow::Cow;

use sha2::{Digest, Sha256};

/// The longest id. Two of them and their sources fit into one key of an index; the longest that a vendor documents, an
/// event of a calendar with the address of the calendar before it, has 1,279 bytes.
pub const MAX_ID_BYTES: usize = 1_280;

/// The longest word that is looked up: a status, a stage, an e-mail address.
pub const MAX_WORD_BYTES: usize = 320;

/// The longest title, name or description. All of it is in the raw record.
pub const MAX_TEXT_BYTES: usize = 32_000;

/// The longest account of a failure; a longer one would not help.
pub const MAX_REASON_BYTES: usize = 2_000;

const REPLACEMENT: &str = "\u{fffd}";

/// The text of bytes that should be UTF-8. What is no character is replaced by U+FFFD, half a surrogate pair by one.
#[must_use]
pub fn decoded(bytes: &[u8]) -> Cow<'_, str> {
    match String::from_utf8_lossy(bytes) {
        // Three bytes make half a pair, and each was replaced.
        Cow::Owned(text) => Cow::Owned(text.replace("\u{fffd}\u{fffd}\u{fffd}", REPLACEMENT)),
        whole @ Cow::Borrowed(_) => whole,
    }
}

/// The text as it can be stored: U+0000 is replaced by U+FFFD, and what is over `max_bytes` is cut off.
#[must_use]
pub fn storable(text: &str, max_bytes: usize) -> Cow<'_, str> {
    let cut = &text[..text.floor_char_boundary(max_bytes)];
    if !cut.contains('\0') {
        return Cow::Borrowed(cut);
    }
    let mut replaced = cut.replace('\0', REPLACEMENT);
    replaced.truncate(replaced.floor_char_boundary(max_bytes));
    Cow::Owned(replaced)
}

/// The id as it can be stored. One that has to be changed ends with a hash of what it was, so that two ids stay two.
#[must_use]
pub fn storable_id(id: &str) -> Cow<'_, str> {
    if id.len() <= MAX_ID_BYTES && !id.contains('\0') {
        return Cow::Borrowed(id);
    }
    let hash: String = Sha256::digest(id).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let beginning = storable(id, MAX_ID_BYTES - hash.len() - 1);
    Cow::Owned(format!("{beginning}#{hash}"))
}

/// Makes a text storable where it is.
pub(crate) fn keep_storable(text: &mut String, max_bytes: usize) {
    if let Cow::Owned(changed) = storable(text, max_bytes) {
        *text = changed;
    }
    text.truncate(text.floor_char_boundary(max_bytes));
}

/// Makes an id storable where it is.
pub(crate) fn keep_storable_id(id: &mut String) {
    if let Cow::Owned(changed) = storable_id(id) {
        *id = changed;
    }
}

/// Makes an optional text storable where it is.
pub(crate) fn keep_storable_text(text: &mut Option<String>) {
    if let Some(text) = text {
        keep_storable(text, MAX_TEXT_BYTES);
    }
}

/// Leaves out what can't be the word that it should be: half an address reaches no one.
pub(crate) fn drop_unless_word(word: &mut Option<String>) {
    if word.as_ref().is_some_and(|word| word.len() > MAX_WORD_BYTES || word.contains('\0')) {
        *word = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_text_is_not_touched() {
        assert!(matches!(storable("An Ünïcode 😀", 100), Cow::Borrowed("An Ünïcode 😀")));
        assert!(matches!(storable_id("ch_1"), Cow::Borrowed("ch_1")));
        assert!(matches!(decoded("😀".as_bytes()), Cow::Borrowed("😀")));
    }

    #[test]
    fn what_no_text_may_have_is_replaced_and_what_is_too_long_is_cut() {
        assert_eq!(storable("An\0n", 100), "An\u{fffd}n");
        assert_eq!(storable("äöü", 5), "äö");
        // The replacement is longer than what it replaces.
        assert!(storable("\0\0\0\0", 4).len() <= 4);
        // "\ud83d" as a decoder that checks nothing writes it.
        assert_eq!(decoded(b"half \xed\xa0\xbd pair"), "half \u{fffd} pair");
        for max_bytes in 0..20 {
            let cut = storable("a\0ä😀\0\0b\u{fffd}", max_bytes);
            assert!(cut.len() <= max_bytes && !cut.contains('\0'), "{max_bytes}: {cut}");
        }
    }

    #[test]
    fn two_ids_stay_two() {
        let long = "x".repeat(5_000);
        let ids = ["a\0b", "a\u{fffd}b", "a\0\0b", &long, &format!("{long}y"), &"ä".repeat(2_000)];
        let mut stored: Vec<_> = ids.iter().map(|id| storable_id(id).into_owned()).collect();
        assert!(stored.iter().all(|id| id.len() <= MAX_ID_BYTES && !id.contains('\0')));
        stored.sort_unstable();
        stored.dedup();
        assert_eq!(stored.len(), ids.len());
        assert_eq!(storable_id("a\0b"), storable_id("a\0b"));
    }
}
