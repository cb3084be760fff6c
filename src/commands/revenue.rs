//! `buffalo revenue`: the figures, in the terminal.

use buffalo_model::{Clock, Granularity, SystemClock};

use super::usage;
use crate::cli::{Format, RevenueArgs, RevenueCommand};
use crate::config::Config;
use crate::exit::{Exit, UsageError};
use crate::output::{revenue_csv, say, say_json, say_revenue};

pub(super) async fn run(command: &RevenueCommand, config: &Config) -> anyhow::Result<Exit> {
    match command {
        RevenueCommand::Summary(args) => figures(args, Granularity::Summary, config).await,
        RevenueCommand::Daily(args) => figures(args, Granularity::Daily, config).await,
        RevenueCommand::Weekly(args) => figures(args, Granularity::Weekly, config).await,
        RevenueCommand::Monthly(args) => figures(args, Granularity::Monthly, config).await,
        RevenueCommand::Quarterly(args) => figures(args, Granularity::Quarterly, config).await,
        RevenueCommand::Yearly(args) => figures(args, Granularity::Yearly, config).await,
        RevenueCommand::Overlaps(args) => super::overlaps::run(args, config).await,
    }
}

async fn figures(args: &RevenueArgs, granularity: Granularity, config: &Config) -> anyhow::Result<Exit> {
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
