//! A scene as an SVG, whose texts stay texts.

use plotters::backend::{DrawingBackend, SVGBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontDesc, FontFamily, FontStyle, TextStyle};

use super::lettering::{FAMILY, Lettering};
use super::scene::{Anchor, CANVAS, Colour, HEIGHT, Scene, Shape, WIDTH};

/// How many units of the canvas are shown as a pixel.
const UNITS: u32 = 4;

/// The file.
///
/// # Errors
///
/// None that is known; the crate has some for backends of other kinds.
pub(super) fn file(scene: &Scene) -> anyhow::Result<Vec<u8>> {
    let mut text = String::new();
    let mut backend = SVGBackend::with_string(&mut text, CANVAS);
    for shape in &scene.shapes {
        match shape {
            Shape::Box(from, to, colour) => backend.draw_rect(*from, *to, &colour.style(1), true)?,
            Shape::Line(places, breadth, colour) => {
                backend.draw_path(places.iter().copied(), &colour.style(*breadth))?;
            }
            Shape::Dot(place, radius, colour) => {
                backend.draw_circle(*place, *radius, &colour.style(1), true)?;
            }
            Shape::Text((x, y), text, lettering, anchor, colour) => {
                // The crate has the small letters centred, which are about half as high as their size.
                let middle = y + lettering.baseline() - lettering.em() / 4;
                backend.draw_text(text, &letters(*lettering, *anchor, *colour), (*x, middle))?;
            }
        }
    }
    backend.present()?;
    drop(backend);
    // The crate's opening tag says neither how large the picture is to be nor what it shows.
    let shapes = text.split_once('>').map_or("", |(_, shapes)| shapes);
    let (width, height) = (CANVAS.0 / UNITS, CANVAS.1 / UNITS);
    let title = scene.title.replace('&', "&amp;").replace('<', "&lt;");
    let head = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">\n<title>{title}</title>"
    );
    Ok((head + shapes).into_bytes())
}

fn letters(lettering: Lettering, anchor: Anchor, colour: Colour) -> TextStyle<'static> {
    let style = if lettering.is_bold() { FontStyle::Bold } else { FontStyle::Normal };
    // The crate divides by 1.24 what it is given.
    let size = f64::from(lettering.em() * 31 / 25);
    let along = match anchor {
        Anchor::Start => HPos::Left,
        Anchor::Middle => HPos::Center,
        Anchor::End => HPos::Right,
    };
    let font = FontDesc::new(FontFamily::Name(FAMILY), size, style);
    TextStyle { font, color: colour.rgb().to_backend_color(), pos: Pos::new(along, VPos::Center) }
}
