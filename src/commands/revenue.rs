//! `buffalo revenue`: the figures, in the terminal.

use buffalo_model::{Clock, Granularity, Revenue, SystemClock};

use super::{changes, explain, usage};
use crate::chart::ChartFile;
use crate::cli::{Format, RevenueArgs, RevenueCommand};
use crate::config::Config;
use crate::exit::{Exit, UsageError};
use crate::output::{complain, freshness, revenue_csv, say, say_json, say_revenue};

pub(super) async fn run(command: &RevenueCommand, config: &Config) -> anyhow::Result<Exit> {
    match command {
        RevenueCommand::Summary(args) => figures(args, Granularity::Summary, config).await,
        RevenueCommand::Daily(args) => figures(args, Granularity::Daily, config).await,
        RevenueCommand::Weekly(args) => figures(args, Granularity::Weekly, config).await,
        RevenueCommand::Monthly(args) => figures(args, Granularity::Monthly, config).await,
        RevenueCommand::Quarterly(args) => figures(args, Granularity::Quarterly, config).await,
        RevenueCommand::Yearly(args) => figures(args, Granularity::Yearly, config).await,
        RevenueCommand::Overlaps(args) => super::overlaps::run(args, config).await,
        RevenueCommand::Explain(args) => explain::run(args, config).await,
        RevenueCommand::Changes(args) => changes::run(args, config).await,
    }
}

async fn figures(args: &RevenueArgs, granularity: Granularity, config: &Config) -> anyhow::Result<Exit> {
    if args.chart.is_some() && granularity == Granularity::Summary {
        let instead =
            "--chart: a summary is a single figure; ask daily, weekly, monthly, quarterly or yearly";
        return Err(UsageError(instead.to_owned()).into());
    }
    let query = args.params.question(granularity, config).map_err(|problems| usage(&problems))?;
    let revenue = config.store()?.revenue(query, &config.revenue_sources(), SystemClock.now()).await?;
    if let Some(file) = &args.chart {
        draw(file, &revenue)?;
    }
    let revenue = revenue.filled().map_err(|error| UsageError(format!("--fill: {error}")))?;
    match args.output.format {
        Format::Table => say_revenue(&revenue)?,
        Format::Json => say_json(&revenue)?,
        Format::Csv => say(revenue_csv(&revenue)?.trim_end())?,
    }
    Ok(Exit::Done)
}

/// Draws the figures with all buckets, also those that the answer leaves out.
fn draw(file: &ChartFile, revenue: &Revenue) -> anyhow::Result<()> {
    let mut revenue = revenue.clone();
    revenue.query.fill = true;
    let revenue = revenue.filled().map_err(|error| UsageError(format!("--chart: {error}")))?;
    file.draw(&revenue, &freshness(&revenue))?;
    complain(format!("the chart is in {}", file.path().display()));
    Ok(())
}
