//! What is on a chart and where: shapes on a canvas, before anybody knows whether they become an SVG or a PNG.

use plotters::style::{Color, RGBColor, ShapeStyle};

use super::lettering::Lettering;

/// The width of the canvas. It has the proportions of a slide; an SVG shows four units as a pixel, a PNG has a pixel for
/// two.
pub(super) const WIDTH: i32 = 4_800;
/// The height of the canvas.
pub(super) const HEIGHT: i32 = 2_700;
/// Both, as the plotting crate takes them.
pub(super) const CANVAS: (u32, u32) = (WIDTH.unsigned_abs(), HEIGHT.unsigned_abs());

/// A place on the canvas, from its upper left corner.
pub(super) type Place = (i32, i32);

/// The colours, which also people who do not see red or green can tell apart, and a copier, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Colour {
    /// Behind everything.
    Paper,
    /// Titles, labels, and the line of what is left.
    Ink,
    /// What is said beside it.
    Grey,
    /// The grid.
    Grid,
    /// What was collected.
    Collected,
    /// What was refunded.
    Refunded,
    /// What was disputed.
    Disputed,
}

impl Colour {
    /// The colour as the plotting crate takes it.
    pub(super) fn rgb(self) -> RGBColor {
        match self {
            Self::Paper => RGBColor(255, 255, 255),
            Self::Ink => RGBColor(31, 41, 55),
            Self::Grey => RGBColor(91, 102, 115),
            Self::Grid => RGBColor(226, 230, 235),
            Self::Collected => RGBColor(142, 178, 219),
            Self::Refunded => RGBColor(232, 163, 61),
            Self::Disputed => RGBColor(168, 68, 29),
        }
    }

    /// A filling, or a line of that breadth.
    pub(super) fn style(self, breadth: u32) -> ShapeStyle {
        ShapeStyle { color: self.rgb().to_rgba(), filled: true, stroke_width: breadth }
    }
}

/// Which end of a text is at its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    /// Its beginning.
    Start,
    /// Its middle.
    Middle,
    /// Its end.
    End,
}

/// A shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shape {
    /// A filled box from its upper left to its lower right corner.
    Box(Place, Place, Colour),
    /// A line of that breadth through all places.
    Line(Vec<Place>, u32, Colour),
    /// A filled circle around a place.
    Dot(Place, u32, Colour),
    /// A text whose middle is as high as its place.
    Text(Place, String, Lettering, Anchor, Colour),
}

/// Everything on a chart, from back to front.
#[derive(Debug, Default)]
pub(super) struct Scene {
    /// What it is about, for those who can't see it.
    pub(super) title: String,
    /// What is painted, in this order.
    pub(super) shapes: Vec<Shape>,
}

impl Scene {
    /// Adds a text.
    pub(super) fn say(
        &mut self,
        place: Place,
        text: impl Into<String>,
        lettering: Lettering,
        anchor: Anchor,
        colour: Colour,
    ) {
        self.shapes.push(Shape::Text(place, text.into(), lettering, anchor, colour));
    }
}
