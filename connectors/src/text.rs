//! Texts in a vendor's JSON, whatever stands in their place: no text of a record makes the record unreadable.

use std::borrow::Cow;
use std::fmt;

use buffalo_model::decoded;
use serde::de::Visitor;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// A text; none where there is anything else in its place.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Text<'a>(pub(crate) Option<Cow<'a, str>>);

/// A text, or the spelling of the number or boolean in its place; none where there is anything else.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Scalar<'a>(pub(crate) Option<Cow<'a, str>>);

/// A value; the default where what is in its place is not one.
#[derive(Debug, Default)]
pub(crate) struct Lenient<T>(pub(crate) T);

impl<'a> Text<'a> {
    /// The text without white space around it; none where nothing is left.
    pub(crate) fn filled(&self) -> Option<&str> {
        self.0.as_deref().map(str::trim).filter(|text| !text.is_empty())
    }

    /// The same, to keep.
    pub(crate) fn kept(&self) -> Option<String> {
        self.filled().map(str::to_owned)
    }
}

impl Scalar<'_> {
    /// The text without white space around it; none where nothing is left.
    pub(crate) fn filled(&self) -> Option<&str> {
        self.0.as_deref().map(str::trim).filter(|text| !text.is_empty())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&'de RawValue>::deserialize(deserializer).map(|raw| Self(text(raw.get())))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Scalar<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = <&'de RawValue>::deserialize(deserializer)?.get();
        let spelled = matches!(json.as_bytes().first(), Some(b'-' | b'0'..=b'9' | b't' | b'f'));
        Ok(Self(if spelled { Some(Cow::Borrowed(json)) } else { text(json) }))
    }
}

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&'de RawValue>::deserialize(deserializer)?;
        Ok(Self(serde_json::from_str(raw.get()).unwrap_or_default()))
    }
}

/// The text of a JSON string; none where it is something else. Half a surrogate pair is replaced.
fn text(json: &str) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    if !inner.contains('\\') {
        return Some(Cow::Borrowed(inner));
    }
    let Bytes(bytes) = serde_json::from_str(json).ok()?;
    Some(Cow::Owned(decoded(&bytes).into_owned()))
}

/// A JSON string as bytes, in which `serde_json` lets half a surrogate pair stand.
struct Bytes(Vec<u8>);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl Visitor<'_> for Any {
            type Value = Bytes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(bytes.to_vec()))
            }
        }
        deserializer.deserialize_bytes(Any)
    }
}

#[cfg(test)]
mod unit_tests {
    use super::*;

    #[derive(Debug, Default, Deserialize)]
    #[serde(default)]
    struct Object<'a> {
        #[serde(borrow)]
        text: Text<'a>,
        #[serde(borrow)]
        scalar: Scalar<'a>,
        #[serde(borrow)]
        inner: Lenient<Inner<'a>>,
    }

    #[derive(Debug, Default, Deserialize)]
    #[serde(default)]
    struct Inner<'a> {
        #[serde(borrow)]
        text: Text<'a>,
    }

    fn read(json: &str) -> Object<'_> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_text_is_read_whatever_characters_it_names() {
        for (json, text) in [
            (r#""plain""#, "plain"),
            (r#""""#, ""),
            (r#""a\"\\\u00e4\n""#, "a\"\\ä\n"),
            (r#""\ud83d\ude00""#, "😀"),
            (r#""half \ud83d""#, "half \u{fffd}"),
            (r#""half \ude00 pair""#, "half \u{fffd} pair"),
            (r#""An\u0000n""#, "An\0n"),
        ] {
            let object = format!(r#"{{"text":{json},"scalar":{json},"inner":{{"text":{json}}}}}"#);
            let object = read(&object);
            assert_eq!(object.text.0.as_deref(), Some(text), "{json}");
            assert_eq!(object.scalar.0.as_deref(), Some(text), "{json}");
            assert_eq!(object.inner.0.text.0.as_deref(), Some(text), "{json}");
        }
    }

    #[test]
    fn anything_else_is_none() {
        for json in ["null", "5", "-1.50", "true", "[1]", r#"{"a":"b"}"#] {
            let object = format!(r#"{{"text":{json},"inner":{json}}}"#);
            assert_eq!((read(&object).text.0, read(&object).inner.0.text.0), (None, None), "{json}");
        }
        assert_eq!(read("{}").text.0, None);
        let scalar = |json: &str| read(&format!(r#"{{"scalar":{json}}}"#)).scalar.0.map(Cow::into_owned);
        assert_eq!(scalar("500.50").as_deref(), Some("500.50"));
        assert_eq!(scalar("true").as_deref(), Some("true"));
        assert_eq!((scalar("null"), scalar("[1]"), scalar("{}")), (None, None, None));
    }
}
