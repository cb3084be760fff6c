//! Writing results: tables for people, JSON and CSV for programs, complaints on stderr.

mod bars;

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};

use buffalo_model::{Currency, Figures, Granularity, Money, Revenue, Run, Source};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table};
use serde::Serialize;

use crate::foreign_text::harmless;

/// Writes a line on stdout. A reader that has gone away (`| head`) is no error.
pub(crate) fn say(line: impl std::fmt::Display) -> io::Result<()> {
    quiet_when_closed(writeln!(io::stdout().lock(), "{line}"))
}

/// Writes a line on stderr.
pub(crate) fn complain(line: impl std::fmt::Display) {
    // Nobody is left to tell when stderr is gone.
    drop(writeln!(io::stderr().lock(), "buffalo: {line}"));
}

/// Writes a document on stdout: indented for a terminal, in one line for a program.
pub(crate) fn say_json(document: &impl Serialize) -> anyhow::Result<()> {
    let text = if io::stdout().is_terminal() {
        harmless(&serde_json::to_string_pretty(document)?)
    } else {
        serde_json::to_string(document)?
    };
    Ok(say(text)?)
}

/// Writes rows as CSV on stdout.
pub(crate) fn say_csv(header: &[&str], rows: &[Vec<String>]) -> anyhow::Result<()> {
    let text = csv_text(header, rows)?;
    quiet_when_closed(io::stdout().lock().write_all(text.as_bytes()))?;
    Ok(())
}

/// Rows as CSV, with every text as a spreadsheet shows it: see [`neutralised`].
pub(crate) fn csv_text(header: &[&str], rows: &[Vec<String>]) -> anyhow::Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(header)?;
    for row in rows {
        writer.write_record(row.iter().map(|cell| neutralised(cell).into_owned()))?;
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}

/// A cell that no spreadsheet takes for a formula, which would run with the rights of the reader: what begins like one gets a
/// single quote before it (<https://owasp.org/www-community/attacks/CSV_Injection>). Numbers stay numbers.
fn neutralised(cell: &str) -> Cow<'_, str> {
    let begins_a_formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    if begins_a_formula && !is_number(cell) { Cow::Owned(format!("'{cell}")) } else { Cow::Borrowed(cell) }
}

/// Whether all of a cell is a decimal number, as amounts are.
fn is_number(cell: &str) -> bool {
    let unsigned = cell.strip_prefix('-').unwrap_or(cell);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    [whole, fraction].iter().all(|part| !part.is_empty() && part.bytes().all(|digit| digit.is_ascii_digit()))
}

