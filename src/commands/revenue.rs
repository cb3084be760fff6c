//! `buffalo revenue`: the figures, in the terminal.

use buffalo_model::{Granularity, Revenue};

use super::usage;
use crate::chart::ChartFile;
use crate::cli::{Format, RevenueArgs, RevenueBy};
use crate::config::Config;
use crate::exit::{Exit, UsageError};
use crate::output::{complain, freshness, revenue_csv, say, say_json, say_revenue};

pub(super) async fn run(args: &RevenueArgs, config: &Config) -> anyhow::Result<Exit> {
    let granularity = match args.by {
        RevenueBy::Summary => Granularity::Summary,
        RevenueBy::Daily => Granularity::Daily,
        RevenueBy::Weekly => Granularity::Weekly,
        RevenueBy::Monthly => Granularity::Monthly,
    };
    if args.chart.is_some() && granularity == Granularity::Summary {
        return Err(UsageError(
            "--chart: a summary is a single figure; ask daily, weekly or monthly".to_owned(),
        )
        .into());
    }
    let query = args.params.question(granularity, config).map_err(|problems| usage(&problems))?;
    let revenue = config.store()?.revenue(query, &config.revenue_sources()).await?;
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
