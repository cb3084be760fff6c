//! Charts: the same figures as a picture in a file.

use serde_json::json;

use crate::harness::{Outcome, World};

/// Three days in November 2026, with nothing on the second.
async fn three_days() -> World {
    let world = World::with_charges(0).await;
    world.charge(json!({"amount": 123_456, "currency": "usd", "at": 1_793_620_800})).await;
    world.charge(json!({"amount": 200_000, "currency": "usd", "at": 1_793_793_600})).await;
    world.sync().await;
    world
}

async fn draw(world: &World, by: &str, path: &std::path::Path, more: &[&str]) -> Outcome {
    let asked = ["revenue", by, "--chart", path.to_str().unwrap()];
    world.buffalo(&[&asked[..], more].concat()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_svg_says_what_the_answer_says() {
    let world = three_days().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("revenue.svg");
    std::fs::write(&path, "an older chart").unwrap();
    let outcome =
        draw(&world, "daily", &path, &["--timezone", "Europe/Berlin", "--format", "json"]).await.expect(0);
    assert!(outcome.stderr.contains(path.to_str().unwrap()), "{outcome:?}");
    assert_eq!(
        outcome.json()["breakdown"].as_array().unwrap().len(),
        2,
        "the answer is not filled for the chart"
    );
    let text = std::fs::read_to_string(&path).unwrap();
    let document = roxmltree::Document::parse(&text).unwrap();
    let texts: Vec<_> = document
        .descendants()
        .filter(|node| node.has_tag_name("text") || node.has_tag_name("title"))
        .collect();
    let texts: Vec<_> = texts.iter().filter_map(roxmltree::Node::text).map(str::trim).collect();
    for label in [
        "Revenue by day, USD, Europe/Berlin",
        "Net 3,234.56",
        "Collected 3,234.56",
        "2 Nov",
        "3 Nov",
        "4 Nov",
        "2,000",
    ] {
        assert!(texts.contains(&label), "{label} is not in {texts:?}");
    }
    let through = outcome.json()["dataThrough"]["stripe"].as_str().unwrap()[..16].to_owned();
    assert!(
        texts.iter().any(|text| text.starts_with("Data: stripe through ") && text.contains(&through)),
        "{texts:?}"
    );
    let left: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(left, ["revenue.svg"]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_png_has_the_size_of_a_slide() {
    let world = three_days().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("Revenue.PNG");
    for by in ["daily", "weekly", "monthly"] {
        let outcome = draw(&world, by, &path, &["--format", "csv"]).await.expect(0);
        assert!(outcome.stdout.contains("amountCents"), "{outcome:?}");
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(&bytes[..8], b"\x89PNG\r\n\x1a\n");
        assert_eq!(&bytes[16..24], [2_400_u32.to_be_bytes(), 1_350_u32.to_be_bytes()].concat());
        assert!(bytes.ends_with(b"IEND\xae\x42\x60\x82"));
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_collected_makes_a_chart_that_says_so() {
    let world = World::with_charges(0).await;
    world.sync().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("revenue.svg");
    draw(&world, "monthly", &path, &[]).await.expect(0);
    assert!(std::fs::read_to_string(&path).unwrap().contains("Nothing was collected."));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_drawn_is_refused() {
    let world = World::with_charges(0).await;
    world.sync().await;
    let folder = tempfile::tempdir().unwrap();
    let refused = draw(&world, "daily", &folder.path().join("revenue.pdf"), &[]).await.expect(2);
    assert!(refused.stderr.contains(".svg") && refused.stderr.contains(".png"), "{refused:?}");
    let refused = draw(&world, "summary", &folder.path().join("revenue.svg"), &[]).await.expect(2);
    assert!(refused.stderr.contains("--chart: a summary is a single figure"), "{refused:?}");
    let years = ["--start-date", "2000-01-01", "--end-date", "2026-01-01"];
    let refused = draw(&world, "daily", &folder.path().join("revenue.svg"), &years).await.expect(2);
    assert!(refused.stderr.contains("--chart: the range has more than 3660 buckets"), "{refused:?}");
    let failed = draw(&world, "daily", &folder.path().join("missing/revenue.svg"), &[]).await.expect(1);
    assert!(
        failed.stderr.contains("can't write") && failed.stderr.contains("missing/revenue.svg"),
        "{failed:?}"
    );
    assert_eq!(failed.stdout, "");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    world.end().await;
}