/// Writes a table on stdout; columns named in `numbers` are aligned to the right.
pub(crate) fn say_table(header: &[&str], numbers: &[&str], rows: Vec<Vec<String>>) -> io::Result<()> {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_header(header.to_vec());
    // Wrapping is for terminals; a pipe gets whole lines.
    let arrangement =
        if io::stdout().is_terminal() { ContentArrangement::Dynamic } else { ContentArrangement::Disabled };
    table.set_content_arrangement(arrangement);
    let natural = bars::width(header, &rows);
    // Much of what is in tables was written by strangers.
    table.add_rows(rows.into_iter().map(|row| row.into_iter().map(|cell| harmless(&cell))));
    let is_tight = table.width().is_some_and(|room| natural > usize::from(room));
    for (column, name) in table.column_iter_mut().zip(header) {
        if numbers.contains(name) {
            column.set_cell_alignment(CellAlignment::Right);
            // Half a number is another number.
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
        if is_tight {
            column.set_padding((0, 0));
        }
    }
    say(table)
}

fn quiet_when_closed(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// A time in whole seconds, or a dash.
pub(crate) fn time(time: Option<DateTime<Utc>>) -> String {
    time.map_or_else(|| "–".to_owned(), |time| time.to_rfc3339_opts(SecondsFormat::Secs, true))
}

/// A length of time as people say it, in its largest unit: `45 s`, `12 min`, `5 h`, `3 days`.
pub(crate) fn age(length: TimeDelta) -> String {
    let seconds = length.num_seconds().max(0);
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// Writes runs as a table.
pub(crate) fn say_runs(runs: &[Run]) -> io::Result<()> {
    let header = [
        "run",
        "source",
        "entity",
        "mode",
        "status",
        "started",
        "fetched",
        "enqueued",
        "unchanged",
        "processed",
        "failed",
        "requests",
    ];
    let numbers = ["fetched", "enqueued", "unchanged", "processed", "failed", "requests"];
    let row = |run: &Run| {
        let counts = &run.counts;
        let mut row = vec![
            run.run_id.to_string(),
            run.source.clone(),
            run.entity.clone(),
            run.mode.as_str().to_owned(),
            run.status.to_string(),
            time(Some(run.started_at)),
        ];
        row.extend(
            [
                counts.records_fetched,
                counts.records_enqueued,
                counts.records_deduped,
                counts.records_processed,
                counts.records_failed,
                counts.requests_made,
            ]
            .map(|count| count.to_string()),
        );
        row
    };
    say_table(&header, &numbers, runs.iter().map(row).collect())
}

/// Writes revenue as a table, in major units.
pub(crate) fn say_revenue(revenue: &Revenue) -> io::Result<()> {
    let unit = match revenue.query.granularity {
        Granularity::Summary => "",
        Granularity::Daily => "day",
        Granularity::Weekly => "week from",
        Granularity::Monthly => "month",
        Granularity::Quarterly => "quarter",
        Granularity::Yearly => "year",
    };
    let mut header = vec![unit, "currency", "collected", "payments", "refunded", "disputed", "net"];
    let numbers = ["collected", "payments", "refunded", "disputed", "net"];
    let row = |label: String, currency, figures: &Figures| {
        let money = |minor| Money { minor, currency }.to_string();
        vec![
            label,
            currency.to_string(),
            money(figures.collected),
            figures.count.to_string(),
            money(figures.refunded),
            money(figures.disputed),
            money(figures.net()),
        ]
    };
    let query = &revenue.query;
    let label = |day| query.granularity.unit().map_or_else(String::new, |unit| unit.label(day));
    let mut rows: Vec<_> =
        revenue.breakdown.iter().map(|(day, figures)| row(label(*day), query.currency, figures)).collect();
    let nets: Vec<_> = revenue.breakdown.iter().map(|(_, figures)| figures.net()).collect();
    rows.push(row("total".to_owned(), query.currency, &revenue.total));
    for (currency, figures) in &revenue.other_currencies {
        rows.push(row("total".to_owned(), *currency, figures));
    }
    bars::add(&mut header, &mut rows, &nets);
    say_table(&header, &numbers, rows)?;
    say(freshness(revenue))?;
    for line in remarks(revenue) {
        say(line)?;
    }
    Ok(())
}

/// What a reader should know beside the figures.
fn remarks(revenue: &Revenue) -> Vec<String> {
    let mut lines: Vec<String> =
        revenue.gaps.iter().map(|gap| format!("Not complete: {}.", gap.message)).collect();
    let totals = [(revenue.query.currency, revenue.total)];
    for (currency, figures) in totals.iter().chain(&revenue.other_currencies) {
        let mut beside = |minor: i128, what: &str| {
            if minor != 0 {
                lines.push(format!("Not in it: {} {currency} {what}.", Money { minor, currency: *currency }));
            }
        };
        beside(figures.pending, "that may still be collected");
        beside(figures.pending_returns, "of refunds and disputes that may still go");
        beside(figures.unknown, "with a status that is not known (buffalo status --unmapped)");
        beside(figures.excluded, "that other payments stand for (buffalo revenue overlaps)");
        beside(figures.refunds_without_payment, "of refunds of money that never was a payment");
    }
    let of_source = |(source, currency, figures): &&(Source, Currency, Figures)| {
        let money = |minor| Money { minor, currency: *currency };
        format!("{source} {} {currency} ({} net)", money(figures.collected), money(figures.net()))
    };
    let contributing = revenue.sources_that_contribute();
    for (currency, _) in totals.iter().chain(&revenue.other_currencies) {
        let by_source: Vec<_> =
            contributing.iter().filter(|(_, of, _)| of == currency).map(of_source).collect();
        if !by_source.is_empty() {
            lines.push(format!("By source: {}.", by_source.join(", ")));
        }
    }
    if let Some(reporting) = &revenue.reporting {
        let rates =
            reporting.rates.iter().map(|rate| format!("{} {} of {}", rate.currency, rate.rate, rate.date));
        let rates = rates.collect::<Vec<_>>().join(", ");
        let money = |cents: &str| {
            let minor = cents.parse().unwrap_or_default();
            Money { minor, currency: reporting.currency }.to_string()
        };
        lines.push(format!(
            "All in {}: {} collected, {} net, at {rates}.",
            reporting.currency,
            money(&reporting.total_revenue_cents),
            money(&reporting.net_revenue_cents)
        ));
        for currency in &reporting.unconverted {
            lines.push(format!(
                "There is no rate for {currency}, so it is not in that: see `buffalo fx import`."
            ));
        }
    }
    lines
}

/// Says how fresh the figures are.
pub(crate) fn freshness(revenue: &Revenue) -> String {
    if revenue.data_through.is_empty() {
        return "Nothing was fetched so far.".to_owned();
    }
    let each = revenue.data_through.iter().map(|(source, through)| match through {
        Some(through) => format!("{source} through {}", time(Some(*through))),
        None => format!("{source} was not fetched to its end so far"),
    });
    format!("Data: {}. Time zone: {}.", each.collect::<Vec<_>>().join("; "), revenue.query.timezone.name())
}

/// The breakdown of revenue as CSV, in minor units; a summary is a single row.
pub(crate) fn revenue_csv(revenue: &Revenue) -> anyhow::Result<String> {
    let currency = revenue.query.currency.to_string();
    let figures = |figures: &Figures| {
        vec![
            figures.collected.to_string(),
            figures.count.to_string(),
            figures.refunded.to_string(),
            figures.disputed.to_string(),
            figures.net().to_string(),
            currency.clone(),
        ]
    };
    let Some(bucket) = revenue.query.granularity.unit() else {
        let header =
            ["totalRevenueCents", "count", "refundedCents", "disputedCents", "netRevenueCents", "currency"];
        return csv_text(&header, &[figures(&revenue.total)]);
    };
    let header =
        [bucket.field(), "amountCents", "count", "refundedCents", "disputedCents", "netCents", "currency"];
    let rows: Vec<_> = revenue
        .breakdown
        .iter()
        .map(|(day, row)| [vec![bucket.label(*day)], figures(row)].concat())
        .collect();
    csv_text(&header, &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_of_a_stranger_is_a_formula_and_numbers_stay_numbers() {
        let cells = |row: &[&str]| {
            let row: Vec<String> = row.iter().map(|cell| (*cell).to_owned()).collect();
            csv_text(&["a", "b", "c", "d"], &[row]).unwrap().lines().skip(1).collect::<Vec<_>>().join("\n")
        };
        assert_eq!(cells(&["-1250", "-12.50", "0", "2026-11-30"]), "-1250,-12.50,0,2026-11-30");
        assert_eq!(cells(&["=1+1", "+49301", "-2+3", "@SUM(A1)"]), "'=1+1,'+49301,'-2+3,'@SUM(A1)");
        assert_eq!(cells(&["\t=1", "--1", "-1e5", "a=1"]), "'\t=1,'--1,'-1e5,a=1");
        assert_eq!(cells(&["-", "-.5", "–", ""]), "'-,'-.5,–,");
        assert_eq!(neutralised("\r=1"), "'\r=1");
    }
}
