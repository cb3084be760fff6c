//! `buffalo revenue`: the figures, in the terminal.

use buffalo_model::{Clock, Granularity, SystemClock};

use super::usage;
use crate::cli::{Format, RevenueArgs, RevenueBy};
use crate::config::Config;
use crate::exit::{Exit, UsageError};
use crate::output::{revenue_csv, say, say_json, say_revenue};

pub(super) async fn run(args: &RevenueArgs, config: &Config) -> anyhow::Result<Exit> {
    let granularity = match args.by {
        RevenueBy::Summary => Granularity::Summary,
        RevenueBy::Daily => Granularity::Daily,
        RevenueBy::Weekly => Granularity::Weekly,
        RevenueBy::Monthly => Granularity::Monthly,
        RevenueBy::Quarterly => Granularity::Quarterly,
        RevenueBy::Yearly => Granularity::Yearly,
    };
    let query = args.params.question(granularity, config).map_err(|problems| usage(&problems))?;
    let revenue = config.store()?.revenue(query, &config.revenue_sources(), SystemClock.now()).await?;
    let revenue = revenue.filled().map_err(|error| UsageError(format!("--fill: {error}")))?;
    match args.output.format {
        Format::Table => say_revenue(&revenue)?,
        Format::Json => say_json(&revenue)?,
        Format::Csv => say(revenue_csv(&revenue)?.trim_end())?,
    }
    Ok(Exit::Done)
}
