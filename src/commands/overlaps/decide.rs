//! Deciding about payments that look like one sale, and listing what was decided.

use buffalo_model::{Certainty, Clock, DecisionId, SystemClock};
use buffalo_store::{Commitment, Decided, Decisions, Judgement};
use serde::Serialize;

use super::{say_overlaps, say_overlaps_csv, what};
use crate::cli::{
    AtLeast, ByArgs, DecisionsArgs, DistinctArgs, ExcludeAllArgs, ExcludeArgs, Format, JudgementArgs,
    RevokeArgs,
};
use crate::commands::usage;
use crate::config::Config;
use crate::exit::{Exit, UsageError};
use crate::output::{say, say_csv, say_json, say_table, time};
use crate::overlaps::{DecisionDocument, OverlapList};
use crate::question::known_source;

/// Pairs of `exclude-all` that are listed; the others are counted. `overlaps` lists more.
const LISTED: usize = 100;

pub(super) async fn exclude(args: &ExcludeArgs, config: &Config) -> anyhow::Result<Exit> {
    let commitment = commitment(args.dry_run);
    let (excluded, counted) = (&args.excluded, &args.counted);
    let judgement = judgement(&args.judgement);
    let decided = config.store()?.exclude_payment(excluded, counted, &judgement, commitment).await?;
    say(match (decided, commitment) {
        (Decided::Before(id), _) => format!("{excluded} was left out before (decision {id})."),
        (Decided::New(_), Commitment::DryRun) => {
            format!("{excluded} would be left out, as {counted} is counted.")
        }
        (Decided::New(id), Commitment::Keep) => {
            format!("{excluded} is left out, as {counted} is counted (decision {id}).")
        }
    })?;
    Ok(Exit::Done)
}

/// What leaving out all payments of a source came to.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExcludedDocument {
    dry_run: bool,
    excluded_source: String,
    #[serde(flatten)]
    list: OverlapList,
}

pub(super) async fn exclude_all(args: &ExcludeAllArgs, config: &Config) -> anyhow::Result<Exit> {
    let query = args.params.query(config).map_err(|problems| usage(&problems))?;
    let source = known_source(&args.source).map_err(UsageError)?;
    let at_least = match args.at_least {
        AtLeast::Likely => Certainty::Likely,
        AtLeast::Possible => Certainty::Possible,
    };
    let (judgement, commitment) = (judgement(&args.judgement), commitment(args.dry_run));
    let found = config.store()?.exclude_overlaps(&query, &source, at_least, &judgement, commitment).await?;
    let list = OverlapList::of(&found, LISTED);
    match args.output.format {
        Format::Json => {
            let excluded_source = source.to_string();
            say_json(&ExcludedDocument { dry_run: args.dry_run, excluded_source, list })?;
        }
        Format::Csv => say_overlaps_csv(&list)?,
        Format::Table => {
            say_overlaps(&list)?;
            say(match commitment {
                Commitment::DryRun => format!("Payments of {source} that would be left out: {}", list.count),
                Commitment::Keep => format!("Payments of {source} that are left out now: {}", list.count),
            })?;
        }
    }
    Ok(Exit::Done)
}

pub(super) async fn distinct(args: &DistinctArgs, config: &Config) -> anyhow::Result<Exit> {
    let (one, other) = (&args.one, &args.other);
    let decided = config.store()?.call_distinct(one, other, &judgement(&args.judgement)).await?;
    say(match decided {
        Decided::New(id) => format!("{one} and {other} are two sales (decision {id})."),
        Decided::Before(id) => format!("{one} and {other} were called two sales before (decision {id})."),
    })?;
    Ok(Exit::Done)
}

/// What was decided.
#[derive(Serialize)]
struct DecisionList {
    decisions: Vec<DecisionDocument>,
}

pub(super) async fn decisions(args: &DecisionsArgs, config: &Config) -> anyhow::Result<Exit> {
    let which = if args.all { Decisions::All } else { Decisions::InForce };
    let found = config.store()?.list_decisions(which, config.counted_sources.as_ref()).await?;
    let decisions: Vec<_> = found.into_iter().map(DecisionDocument::from).collect();
    let header = ["id", "decision", "payment", "other payment", "reason", "by", "when", "doubt"];
    let row = |decision: &DecisionDocument| {
        vec![
            decision.id.to_string(),
            what(decision).to_owned(),
            decision.payment.clone(),
            decision.other.clone(),
            decision.reason.clone(),
            decision.decided_by.clone(),
            time(Some(decision.decided_at)),
            decision.doubt.map_or_else(String::new, |doubt| format!("the other {doubt}")),
        ]
    };
    let rows: Vec<_> = decisions.iter().map(row).collect();
    match args.output.format {
        Format::Json => say_json(&DecisionList { decisions })?,
        Format::Csv => say_csv(&header, &rows)?,
        Format::Table if rows.is_empty() => say("Nothing was decided.")?,
        Format::Table => say_table(&header, &[], rows)?,
    }
    Ok(Exit::Done)
}

pub(super) async fn revoke(args: &RevokeArgs, config: &Config) -> anyhow::Result<Exit> {
    let id = DecisionId(args.id);
    let judgement = Judgement { by: by(&args.by), reason: None, at: SystemClock.now() };
    config.store()?.revoke_decision(id, &judgement).await?;
    say(format!("Decision {id} is revoked."))?;
    Ok(Exit::Done)
}

fn judgement(args: &JudgementArgs) -> Judgement {
    Judgement { by: by(&args.by), reason: args.reason.clone(), at: SystemClock.now() }
}

fn by(args: &ByArgs) -> String {
    let given = args.by.clone().or_else(|| std::env::var("USER").ok());
    given.filter(|name| !name.is_empty()).unwrap_or_else(|| "cli".to_owned())
}

fn commitment(dry_run: bool) -> Commitment {
    if dry_run { Commitment::DryRun } else { Commitment::Keep }
}
