//! When the jobs of the schedule are due, from the settings.

use buffalo_connectors::Settings;
use buffalo_jobs::CronExpression;

/// The expressions of all jobs; none for a job that is switched off.
#[derive(Debug)]
pub(crate) struct Schedules {
    pub(crate) fetch: Option<CronExpression>,
    pub(crate) process: Option<CronExpression>,
    pub(crate) reconcile: Option<CronExpression>,
    pub(crate) summary: Option<CronExpression>,
    pub(crate) maintain: Option<CronExpression>,
    pub(crate) watch: Option<CronExpression>,
    pub(crate) verify: Option<CronExpression>,
}

impl Schedules {
    pub(crate) fn from_settings(settings: &mut Settings) -> Self {
        Self {
            fetch: expression(settings, "FETCH_SCHEDULE", "*/15 * * * *"),
            process: expression(settings, "PROCESS_SCHEDULE", "*/5 * * * *"),
            reconcile: expression(settings, "RECONCILE_SCHEDULE", "0 4 * * SUN"),
            summary: expression(settings, "SUMMARY_SCHEDULE", "0 9 * * *"),
            maintain: expression(settings, "MAINTAIN_SCHEDULE", "30 3 * * *"),
            watch: expression(settings, "WATCH_SCHEDULE", "45 */6 * * *"),
            verify: expression(settings, "VERIFY_SCHEDULE", "15 5 * * *"),
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
