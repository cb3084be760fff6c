//! `buffalo verify`: proof that figures are what payments add up to, and payments what the sources said.

use buffalo_jobs::{Stop, Verify};
use buffalo_model::{SystemClock, Verification};
use buffalo_store::Mending;

use crate::cli::{Format, VerifyArgs};
use crate::config::Config;
use crate::exit::Exit;
use crate::output::{complain, say, say_csv, say_json, say_table};
use crate::shutdown;

pub(super) async fn run(args: &VerifyArgs, config: &Config) -> anyhow::Result<Exit> {
    let mending = if args.repair { Mending::Done } else { Mending::OnlyTold };
    let Some(report) = report(config, mending, &shutdown::on_signal()).await? else {
        return Ok(Exit::PartlyFailed);
    };
    match args.output.format {
        Format::Json => say_json(&report)?,
        Format::Csv => say_csv(&FIGURES, &figures(&report))?,
        Format::Table => show(&report)?,
    }
    Ok(exit(&report))
}

/// Verifies, for a schedule.
pub(super) async fn verify(config: &Config, mending: Mending, stop: &Stop) -> anyhow::Result<Exit> {
    Ok(report(config, mending, stop).await?.as_ref().map_or(Exit::PartlyFailed, exit))
}

async fn report(config: &Config, mending: Mending, stop: &Stop) -> anyhow::Result<Option<Verification>> {
    let job = Verify { store: config.store()?, clock: &SystemClock, currencies: &config.currencies, mending };
    let report = job.run(stop).await?;
    match &report {
        None => complain("stopped before everything was compared; nothing was written down"),
        Some(report) if !report.is_clean() => tracing::error!(
            wrong_payments = report.wrong_payments,
            missing_payments = report.missing_payments,
            missing_returns = report.missing_returns,
            wrong_figures = report.wrong_figures,
            repaired = report.repaired,
            "revenue was found to differ from what it is made of"
        ),
        Some(_) => {}
    }
    Ok(report)
}

fn exit(report: &Verification) -> Exit {
    if report.is_clean() { Exit::Done } else { Exit::PartlyFailed }
}

const PAYMENTS: [&str; 5] = ["source", "payment", "field", "stored", "expected"];
const FIGURES: [&str; 8] = ["source", "currency", "basis", "measure", "from", "to", "stored", "expected"];

fn figures(report: &Verification) -> Vec<Vec<String>> {
    let row = |found: &buffalo_model::FigureDifference| {
        let difference = &found.difference;
        vec![
            difference.source.to_string(),
            difference.currency.clone(),
            found.basis.clone(),
            difference.measure.clone(),
            crate::output::time(Some(difference.starts_at)),
            crate::output::time(Some(difference.ends_at)),
            difference.stored.clone(),
            difference.expected.clone(),
        ]
    };
    report.figure_samples.iter().map(row).collect()
}

fn show(report: &Verification) -> anyhow::Result<()> {
    say(format!("{} payments were compared with their raw records.", report.payments))?;
    if report.without_raw > 0 {
        say(format!(
            "{} could not be: their raw records were dropped with old history.",
            report.without_raw
        ))?;
    }
    if report.unreadable > 0 {
        say(format!("{} could not be: this program can't read their raw records.", report.unreadable))?;
    }
    if report.is_clean() {
        say("All figures are what they should be.")?;
        return Ok(());
    }
    if !report.payment_samples.is_empty() {
        let rows = report.payment_samples.iter().flat_map(|payment| {
            payment.fields.iter().map(|field| {
                let shown = |text: &Option<String>| text.clone().unwrap_or_else(|| "–".to_owned());
                let (stored, expected) = (shown(&field.stored), shown(&field.expected));
                let (source, id) = (payment.source.clone(), payment.external_id.clone());
                vec![source, id, field.field.to_owned(), stored, expected]
            })
        });
        say_table(&PAYMENTS, &[], rows.collect())?;
    }
    if report.wrong_payments > 0 {
        say(format!("{} payments differ from what their raw records say.", report.wrong_payments))?;
    }
    if report.missing_payments > 0 {
        say(format!("{} payments are missing, though their source told of them.", report.missing_payments))?;
    }
    if report.lost_payments > 0 {
        let asked = if report.repaired {
            "The next fetch reads them again."
        } else {
            "Only their source can tell what they were."
        };
        say(format!("{} of these have no raw record left. {asked}", report.lost_payments))?;
    }
    if report.missing_returns > 0 {
        for sale in &report.missing_return_samples {
            say(format!("{} {} says that money went back.", sale.source, sale.external_id))?;
        }
        say(format!(
            "{} payments say that money went back, and no such refund or dispute is stored. The next fetch asks for it; until \
             then figures of their days are not complete.",
            report.missing_returns
        ))?;
    }
    if !report.figure_samples.is_empty() {
        say_table(&FIGURES, &FIGURES[6..], figures(report))?;
    }
    if report.wrong_figures > 0 {
        say(format!("{} figures differ from what they should be, in minor units.", report.wrong_figures))?;
    }
    if report.wrong_payments > 0 || report.missing_payments > 0 || report.wrong_figures > 0 {
        say(if report.repaired {
            "What was wrong is mended."
        } else {
            "Figures over it are not served until `buffalo verify --repair` has mended it."
        })?;
    }
    Ok(())
}
