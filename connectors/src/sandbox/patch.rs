//! Replaces top-level members of a rendered object with JSON exactly as it was given.
//!
//! Values stay text from the request to the answer: a number above 2^63 or with thirty decimals arrives as it
//! was sent.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::json::push_string;

/// A JSON object that keeps the order of its members.
#[derive(Debug, Clone)]
struct Ordered<V>(Vec<(String, V)>);

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Ordered<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<V>(PhantomData<V>);
        impl<'de, V: Deserialize<'de>> Visitor<'de> for Members<V> {
            type Value = Ordered<V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ordered<V>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Ordered(members))
            }
        }
        deserializer.deserialize_map(Members(PhantomData))
    }
}

/// Members to set, or with `null` to remove.
#[derive(Debug, Clone)]
pub(super) struct Patch(Ordered<Option<Box<RawValue>>>);

impl<'de> Deserialize<'de> for Patch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ordered::deserialize(deserializer).map(Self)
    }
}

impl Patch {
    /// Applies the patch to the object that starts at `start` of `out` and reaches to its end.
    pub(super) fn apply(&self, out: &mut Vec<u8>, start: usize) {
        // The renderer writes valid JSON (a test holds it to that), so the object is left alone if it ever
        // does not.
        let Ok(Ordered(mut members)) = serde_json::from_slice::<Ordered<Box<RawValue>>>(&out[start..]) else {
            return;
        };
        for (name, value) in &self.0.0 {
            let at = members.iter().position(|(known, _)| known == name);
            match (at, value) {
                (Some(at), Some(value)) => members[at].1 = value.clone(),
                (Some(at), None) => drop(members.remove(at)),
                (None, Some(value)) => members.push((name.clone(), value.clone())),
                (None, None) => {}
            }
        }
        out.truncate(start);
        out.push(b'{');
        for (at, (name, value)) in members.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            push_string(out, name);
            out.push(b':');
            out.extend_from_slice(value.get().as_bytes());
        }
        out.push(b'}');
    }

    /// This patch with the members of `later` on top.
    pub(super) fn then(mut self, later: Self) -> Self {
        self.0.0.retain(|(name, _)| later.0.0.iter().all(|(newer, _)| newer != name));
        self.0.0.extend(later.0.0);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_kept_verbatim_and_null_removes() {
        let patch: Patch = serde_json::from_str(
            r#"{"id":null,"amount":123456789012345678901234567890.50,"new":{"a":[1, 2]}}"#,
        )
        .expect("a patch");
        let mut out = br#"before{"id":"ch_1","amount":1,"x":"\"y"}"#.to_vec();
        patch.apply(&mut out, 6);
        let text = String::from_utf8(out).expect("text");
        assert_eq!(
            text,
            r#"before{"amount":123456789012345678901234567890.50,"x":"\"y","new":{"a":[1, 2]}}"#
        );
    }
}
