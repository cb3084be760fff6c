//! Tests of where things are on a chart.

use buffalo_model::{Freshness, Granularity, Measure, Proof, RevenueQuery, Source, Sum};
use chrono::{DateTime, Days};

use super::*;

const NOTE: &str = "Data: stripe through 2026-11-01T00:00:00Z. Time zone: Europe/Berlin.";

fn figures(collected: i128, refunded: i128, disputed: i128) -> Figures {
    Figures { collected, count: 1, refunded, disputed, ..Figures::default() }
}

/// Days from 2026-01-01 on, as the store would give them.
fn daily(currency: &str, each: &[Figures]) -> Revenue {
    let first: NaiveDate = "2026-01-01".parse().unwrap();
    let query = RevenueQuery {
        timezone: "Europe/Berlin".parse().unwrap(),
        fill: true,
        ..RevenueQuery::of(Granularity::Daily, currency.parse().unwrap())
    };
    let sums: Vec<_> = each
        .iter()
        .zip(0..)
        .flat_map(|(figures, at)| {
            let sum = |measure, amount| Sum {
                currency: query.currency,
                bucket: Some(first + Days::new(at)),
                measure,
                amount,
                payments: 1,
            };
            [
                sum(Measure::Collected, figures.collected),
                sum(Measure::Refunded, figures.refunded),
                sum(Measure::Disputed, figures.disputed),
            ]
        })
        .collect();
    let proof = Proof { checked_at: DateTime::UNIX_EPOCH, buckets_recomputed: 0, verified_at: None };
    Revenue::assemble(query, &sums, &[Freshness::none(Source::new("stripe"))], None, proof).unwrap()
}

fn texts(scene: &Scene) -> Vec<&str> {
    let mut texts = Vec::new();
    for shape in &scene.shapes {
        if let Shape::Text(_, text, ..) = shape {
            texts.push(text.as_str());
        }
    }
    texts
}

fn boxes(scene: &Scene, of: Colour) -> Vec<(Place, Place)> {
    let in_field = |shape: &Shape| match shape {
        Shape::Box(from, to, colour) if *colour == of && from.1 >= TOP => Some((*from, *to)),
        _ => None,
    };
    scene.shapes.iter().filter_map(in_field).collect()
}

/// Nothing may leave the canvas, and no two texts may touch, whatever the figures are.
#[track_caller]
fn assert_legible(scene: &Scene) {
    let mut taken: Vec<(i32, i32, i32, i32)> = Vec::new();
    for shape in &scene.shapes {
        match shape {
            Shape::Box(from, to, _) => {
                assert!(from.0 <= to.0 && from.1 <= to.1 && to.0 <= WIDTH && to.1 <= HEIGHT, "{shape:?}");
            }
            Shape::Line(places, ..) => {
                assert!(places.iter().all(|(x, y)| (0..=WIDTH).contains(x) && (0..=HEIGHT).contains(y)));
            }
            Shape::Dot((x, y), ..) => assert!((0..=WIDTH).contains(x) && (0..=HEIGHT).contains(y)),
            Shape::Text((x, y), text, lettering, anchor, _) => {
                let width = lettering.width(text).unwrap();
                let left = match anchor {
                    Anchor::Start => *x,
                    Anchor::Middle => x - width / 2,
                    Anchor::End => x - width,
                };
                let (top, bottom) = (y - lettering.em() / 2, y + lettering.em() / 2);
                assert!(left >= 0 && left + width <= WIDTH && top >= 0 && bottom <= HEIGHT, "{shape:?}");
                for (other_left, other_right, other_top, other_bottom) in &taken {
                    let apart = left > *other_right
                        || left + width < *other_left
                        || top > *other_bottom
                        || bottom < *other_top;
                    assert!(apart, "{shape:?} touches another text");
                }
                taken.push((left, left + width, top, bottom));
            }
        }
    }
}

