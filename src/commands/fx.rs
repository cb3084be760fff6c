//! `buffalo fx`: exchange rates, which figures in a reporting currency are computed from.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;

use anyhow::anyhow;
use buffalo_model::{Clock, Currency, RateSheet, SystemClock, parse_date};
use buffalo_store::{FxImport, FxImportEffect, NewestFxRate};
use chrono::NaiveDate;
use serde_json::{Value, json};

use crate::cli::{Format, FxCommand, FxImportArgs, FxShowArgs};
use crate::config::Config;
use crate::exit::{Exit, UsageError};
use crate::foreign_text::harmless;
use crate::output::{complain, say, say_csv, say_json, say_table, time};

/// The whole history takes two megabytes. What is far larger is something else, and is not read into memory.
const LARGEST_TABLE_BYTES: u64 = 64 * 1024 * 1024;

pub(super) async fn run(command: &FxCommand, config: &Config) -> anyhow::Result<Exit> {
    match command {
        FxCommand::Import(args) => import(args, config).await,
        FxCommand::Show(args) => show(args, config).await,
    }
}

async fn import(args: &FxImportArgs, config: &Config) -> anyhow::Result<Exit> {
    let now = SystemClock.now();
    let name =
        if args.file == Path::new("-") { "standard input".into() } else { args.file.to_string_lossy() };
    let bytes = read(&args.file).map_err(|error| anyhow!("{name} could not be read: {}", error.kind()))?;
    let sheet = text(bytes).and_then(|text| {
        RateSheet::parse(&text, now.date_naive()).map_err(|error| harmless(&error.to_string()))
    });
    let sheet = sheet.map_err(|problems| anyhow!("{problems}\n{name}: nothing was imported"))?;
    let effect = if args.dry_run { FxImportEffect::OnlyTold } else { FxImportEffect::Stored };
    let counts = config.store()?.import_fx_rates(&sheet.rates, effect, now).await?;
    match args.output.format {
        Format::Json => say_json(&report(&sheet, counts, effect))?,
        Format::Csv => say_csv(&HEADER, &[cells(&sheet, counts)])?,
        Format::Table => {
            if effect == FxImportEffect::OnlyTold {
                say("What would be done:")?;
            }
            say_table(&HEADER, &HEADER[2..], vec![cells(&sheet, counts)])?;
            say_skipped(&sheet)?;
        }
    }
    Ok(Exit::Done)
}

fn read(file: &Path) -> std::io::Result<Vec<u8>> {
    let source: Box<dyn Read> = if file == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        Box::new(std::fs::File::open(file)?)
    };
    let mut bytes = Vec::new();
    source.take(LARGEST_TABLE_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The bytes as a text, or what they are instead.
fn text(bytes: Vec<u8>) -> Result<String, String> {
    if bytes.len() as u64 > LARGEST_TABLE_BYTES {
        return Err("this is larger than any table of rates".to_owned());
    }
    if bytes.starts_with(b"PK\x03\x04") {
        return Err("this is a ZIP archive: unpack it, or pipe it through `unzip -p`".to_owned());
    }
    String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let column =
            before.iter().rev().take_while(|byte| **byte != b'\n').filter(|byte| **byte == b',').count() + 1;
        format!("line {line}, column {column}: this is no text in UTF-8")
    })
}

const HEADER: [&str; 8] = ["from", "to", "days", "rates", "inserted", "changed", "unchanged", "skipped"];

fn cells(sheet: &RateSheet, counts: FxImport) -> Vec<String> {
    let day = |day: Option<&NaiveDate>| day.map(NaiveDate::to_string).unwrap_or_default();
    vec![
        day(sheet.days.first()),
        day(sheet.days.last()),
        sheet.days.len().to_string(),
        sheet.rates.len().to_string(),
        counts.inserted.to_string(),
        counts.changed.to_string(),
        counts.unchanged.to_string(),
        sheet.skipped.values().sum::<u64>().to_string(),
    ]
}

fn say_skipped(sheet: &RateSheet) -> std::io::Result<()> {
    if sheet.skipped.is_empty() {
        return Ok(());
    }
    let codes: Vec<_> = sheet.skipped.keys().map(Currency::to_string).collect();
    say(format!("Skipped, as payments are not made in them: {}.", codes.join(", ")))
}

fn report(sheet: &RateSheet, counts: FxImport, effect: FxImportEffect) -> Value {
    let skipped: Vec<_> =
        sheet.skipped.iter().map(|(currency, rates)| json!({"currency": currency, "rates": rates})).collect();
    json!({"dryRun": effect == FxImportEffect::OnlyTold, "fromDate": sheet.days.first(), "toDate": sheet.days.last(),
           "days": sheet.days.len(), "rates": sheet.rates.len(), "inserted": counts.inserted,
           "changed": counts.changed, "unchanged": counts.unchanged, "skipped": skipped})
}

async fn show(args: &FxShowArgs, config: &Config) -> anyhow::Result<Exit> {
    let day = match &args.date {
        Some(text) => parse_date(text).map_err(|error| UsageError(format!("--date: {error}")))?,
        None => SystemClock.now().date_naive(),
    };
    let wanted =
        args.currency.iter().map(|code| code.parse::<Currency>()).collect::<Result<BTreeSet<_>, _>>();
    let wanted = wanted.map_err(|error| UsageError(format!("--currency: {error}")))?;
    let mut newest = config.store()?.newest_fx_rates(day).await?;
    newest.retain(|newest| wanted.is_empty() || wanted.contains(&newest.rate.currency));
    for currency in
        wanted.iter().filter(|wanted| newest.iter().all(|newest| newest.rate.currency != **wanted))
    {
        complain(format!("there is no rate of {currency} of {day} or before"));
    }
    let rows = || newest.iter().map(|newest| row(newest, day)).collect::<Vec<_>>();
    match args.output.format {
        Format::Json => {
            let rates: Vec<_> = newest.iter().map(|newest| document(newest, day)).collect();
            say_json(&json!({"base": Currency::EUR, "date": day, "rates": rates}))?;
        }
        Format::Csv => say_csv(&SHOWN, &rows())?,
        Format::Table if newest.is_empty() && wanted.is_empty() => {
            say(format!("There are no rates of {day} or before; `buffalo fx import` brings them."))?;
        }
        Format::Table => say_table(&SHOWN, &["1 EUR is"], rows())?,
    }
    Ok(Exit::Done)
}

const SHOWN: [&str; 5] = ["currency", "1 EUR is", "date", "usable", "imported"];

fn row(newest: &NewestFxRate, day: NaiveDate) -> Vec<String> {
    vec![
        newest.rate.currency.to_string(),
        newest.rate.rate.to_string(),
        newest.rate.date.to_string(),
        if newest.rate.is_usable_on(day) { "yes" } else { "too old" }.to_owned(),
        time(Some(newest.imported_at)),
    ]
}

fn document(newest: &NewestFxRate, day: NaiveDate) -> Value {
    json!({"currency": newest.rate.currency, "rate": newest.rate.rate, "rateDate": newest.rate.date,
           "usable": newest.rate.is_usable_on(day), "importedAt": newest.imported_at})
}
