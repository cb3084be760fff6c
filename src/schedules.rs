//! When the jobs of the schedule are due, from the settings.

use buffalo_connectors::Settings;
use buffalo_jobs::CronExpression;
use chrono_tz::Tz;

/// The expressions of all jobs; none for a job that is switched off.
#[derive(Debug)]
pub(crate) struct Schedules {
    pub(crate) timezone: Tz,
    pub(crate) fetch: Option<CronExpression>,
    pub(crate) process: Option<CronExpression>,
    pub(crate) reconcile: Option<CronExpression>,
}

impl Schedules {
    pub(crate) fn from_settings(settings: &mut Settings) -> Self {
        Self {
            timezone: settings.parsed("SCHEDULE_TIMEZONE", Tz::UTC),
            fetch: expression(settings, "FETCH_SCHEDULE", "*/15 * * * *"),
            process: expression(settings, "PROCESS_SCHEDULE", "*/5 * * * *"),
            reconcile: expression(settings, "RECONCILE_SCHEDULE", "0 4 * * SUN"),
        }
    }
}

fn expression(settings: &mut Settings, name: &'static str, default: &str) -> Option<CronExpression> {
    let text = settings.text(name).unwrap_or_else(|| default.to_owned());
    if text.eq_ignore_ascii_case("off") {
        return None;
    }
    text.parse().map_err(|error| settings.complain(name, format!("{error}"))).ok()
}
