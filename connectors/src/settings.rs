//! Settings by name, and a list of everything that is wrong with them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use secrecy::SecretString;

/// Something wrong with a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The setting's name.
    pub name: &'static str,
    /// What is wrong and what to do; completes "NAME …".
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.what)
    }
}

/// The settings of a process. Reading never fails: what is wrong is collected, so that all of it can be told at once.
///
/// Values are secrets until they are parsed, and `Debug` shows names only.
#[derive(Default)]
pub struct Settings {
    values: BTreeMap<String, String>,
    problems: Vec<Problem>,
    /// In a cell, as reading is no change to whoever reads.
    asked: RefCell<BTreeSet<String>>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

impl Settings {
    /// Settings from names and values; empty values count as not set, as cron and hosting dashboards produce them.
    pub fn new(values: impl IntoIterator<Item = (String, String)>) -> Self {
        let values = values.into_iter().filter(|(_, value)| !value.trim().is_empty()).collect();
        Self { values, ..Self::default() }
    }

    /// The names of all settings that were asked for so far, whether or not they are set: what a list of the settings
    /// that there are is held against.
    #[must_use]
    pub fn asked(&self) -> BTreeSet<String> {
        self.asked.borrow().clone()
    }

    /// What was found wrong so far.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Notes something that is wrong.
    pub fn complain(&mut self, name: &'static str, what: impl Into<String>) {
        self.problems.push(Problem { name, what: what.into() });
    }

    /// Whether a value is set.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    /// A text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<String> {
        self.value(name).map(|value| value.trim().to_owned())
    }

    fn value(&self, name: &str) -> Option<&String> {
        self.asked.borrow_mut().insert(name.to_owned());
        self.values.get(name)
    }

    /// A secret.
    #[must_use]
    pub fn secret(&self, name: &str) -> Option<SecretString> {
        self.text(name).map(SecretString::from)
    }

    /// A secret that must be there.
    pub fn required_secret(&mut self, name: &'static str, what_for: &str) -> Option<SecretString> {
        let secret = self.secret(name);
        if secret.is_none() {
            self.complain(name, format!("is not set: {what_for}"));
        }
        secret
    }

    /// A value of some type; `default` when it is not set or can't be read.
    pub fn parsed<T>(&mut self, name: &'static str, default: T) -> T
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        match self.text(name).map(|text| text.parse::<T>()) {
            None => default,
            Some(Ok(value)) => value,
            Some(Err(error)) => {
                self.complain(name, format!("can't be read: {error}"));
                default
            }
        }
    }

    /// A whole number within bounds; `default` when it is not set or unusable.
    pub fn number(&mut self, name: &'static str, default: u64, bounds: std::ops::RangeInclusive<u64>) -> u64 {
        let Some(text) = self.text(name) else { return default };
        match text.parse::<u64>() {
            Ok(value) if bounds.contains(&value) => value,
            _ => {
                let (low, high) = (bounds.start(), bounds.end());
                self.complain(name, format!("must be a whole number from {low} to {high}"));
                default
            }
        }
    }

    /// How many pages a backfill asks for at once (`BACKFILL_CONCURRENCY`).
    pub fn pages_at_once(&mut self) -> usize {
        usize::try_from(self.number("BACKFILL_CONCURRENCY", 8, 1..=64)).unwrap_or(8)
    }

    /// A switch: true or false.
    pub fn switch(&mut self, name: &'static str, default: bool) -> bool {
        let Some(text) = self.text(name) else { return default };
        match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => true,
            "false" | "0" | "no" | "off" => false,
            _ => {
                self.complain(name, "must be true or false");
                default
            }
        }
    }

    /// The address of an API: http or https, without the slash at its end.
    pub fn base_url(&mut self, name: &'static str, default: &str) -> String {
        let Some(text) = self.text(name) else { return default.to_owned() };
        let usable = reqwest::Url::parse(&text).is_ok_and(|url| {
            matches!(url.scheme(), "http" | "https")
                && url.has_host()
                && url.username().is_empty()
                && url.query().is_none()
        });
        if !usable {
            self.complain(name, "must be an address such as https://api.example.com");
            return default.to_owned();
        }
        text.trim_end_matches('/').to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(values: &[(&str, &str)]) -> Settings {
        Settings::new(values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let mut settings =
            settings(&[("PORT", "99999"), ("FLAG", "perhaps"), ("BASE", "ftp://x"), ("EMPTY", " ")]);
        assert_eq!(settings.number("PORT", 3000, 1..=65_535), 3000);
        assert!(settings.switch("FLAG", true));
        assert_eq!(settings.base_url("BASE", "https://d"), "https://d");
        assert!(settings.required_secret("EMPTY", "needed").is_none());
        let names: Vec<_> = settings.problems().iter().map(|problem| problem.name).collect();
        assert_eq!(names, ["PORT", "FLAG", "BASE", "EMPTY"]);
    }

    #[test]
    fn debug_shows_no_value() {
        let settings = settings(&[("STRIPE_API_KEY", "sk_live_secret")]);
        assert!(!format!("{settings:?}").contains("sk_live"));
    }
}
