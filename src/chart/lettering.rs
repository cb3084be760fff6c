//! The letters of charts: the font in the program, sizes, how wide a text becomes, and which pixels it covers.
//!
//! The program brings its font along, so that a chart needs nothing of the host it is drawn on: containers have no fonts.
//! Letters are placed here and not by the plotting crate, which leaves out the space beside each.

use ab_glyph::{Font, FontRef, PxScale, point};

use super::scene::Place;

/// What an SVG asks for; the first is the font in the program, the others are for readers who do not have it.
pub(super) const FAMILY: &str = "Inter, Helvetica Neue, Arial, sans-serif";

// Inter 4.001 under the SIL Open Font License (font/LICENSE), cut down to ASCII and a few signs, with figures of equal width.
static REGULAR: &[u8] = include_bytes!("font/Inter-Regular.ttf");
static SEMI_BOLD: &[u8] = include_bytes!("font/Inter-SemiBold.ttf");

/// How a text is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lettering {
    /// What the chart is about.
    Title,
    /// Labels and the legend.
    Label,
    /// Where the figures come from.
    Note,
}

impl Lettering {
    /// The size of the letters, in units of the canvas.
    pub(super) fn em(self) -> i32 {
        match self {
            Self::Title => 104,
            Self::Label => 64,
            Self::Note => 50,
        }
    }

    /// Whether the letters are heavier than those around them.
    pub(super) fn is_bold(self) -> bool {
        self == Self::Title
    }

    /// How far the line on which letters stand is below the middle of capital letters and figures.
    pub(super) fn baseline(self) -> i32 {
        self.em() * 4 / 11
    }

    fn font(self) -> anyhow::Result<FontRef<'static>> {
        Ok(FontRef::try_from_slice(if self.is_bold() { SEMI_BOLD } else { REGULAR })?)
    }

    /// How wide a text becomes, in units of the canvas.
    ///
    /// # Errors
    ///
    /// If the font can't be read.
    pub(super) fn width(self, text: &str) -> anyhow::Result<i32> {
        let font = self.font()?;
        let units: i32 = text.chars().map(|letter| advance(&font, letter)).sum();
        Ok(units * self.em() / units_per_em(&font))
    }

    /// A text in lines that are no wider than `most`, broken at spaces.
    ///
    /// # Errors
    ///
    /// If the font can't be read.
    pub(super) fn lines(self, text: &str, most: i32) -> anyhow::Result<Vec<String>> {
        let mut lines: Vec<String> = Vec::new();
        for word in text.split_whitespace() {
            if let Some(line) = lines.last_mut() {
                let longer = format!("{line} {word}");
                if self.width(&longer)? <= most {
                    *line = longer;
                    continue;
                }
            }
            lines.push(word.to_owned());
        }
        Ok(lines)
    }

    /// Every pixel that a text covers if it begins at `place`, with the part of the pixel that is covered.
    ///
    /// # Errors
    ///
    /// If the font can't be read.
    pub(super) fn pixels(self, text: &str, place: Place) -> anyhow::Result<Vec<(Place, f32)>> {
        let font = self.font()?;
        // The font's own measure of a size is from its highest to its lowest letter.
        let height = self.em() * font.height_unscaled() as i32 / units_per_em(&font);
        let scale = PxScale::from(height as f32);
        let (mut units, mut pixels) = (0, Vec::new());
        for letter in text.chars() {
            let left = place.0 + units * self.em() / units_per_em(&font);
            let at = point(left as f32, place.1 as f32);
            if let Some(outline) =
                font.outline_glyph(font.glyph_id(letter).with_scale_and_position(scale, at))
            {
                let corner = outline.px_bounds().min;
                let (left, top) = (corner.x as i32, corner.y as i32);
                outline.draw(|x, y, covered| {
                    pixels.push(((left + x.cast_signed(), top + y.cast_signed()), covered.clamp(0.0, 1.0)));
                });
            }
            units += advance(&font, letter);
        }
        Ok(pixels)
    }
}

/// How far the next letter is to the right, in the font's units, which are whole numbers.
fn advance(font: &FontRef<'_>, letter: char) -> i32 {
    font.h_advance_unscaled(font.glyph_id(letter)) as i32
}

fn units_per_em(font: &FontRef<'_>) -> i32 {
    font.units_per_em().map_or(1_000, |units| units as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_equally_wide_and_longer_texts_wider() {
        let width = |text| Lettering::Label.width(text).unwrap();
        assert_eq!(width("1,111"), width("8,888"));
        assert!(width("11,111") > width("1,111"));
        assert!(Lettering::Title.width("Revenue").unwrap() > width("Revenue"));
    }

    #[test]
    fn long_texts_are_broken_at_spaces() {
        let text = "Data: stripe through 2026-11-01T00:00:00Z; hubspot was not fetched to its end so far.";
        let lines = Lettering::Note.lines(text, 1_000).unwrap();
        assert!(lines.len() > 1);
        assert_eq!(lines.join(" "), text);
        for line in lines {
            assert!(Lettering::Note.width(&line).unwrap() <= 1_000);
        }
    }

    #[test]
    fn letters_are_within_the_width_of_their_text() {
        let pixels = Lettering::Label.pixels("1,234.50 −", (100, 500)).unwrap();
        let right = 100 + Lettering::Label.width("1,234.50 −").unwrap();
        assert!(!pixels.is_empty());
        for ((x, y), covered) in pixels {
            assert!((100..right).contains(&x) && (430..520).contains(&y), "{x} {y}");
            assert!((0.0..=1.0).contains(&covered));
        }
    }
}
