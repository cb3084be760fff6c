//! `buffalo revenue overlaps`: payments that are likely one sale, in the terminal.

mod decide;

use buffalo_model::{Money, Verdict};

use super::usage;
use crate::cli::{Format, OverlapListArgs, OverlapsArgs, OverlapsCommand};
use crate::config::Config;
use crate::exit::Exit;
use crate::foreign_text::harmless;
use crate::output::{say, say_csv, say_json, say_table, time};
use crate::overlaps::{DecisionDocument, OverlapDocument, OverlapList};

pub(super) async fn run(args: &OverlapsArgs, config: &Config) -> anyhow::Result<Exit> {
    match &args.command {
        None => list(&args.list, config).await,
        Some(OverlapsCommand::Exclude(args)) => decide::exclude(args, config).await,
        Some(OverlapsCommand::ExcludeAll(args)) => decide::exclude_all(args, config).await,
        Some(OverlapsCommand::Distinct(args)) => decide::distinct(args, config).await,
        Some(OverlapsCommand::Decisions(args)) => decide::decisions(args, config).await,
        Some(OverlapsCommand::Revoke(args)) => decide::revoke(args, config).await,
    }
}

async fn list(args: &OverlapListArgs, config: &Config) -> anyhow::Result<Exit> {
    let (query, limit) = args.params.query(config).map_err(|problems| usage(&problems))?;
    let list = OverlapList::find(config.store()?, &query, limit).await?;
    match args.output.format {
        Format::Json => say_json(&list)?,
        Format::Csv => say_overlaps_csv(&list)?,
        Format::Table => {
            say_overlaps(&list)?;
            if let Some([one, other]) = list.overlaps.first().map(|overlap| &overlap.payments[..2]) {
                say(format!(
                    "Leave one of a pair out: buffalo revenue overlaps exclude {} --counted {}",
                    harmless(&one.payment),
                    harmless(&other.payment)
                ))?;
            }
            say_doubtful(&list.doubtful)?;
        }
    }
    Ok(Exit::Done)
}

/// Pairs and what they add up to, as tables.
fn say_overlaps(list: &OverlapList) -> anyhow::Result<()> {
    if list.count == 0 {
        return Ok(say("No payments look like one sale.")?);
    }
    let header = ["certainty", "payment", "other payment", "amount", "currency", "newer of", "why"];
    let row = |overlap: &OverlapDocument| {
        let newest = overlap.payments.iter().map(|payment| payment.occurred_at).max();
        vec![
            overlap.certainty.as_str().to_owned(),
            overlap.payments[0].payment.clone(),
            overlap.payments[1].payment.clone(),
            money(overlap.amount_cents.parse().unwrap_or_default(), overlap.currency),
            overlap.currency.to_string(),
            time(newest),
            overlap.explanation.clone(),
        ]
    };
    say_table(&header, &["amount"], list.overlaps.iter().map(row).collect())?;
    if list.count > list.overlaps.len() {
        say(format!("Only {} of {} are shown; --limit shows more.", list.overlaps.len(), list.count))?;
    }
    for total in &list.totals {
        say(format!(
            "{}: {} of {}, counted twice if each is one sale: {} {}",
            total.certainty.as_str(),
            total.count,
            total.currency,
            money(total.amount_cents, total.currency),
            total.currency
        ))?;
    }
    Ok(())
}

fn money(minor: i128, currency: buffalo_model::Currency) -> String {
    Money { minor, currency }.to_string()
}

/// Decisions whose sale may be counted nowhere now.
fn say_doubtful(doubtful: &[DecisionDocument]) -> anyhow::Result<()> {
    if doubtful.is_empty() {
        return Ok(());
    }
    say("Decisions to look at again, as their sales may be counted nowhere now:")?;
    for decision in doubtful {
        let why = decision.doubt.map(|doubt| doubt.to_string()).unwrap_or_default();
        let line = format!("- {} is left out, and {} {why}", decision.payment, decision.other);
        say(format!("{} (`buffalo revenue overlaps revoke {}`)", harmless(&line), decision.id))?;
    }
    Ok(())
}

fn say_overlaps_csv(list: &OverlapList) -> anyhow::Result<()> {
    let header = [
        "certainty",
        "payment",
        "otherPayment",
        "amountCents",
        "currency",
        "occurredAt",
        "otherOccurredAt",
        "daysApart",
        "sameEmail",
        "sameCustomer",
        "fitting",
        "explanation",
    ];
    let row = |overlap: &OverlapDocument| {
        vec![
            overlap.certainty.as_str().to_owned(),
            overlap.payments[0].payment.clone(),
            overlap.payments[1].payment.clone(),
            overlap.amount_cents.clone(),
            overlap.currency.to_string(),
            time(Some(overlap.payments[0].occurred_at)),
            time(Some(overlap.payments[1].occurred_at)),
            overlap.days_apart.to_string(),
            overlap.same_email.to_string(),
            overlap.same_customer.to_string(),
            overlap.fitting.to_string(),
            overlap.explanation.clone(),
        ]
    };
    say_csv(&header, &list.overlaps.iter().map(row).collect::<Vec<_>>())
}

/// A decision in words.
fn what(decision: &DecisionDocument) -> &'static str {
    match (decision.verdict, decision.revoked_at) {
        (_, Some(_)) => "revoked",
        (Verdict::Excluded, None) => "left out",
        (Verdict::Distinct, None) => "two sales",
    }
}
