//! Lays a chart of revenue out: a title, a legend with the totals, bars and a line over days, and where it comes from.

use buffalo_model::{Bucket, Figures, Revenue};
use chrono::NaiveDate;

use super::amounts::{Amounts, grouped};
use super::days;
use super::lettering::Lettering;
use super::scene::{Anchor, Colour, HEIGHT, Place, Scene, Shape, WIDTH};

/// The white space around everything.
const MARGIN: i32 = 180;
/// Between a label and what it is the label of.
const GAP: i32 = 40;
/// Where the legend is.
const LEGEND: i32 = 460;
/// The room for a sign of the legend.
const SIGN: i32 = 90;
/// The space after an entry of it.
const ENTRY_GAP: i32 = 120;
/// Where the grid begins.
const TOP: i32 = 620;
/// The lines of labels below the grid, and the space below them.
const LABELS: i32 = 300;
/// The distance of lines of notes.
const NOTE_LINE: i32 = 76;
/// A bar gets no broader, however few there are.
const BROADEST_BAR: i32 = 320;
/// Nothing that happened is too small to be seen.
const LOWEST_BAR: i32 = 3;

/// More buckets than this have dashes in place of a line.
const MOST_JOINED: usize = 800;
/// How broad they are.
const DASH: i32 = 6;

/// The part of the canvas with the bars.
#[derive(Debug, Clone, Copy)]
struct Field {
    left: i32,
    right: i32,
    bottom: i32,
}

/// Lays the chart out. The breakdown must be filled, since bars stand side by side as their days do.
///
/// # Errors
///
/// If the font can't be read.
pub(super) fn chart(revenue: &Revenue, note: &str) -> anyhow::Result<Scene> {
    let mut scene = Scene { title: title(revenue), shapes: Vec::new() };
    scene.shapes.push(Shape::Box((0, 0), (WIDTH, HEIGHT), Colour::Paper));
    scene.say((MARGIN, 190), scene.title.clone(), Lettering::Title, Anchor::Start, Colour::Ink);
    if let Some(range) = range(revenue) {
        scene.say((MARGIN, 320), range, Lettering::Label, Anchor::Start, Colour::Grey);
    }
    let notes = Lettering::Note.lines(note, WIDTH - 2 * MARGIN)?;
    let mut line = HEIGHT - 130;
    for text in notes.into_iter().rev() {
        scene.say((MARGIN, line), text, Lettering::Note, Anchor::Start, Colour::Grey);
        line -= NOTE_LINE;
    }
    let bottom = line - LABELS;
    if revenue.breakdown.iter().all(|(_, figures)| parts(figures).iter().all(|(amount, _)| *amount == 0)) {
        let middle = (WIDTH / 2, i32::midpoint(TOP, bottom));
        scene.say(middle, "Nothing was collected.", Lettering::Label, Anchor::Middle, Colour::Grey);
        return Ok(scene);
    }
    legend(&mut scene, revenue)?;
    let amounts = scale(revenue, bottom - TOP);
    let field = grid(&mut scene, revenue, &amounts, bottom)?;
    bars(&mut scene, revenue, &amounts, field);
    let zero = field.height_of(0, &amounts);
    scene.shapes.push(Shape::Line(vec![(field.left, zero), (field.right, zero)], 6, Colour::Grey));
    net_line(&mut scene, revenue, &amounts, field);
    day_labels(&mut scene, revenue, field)?;
    Ok(scene)
}

/// What a bar stands for. A summary has none and is not drawn.
fn unit(revenue: &Revenue) -> Bucket {
    revenue.query.granularity.unit().unwrap_or(Bucket::Day)
}

/// Such as `Revenue by day, USD, Europe/Berlin`.
fn title(revenue: &Revenue) -> String {
    let query = &revenue.query;
    let by = unit(revenue).as_str();
    let only = query.source.as_ref().map(|source| format!(", {source} only")).unwrap_or_default();
    format!("Revenue by {by}, {}, {}{only}", query.currency, query.timezone.name())
}

