//! Turns a readable JSON template with `@holes@` into compact pieces that are appended one after the other.

/// A template, split: `(text, hole)` pairs and what follows the last hole.
#[derive(Debug)]
pub(super) struct Template<H> {
    pieces: Vec<(String, H)>,
    tail: String,
}

/// A template names a hole that the renderer does not know.
#[derive(Debug, thiserror::Error)]
#[error("the template has an unknown hole: {0}")]
pub(super) struct UnknownHole(String);

impl<H: Copy> Template<H> {
    /// Splits `source` once, so that rendering does no parsing. `@` serves for nothing but holes.
    pub(super) fn compile(source: &str, hole: impl Fn(&str) -> Option<H>) -> Result<Self, UnknownHole> {
        let compact = without_space(source);
        let mut pieces = Vec::new();
        let mut text = String::new();
        for (at, part) in compact.split('@').enumerate() {
            if at % 2 == 0 {
                text = part.to_owned();
            } else {
                let hole = hole(part).ok_or_else(|| UnknownHole(part.to_owned()))?;
                pieces.push((std::mem::take(&mut text), hole));
            }
        }
        Ok(Self { pieces, tail: text })
    }

    /// Appends the template with every hole filled by `fill`.
    #[inline]
    pub(super) fn render(&self, out: &mut Vec<u8>, mut fill: impl FnMut(&mut Vec<u8>, H)) {
        for (text, hole) in &self.pieces {
            out.extend_from_slice(text.as_bytes());
            fill(out, *hole);
        }
        out.extend_from_slice(self.tail.as_bytes());
    }
}

/// Drops the white space outside strings.
fn without_space(source: &str) -> String {
    let mut quoted = false;
    source
        .chars()
        .filter(|&c| {
            quoted ^= c == '"';
            quoted || !c.is_whitespace()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_filled_and_space_is_dropped() {
        let template =
            Template::compile("{ \"a b\": @n@,\n \"c\": \"x@n@\" }", |name| (name == "n").then_some(()));
        let mut out = Vec::new();
        template.expect("a template").render(&mut out, |out, ()| out.push(b'7'));
        assert_eq!(String::from_utf8_lossy(&out), r#"{"a b":7,"c":"x7"}"#);
        assert!(Template::<()>::compile("@what@", |_| None).is_err());
    }
}
