//! Exchange rates come in whole or not at all, and are shown as they came.

use std::path::PathBuf;
use std::process::Stdio;

use serde_json::json;
use tokio::io::AsyncWriteExt;

use crate::harness::{Outcome, World};

const HISTORY: &str = "Date,USD,JPY,BGN,CYP,\n\
                       2026-01-05,1.1664,183.25,N/A,N/A,\n\
                       2026-01-02,1.1757,184.2,N/A,N/A,\n\
                       2007-12-31,1.4721,164.93,1.9558,0.585274,\n";

struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, bytes: impl AsRef<[u8]>) -> String {
        let path: PathBuf = self.0.path().join("rates.csv");
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

async fn piped(world: &World, table: &str) -> Outcome {
    let mut child = world.command(&["fx", "import", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(table.as_bytes()).await.unwrap();
    child.wait_with_output().await.unwrap().into()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_and_then_a_day_are_imported_and_shown() {
    let world = World::with_charges(0).await;
    let files = Files::new();
    let file = files.write(HISTORY);
    let empty = world.buffalo(&["fx", "show", "--date", "2026-01-05"]).await.expect(0);
    assert!(empty.stdout.contains("`buffalo fx import`"), "{empty:?}");

    let told = world.buffalo_json(&["fx", "import", &file, "--dry-run"]).await;
    let expected = json!({"dryRun": true, "fromDate": "2007-12-31", "toDate": "2026-01-05", "days": 3, "rates": 7,
                          "inserted": 7, "changed": 0, "unchanged": 0,
                          "skipped": [{"currency": "CYP", "rates": 1}]});
    assert_eq!(told, expected);
    assert_eq!(world.database.number("SELECT count(*) FROM fx_rates").await, 0);
    let done = world.buffalo(&["fx", "import", &file]).await.expect(0);
    assert!(done.stdout.contains("payments are not made in them: CYP."), "{done:?}");
    let again = world.buffalo(&["fx", "import", &file, "--format", "csv"]).await.expect(0);
    assert_eq!(
        again.stdout,
        "from,to,days,rates,inserted,changed,unchanged,skipped\n2007-12-31,2026-01-05,3,7,0,0,7,1\n"
    );

    piped(&world, "Date, USD, JPY, \n6 January 2026, 1.1707, 183.2, \n").await.expect(0);
    let shown = world.buffalo(&["fx", "show", "--date", "2026-01-06", "--format", "csv"]).await.expect(0);
    let rows: Vec<_> = shown.stdout.lines().map(|line| line.rsplit_once(',').unwrap().0).collect();
    assert_eq!(
        rows,
        [
            "currency,1 EUR is,date,usable",
            "BGN,1.9558,2007-12-31,too old",
            "JPY,183.2,2026-01-06,yes",
            "USD,1.1707,2026-01-06,yes"
        ]
    );
    let asked = ["fx", "show", "--date", "2026-01-04", "--currency", "usd,AED", "--format", "json"];
    let before = world.buffalo(&asked).await.expect(0);
    let rates = &before.json()["rates"];
    assert_eq!(rates.as_array().unwrap().len(), 1);
    assert_eq!((&rates[0]["rate"], &rates[0]["rateDate"]), (&json!("1.1757"), &json!("2026-01-02")));
    assert!(before.stderr.contains("there is no rate of AED of 2026-01-04 or before"), "{before:?}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_with_anything_wrong_in_it_is_not_imported() {
    let world = World::with_charges(0).await;
    let files = Files::new();
    let cases: [(&[u8], &[&str]); 5] = [
        (
            b"Date,USD,JPY,\n2026-01-05,1.1,160,\n2026-01-02,1,1,160,\n2026-01-02,1.1,\x1b[31m,\n",
            &[
                "buffalo: line 3: the line has 5 columns, the header 4",
                "buffalo: line 4, column 3: JPY: `\\u001b[31m` is not a rate",
            ],
        ),
        (
            b"Date,USD\n2026-01-02,1.1\n2026-01-02,1.1\n",
            &["line 3, column 1: 2026-01-02 is in line 2 already"],
        ),
        (b"PK\x03\x04\x14\x00", &["this is a ZIP archive"]),
        (b"Date,USD\n2026-01-02,\xff\n", &["line 2, column 2: this is no text in UTF-8"]),
        (b"", &["line 1: the table is empty"]),
    ];
    for (bytes, words) in cases {
        let refused = world.buffalo(&["fx", "import", &files.write(bytes)]).await.expect(1);
        assert!(words.iter().all(|words| refused.stderr.contains(words)), "{words:?}: {refused:?}");
        assert!(refused.stderr.trim_end().ends_with("rates.csv: nothing was imported"), "{refused:?}");
        assert!(refused.stdout.is_empty());
    }
    let gone = world.buffalo(&["fx", "import", "not-there.csv"]).await.expect(1);
    assert_eq!(gone.stderr, "buffalo: not-there.csv could not be read: entity not found\n");
    assert_eq!(world.database.number("SELECT count(*) FROM fx_rates").await, 0);
    for (arguments, words) in [
        (["fx", "show", "--date", "2026-02-30"], "--date: `2026-02-30` is not a date"),
        (["fx", "show", "--currency", "dollars"], "--currency: `dollars` is not"),
    ] {
        let refused = world.buffalo(&arguments).await.expect(2);
        assert!(refused.stderr.contains(words), "{refused:?}");
    }
    world.end().await;
}