/// The days that were asked for, or else those there are.
fn range(revenue: &Revenue) -> Option<String> {
    let query = &revenue.query;
    let label = |day: &NaiveDate| unit(revenue).label(*day);
    let first = query.start_date.map(|day| day.to_string());
    let last = query.end_date.map(|day| day.to_string());
    let first = first.or_else(|| revenue.breakdown.first().map(|(day, _)| label(day)))?;
    let last = last.or_else(|| revenue.breakdown.last().map(|(day, _)| label(day)))?;
    Some(if first == last { first } else { format!("{first} to {last}") })
}

/// What is left, first, since it is what the reader came for; then what it is made of, as far as there is any.
fn legend(scene: &mut Scene, revenue: &Revenue) -> anyhow::Result<()> {
    let total = &revenue.total;
    let any = |part: fn(&Figures) -> i128| revenue.breakdown.iter().any(|(_, figures)| part(figures) != 0);
    let mut entries =
        vec![("Net", total.net(), Colour::Ink), ("Collected", total.collected, Colour::Collected)];
    if any(|figures| figures.refunded) {
        entries.push(("Refunded", total.refunded, Colour::Refunded));
    }
    if any(|figures| figures.disputed) {
        entries.push(("Disputed", total.disputed, Colour::Disputed));
    }
    let mut texts: Vec<_> = entries
        .iter()
        .map(|(name, amount, _)| format!("{name} {}", grouped(*amount, revenue.query.currency)))
        .collect();
    let mut widths = Vec::new();
    for text in &texts {
        widths.push(Lettering::Label.width(text)? + SIGN + ENTRY_GAP);
    }
    // Totals of astronomic length are left out: the answer beside the chart has them.
    if widths.iter().sum::<i32>() > WIDTH - 2 * MARGIN {
        texts = entries.iter().map(|(name, ..)| (*name).to_owned()).collect();
        widths = vec![WIDTH / 8; texts.len()];
    }
    let mut left = MARGIN;
    for ((text, width), (_, _, colour)) in texts.into_iter().zip(widths).zip(entries) {
        scene.shapes.push(if colour == Colour::Ink {
            Shape::Line(vec![(left, LEGEND), (left + 70, LEGEND)], 14, colour)
        } else {
            Shape::Box((left, LEGEND - 28), (left + 56, LEGEND + 28), colour)
        });
        scene.say((left + SIGN, LEGEND), text, Lettering::Label, Anchor::Start, Colour::Ink);
        left += width;
    }
    Ok(())
}

/// The scale on which every bar and the line find room.
fn scale(revenue: &Revenue, height: i32) -> Amounts {
    let (mut low, mut high) = (0, 0);
    for (_, figures) in &revenue.breakdown {
        let (below, above) = parts(figures).iter().fold((0, 0), |(below, above), (amount, _)| {
            if *amount < 0 { (below + amount, above) } else { (below, above + amount) }
        });
        low = low.min(below).min(figures.net());
        high = high.max(above).max(figures.net());
    }
    Amounts::spanning(low, high, height)
}

/// What a bucket's bar is stacked of: what came in goes up from zero, what went back goes down.
fn parts(figures: &Figures) -> [(i128, Colour); 3] {
    [
        (figures.collected, Colour::Collected),
        (-figures.refunded, Colour::Refunded),
        (-figures.disputed, Colour::Disputed),
    ]
}

/// Draws the grid with its labels, and says where there is room for bars.
fn grid(scene: &mut Scene, revenue: &Revenue, amounts: &Amounts, bottom: i32) -> anyhow::Result<Field> {
    let lines = amounts.lines();
    let labels: Vec<_> = lines.iter().map(|line| amounts.label(*line, revenue.query.currency)).collect();
    let mut widest = 0;
    for label in &labels {
        widest = widest.max(Lettering::Label.width(label)?);
    }
    let field = Field { left: MARGIN + widest + GAP, right: WIDTH - MARGIN, bottom };
    for (line, label) in lines.into_iter().zip(labels) {
        let y = field.bottom - amounts.above_bottom(line);
        scene.shapes.push(Shape::Line(vec![(field.left, y), (field.right, y)], 4, Colour::Grid));
        scene.say((field.left - GAP, y), label, Lettering::Label, Anchor::End, Colour::Grey);
    }
    Ok(field)
}