#[test]
fn a_chart_says_what_it_shows_and_how_fresh_it_is() {
    let revenue = daily("USD", &[figures(123_456, 0, 0), figures(200_000, 5_000, 1_000)]);
    let scene = chart(&revenue, NOTE).unwrap();
    assert_legible(&scene);
    let texts = texts(&scene);
    for text in [
        "Revenue by day, USD, Europe/Berlin",
        "2026-01-01 to 2026-01-02",
        "Net 3,174.56",
        "Collected 3,234.56",
        "Refunded 50.00",
        "Disputed 10.00",
        "1 Jan",
        "2026",
        "2,000",
        NOTE,
    ] {
        assert!(texts.contains(&text), "{text} is not in {texts:?}");
    }
}

#[test]
fn what_went_back_is_below_zero_and_everything_has_its_size() {
    let scene = chart(&daily("USD", &[figures(100_000, 25_000, 25_000), figures(0, 0, 0)]), NOTE).unwrap();
    let [collected] = boxes(&scene, Colour::Collected)[..] else { panic!("one bar") };
    let [refunded] = boxes(&scene, Colour::Refunded)[..] else { panic!("one bar") };
    let [disputed] = boxes(&scene, Colour::Disputed)[..] else { panic!("one bar") };
    let zero = collected.1.1;
    assert_eq!(refunded.0.1, zero, "refunds begin at zero");
    assert_eq!(disputed.0.1, refunded.1.1, "disputes are below refunds");
    let (up, down) = (zero - collected.0.1, disputed.1.1 - zero);
    assert!((up - 2 * down).abs() <= 2, "{up} is not twice {down}");
}

#[test]
fn a_dispute_that_was_won_goes_up() {
    let scene = chart(&daily("USD", &[figures(100, 0, 0), figures(0, 0, -100)]), NOTE).unwrap();
    let [collected] = boxes(&scene, Colour::Collected)[..] else { panic!("one bar") };
    let [disputed] = boxes(&scene, Colour::Disputed)[..] else { panic!("one bar") };
    assert_eq!((collected.0.1, collected.1.1), (disputed.0.1, disputed.1.1));
    assert_legible(&scene);
}

#[test]
fn nothing_collected_is_said_in_words() {
    for revenue in [daily("USD", &[]), daily("USD", &[figures(0, 0, 0), figures(0, 0, 0)])] {
        let scene = chart(&revenue, NOTE).unwrap();
        assert!(texts(&scene).contains(&"Nothing was collected."));
        assert!(boxes(&scene, Colour::Collected).is_empty());
        assert_legible(&scene);
    }
}

#[test]
fn every_shape_of_history_is_legible() {
    let of = |days: usize, figure: fn(i128) -> Figures| -> Vec<Figures> {
        (0..days as i128).map(figure).collect()
    };
    let huge = 9_000_000_000_000_000_000_000;
    for currency in ["USD", "JPY", "KWD"] {
        for each in [
            of(1, |_| figures(5, 0, 0)),
            of(13, |day| figures(day * 100, day, 0)),
            of(31, |day| figures(0, day + 1, 5)),
            of(366, |day| figures(day * 37 % 1_000, 0, 0)),
            of(3_660, |day| figures(day * 7_919 % 100_000, day * 31 % 5_000, 0)),
            vec![figures(1, 0, 0), figures(huge, 1, huge / 3), figures(1, 0, 0)],
        ] {
            assert_legible(&chart(&daily(currency, &each), NOTE).unwrap());
        }
    }
}

#[test]
fn a_small_amount_beside_a_huge_one_is_still_seen() {
    let scene = chart(&daily("USD", &[figures(1, 0, 0), figures(1_000_000_000_000, 1, 0)]), NOTE).unwrap();
    for colour in [Colour::Collected, Colour::Refunded] {
        for (from, to) in boxes(&scene, colour) {
            assert!(to.1 - from.1 >= LOWEST_BAR);
        }
    }
}

#[test]
fn a_long_note_takes_more_lines_and_no_room_of_others() {
    let note = [NOTE; 6].join(" ");
    assert_legible(&chart(&daily("USD", &[figures(1, 0, 0)]), &note).unwrap());
}
