//! A scene as a PNG.

use plotters::backend::{BitMapBackend, DrawingBackend};
use plotters::style::{Color, ShapeStyle};
use png::{BitDepth, ColorType, Encoder, PixelDimensions, Unit};

use super::lettering::Lettering;
use super::scene::{Anchor, CANVAS, Colour, Place, Scene, Shape};

/// How many units of the canvas, squared, become a pixel: what lies between makes edges smooth.
const UNITS: u32 = 2;
/// 192 to the inch, so that slides show a PNG as large as an SVG.
const PIXELS_PER_METRE: u32 = 7_559;

/// The file.
///
/// # Errors
///
/// If the font can't be read.
pub(super) fn file(scene: &Scene) -> anyhow::Result<Vec<u8>> {
    let mut canvas = vec![0; CANVAS.0 as usize * CANVAS.1 as usize * 3];
    let mut backend: BitMapBackend<'_> = BitMapBackend::with_buffer(&mut canvas, CANVAS);
    for shape in &scene.shapes {
        match shape {
            Shape::Box(from, to, colour) => backend.draw_rect(*from, *to, &colour.style(1), true)?,
            Shape::Line(places, breadth, colour) => line(&mut backend, places, &colour.style(*breadth))?,
            Shape::Dot(place, radius, colour) => {
                backend.draw_circle(*place, *radius, &colour.style(1), true)?;
            }
            Shape::Text(place, words, lettering, anchor, colour) => {
                let place = beginning(*place, words, *lettering, *anchor)?;
                text(&mut backend, place, words, *lettering, *colour)?;
            }
        }
    }
    backend.present()?;
    drop(backend);
    encoded(&halved(&canvas))
}

/// A line of pieces with round joints. The crate would make it one polygon, whose corners grow long where a line turns
/// back, as one over days does.
fn line(backend: &mut BitMapBackend<'_>, places: &[Place], style: &ShapeStyle) -> anyhow::Result<()> {
    for (from, to) in places.iter().zip(places.iter().skip(1)) {
        backend.draw_path([*from, *to], style)?;
    }
    if places.len() > 2 {
        for place in places {
            backend.draw_circle(*place, style.stroke_width / 2, style, true)?;
        }
    }
    Ok(())
}

/// Where a text begins, and on which line its letters stand.
fn beginning((x, y): Place, words: &str, lettering: Lettering, anchor: Anchor) -> anyhow::Result<Place> {
    let width = lettering.width(words)?;
    let left = match anchor {
        Anchor::Start => x,
        Anchor::Middle => x - width / 2,
        Anchor::End => x - width,
    };
    Ok((left, y + lettering.baseline()))
}

fn text(
    backend: &mut BitMapBackend<'_>,
    place: Place,
    words: &str,
    lettering: Lettering,
    colour: Colour,
) -> anyhow::Result<()> {
    for ((x, y), covered) in lettering.pixels(words, place)? {
        let on_canvas =
            u32::try_from(x).is_ok_and(|x| x < CANVAS.0) && u32::try_from(y).is_ok_and(|y| y < CANVAS.1);
        if on_canvas {
            backend.draw_pixel((x, y), colour.rgb().mix(f64::from(covered)).to_backend_color())?;
        }
    }
    Ok(())
}

/// Every four pixels of the canvas as the one between them.
fn halved(canvas: &[u8]) -> Vec<u8> {
    let row = CANVAS.0 as usize * 3;
    let mut pixels = Vec::with_capacity(canvas.len() / 4);
    for rows in canvas.chunks_exact(row * 2) {
        let (upper, lower) = rows.split_at(row);
        for (upper, lower) in upper.chunks_exact(6).zip(lower.chunks_exact(6)) {
            for colour in 0..3 {
                let of = |two: &[u8]| u16::from(two[colour]) + u16::from(two[colour + 3]);
                pixels.push(((of(upper) + of(lower)) / 4) as u8);
            }
        }
    }
    pixels
}

fn encoded(pixels: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, CANVAS.0 / UNITS, CANVAS.1 / UNITS);
    encoder.set_color(ColorType::Rgb);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_pixel_dims(Some(PixelDimensions {
        xppu: PIXELS_PER_METRE,
        yppu: PIXELS_PER_METRE,
        unit: Unit::Meter,
    }));
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(file)
}