impl Field {
    /// The left end of a bucket's part of the field. The counts stay below four thousand, the products far from the end.
    fn left_of(self, at: usize, count: usize) -> i32 {
        let (at, count) = (i32::try_from(at).unwrap_or(0), i32::try_from(count).unwrap_or(1).max(1));
        self.left + (self.right - self.left) * at / count
    }

    /// The middle of it.
    fn middle_of(self, at: usize, count: usize) -> i32 {
        i32::midpoint(self.left_of(at, count), self.left_of(at + 1, count))
    }

    /// How high an amount is on the canvas.
    fn height_of(self, amount: i128, amounts: &Amounts) -> i32 {
        self.bottom - amounts.above_bottom(amount)
    }
}

fn bars(scene: &mut Scene, revenue: &Revenue, amounts: &Amounts, field: Field) {
    let count = revenue.breakdown.len();
    for (at, (_, figures)) in revenue.breakdown.iter().enumerate() {
        let (from, to) = (field.left_of(at, count), field.left_of(at + 1, count));
        let breadth = ((to - from) * 3 / 4).clamp(1, BROADEST_BAR);
        // Where a quarter of it can't be seen, no gap is better than some.
        let breadth = if to - from < 12 { (to - from).max(1) } else { breadth };
        let left = i32::midpoint(from, to) - breadth / 2;
        let (mut below, mut above) = (0, 0);
        for (amount, colour) in parts(figures).into_iter().filter(|(amount, _)| *amount != 0) {
            let stack = if amount < 0 { &mut below } else { &mut above };
            let start = field.height_of(*stack, amounts);
            *stack += amount;
            let end = field.height_of(*stack, amounts);
            let (upper, lower) = if amount < 0 {
                (start, end.max(start + LOWEST_BAR))
            } else {
                (end.min(start - LOWEST_BAR), start)
            };
            scene.shapes.push(Shape::Box((left, upper), (left + breadth, lower), colour));
        }
    }
}

/// What is left, as a line. Its dots would touch each other among many buckets; among very many so would its own pieces
/// and hide what is behind them, and each bucket has a dash.
fn net_line(scene: &mut Scene, revenue: &Revenue, amounts: &Amounts, field: Field) {
    let count = revenue.breakdown.len();
    let heights = revenue.breakdown.iter().map(|(_, figures)| field.height_of(figures.net(), amounts));
    if count > MOST_JOINED {
        for (at, y) in heights.enumerate() {
            let left = field.left_of(at, count);
            scene.shapes.push(Shape::Box((left, y - 3), (left + DASH, y + 3), Colour::Ink));
        }
        return;
    }
    let places: Vec<Place> = heights.enumerate().map(|(at, y)| (field.middle_of(at, count), y)).collect();
    if count < 60 {
        scene.shapes.extend(places.iter().map(|place| Shape::Dot(*place, 20, Colour::Ink)));
    }
    if count > 1 {
        let breadth = if count < 200 { 11 } else { 6 };
        scene.shapes.push(Shape::Line(places, breadth, Colour::Ink));
    }
}

fn day_labels(scene: &mut Scene, revenue: &Revenue, field: Field) -> anyhow::Result<()> {
    let days: Vec<_> = revenue.breakdown.iter().map(|(day, _)| *day).collect();
    let count = days.len();
    // All are about as wide as this one.
    let room = Lettering::Label.width("30 May")? + 2 * GAP;
    let fit = |labels: &[days::Label]| {
        let mut pairs = labels.iter().zip(labels.iter().skip(1));
        pairs.all(|(one, next)| field.left_of(next.at, count) - field.left_of(one.at, count) >= room)
    };
    for label in days::labels(&days, unit(revenue), fit) {
        let x = field.middle_of(label.at, count);
        scene.shapes.push(Shape::Line(vec![(x, field.bottom), (x, field.bottom + 24)], 4, Colour::Grey));
        scene.say((x, field.bottom + 80), label.name, Lettering::Label, Anchor::Middle, Colour::Grey);
        if let Some(year) = label.year {
            scene.say((x, field.bottom + 165), year, Lettering::Label, Anchor::Middle, Colour::Grey);
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "layout_tests.rs"]
mod tests;
