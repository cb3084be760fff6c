//! Answers: when their data was looked at and, where they are no success, whether asking again helps.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, RETRY_AFTER};
use secrecy::{ExposeSecret, SecretString};

use super::breaker::Verdict;
use super::failure::Failure;
use super::retry::RetryPolicy;
use super::settings::HttpSettings;
use crate::SourceError;

/// The least time before a locked resource is asked for again, when the vendor does not say: HubSpot's advice.
const LOCKED_WAIT: Duration = Duration::from_secs(2);

/// An answer that arrived whole.
#[derive(Debug)]
pub struct Answer<T> {
    /// What the body was read as.
    pub value: T,
    /// A time at or before that at which the vendor looked at its data, in whole seconds: its `Date` header less the time
    /// that the request took, and never later than our clock at the request. A vendor's clock, or that of a proxy, may be
    /// ahead by hours; a position taken from it would leave out all that happens until then.
    pub asked_at: DateTime<Utc>,
}

/// An answer whose body has arrived, before anybody has made sense of it.
#[derive(Debug)]
pub(super) struct RawAnswer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl RawAnswer {
    /// Reads a body to its end, unless it is longer than the settings allow.
    pub(super) async fn receive(
        request: &str,
        settings: &HttpSettings,
        mut response: reqwest::Response,
    ) -> Result<Self, Failure> {
        let limit = settings.max_body_bytes;
        let announced = usize::try_from(response.content_length().unwrap_or(0)).unwrap_or(usize::MAX);
        let mut body = Vec::with_capacity(announced.min(limit));
        let broken = |error| Failure::of_transport(request.to_owned(), error, settings.timeout);
        while let Some(chunk) = response.chunk().await.map_err(broken)? {
            if body.len() + chunk.len() > limit {
                let what = format!("more than {limit} bytes, the most that is read");
                let error = SourceError::Malformed { request: request.to_owned(), what };
                return Err(Failure::lasting(Verdict::Alive, error));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Self { status: response.status(), headers: std::mem::take(response.headers_mut()), body })
    }

    /// A success whose body was not understood, which counts as a passing fault: proxies answer with pages of their own.
    pub(super) fn not_understood(&self, request: String, what: &str) -> Failure {
        let kind = self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let what = format!(
            "{} and a body that can't be read ({}, {} bytes): {what}",
            self.status,
            tidy(kind.unwrap_or("no content type"), 60),
            self.body.len()
        );
        Failure::passing(Verdict::Failing, SourceError::Malformed { request, what })
    }

    /// Sorts an answer that is not a success: by the vendor's own word, else 409, 423, 429 and 5xx are worth retrying.
    pub(super) fn judge(
        &self,
        request: String,
        settings: &HttpSettings,
        token: &SecretString,
        now: DateTime<Utc>,
    ) -> Failure {
        let vendor = (settings.read_error)(&self.body);
        let message = without_secret(&tidy(&vendor.message, 300), token);
        let status = self.status.as_u16();
        if matches!(status, 401 | 403) && !vendor.asks_for_patience {
            return Failure::lasting(Verdict::Alive, SourceError::Unauthorised { request, status, message });
        }
        let wait = retry_after(&self.headers, now);
        if vendor.day_used_up {
            let resets_at = wait.and_then(|wait| now.checked_add_signed(TimeDelta::from_std(wait).ok()?));
            return Failure::lasting(
                Verdict::Neither,
                SourceError::LimitReached { request, status, resets_at },
            );
        }
        let is_theirs = self.status.is_server_error();
        let verdict = if is_theirs { Verdict::Failing } else { Verdict::Neither };
        let by_status = matches!(status, 409 | 423 | 429) || vendor.asks_for_patience || is_theirs;
        if !(settings.vendor_says_retry)(&self.headers).unwrap_or(by_status) {
            let (code, param) = (vendor.code, vendor.param);
            return Failure::lasting(verdict, SourceError::Refused { request, status, code, param, message });
        }
        match wait.or((self.status == StatusCode::LOCKED).then_some(LOCKED_WAIT)) {
            Some(wait) if wait > RetryPolicy::LONGEST_DELAY => Failure::lasting(
                verdict,
                SourceError::AskedToWait { request, status, wait_s: wait.as_secs() },
            ),
            wait => {
                let error = SourceError::Unavailable { request, status, attempts: 1, message };
                Failure { wait, ..Failure::passing(verdict, error) }
            }
        }
    }
}

/// Vendors echo keys, most of them masked; ours never passes.
fn without_secret(message: &str, token: &SecretString) -> String {
    message.replace(token.expose_secret(), "[key]")
}

/// One line of at most `longest` characters without control characters.
fn tidy(text: &str, longest: usize) -> String {
    let mut tidy: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(longest).collect();
    if text.chars().nth(longest).is_some() {
        tidy.push('…');
    }
    tidy
}

/// Reads `Retry-After` in either form, seconds or an HTTP date.
fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let until = http_date(text)?;
    Some((until - now).to_std().unwrap_or_default())
}

fn http_date(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc2822(text).ok().map(|date| date.with_timezone(&Utc))
}

/// When the vendor looked, at the earliest: see [`Answer::asked_at`].
pub(super) fn asked_at(
    answered: Option<DateTime<Utc>>,
    elapsed: Duration,
    our_time: DateTime<Utc>,
) -> DateTime<Utc> {
    let by_vendor = answered.map(|answered| answered - TimeDelta::from_std(elapsed).unwrap_or_default());
    let asked = by_vendor.map_or(our_time, |asked| asked.min(our_time));
    DateTime::from_timestamp(asked.timestamp(), 0).unwrap_or(asked)
}

/// The time at which the vendor says that it answered.
pub(super) fn answered_at(headers: &HeaderMap) -> Option<DateTime<Utc>> {
    headers.get(DATE).and_then(|value| value.to_str().ok()).and_then(http_date)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: reqwest::header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = http_date("Wed, 21 Oct 2026 07:28:00 GMT").unwrap();
        assert_eq!(retry_after(&headers(RETRY_AFTER, "7"), now), Some(Duration::from_secs(7)));
        let date = headers(RETRY_AFTER, "Wed, 21 Oct 2026 07:28:30 GMT");
        assert_eq!(retry_after(&date, now), Some(Duration::from_secs(30)));
        let past = headers(RETRY_AFTER, "Wed, 21 Oct 2026 07:00:00 GMT");
        assert_eq!(retry_after(&past, now), Some(Duration::ZERO));
        assert_eq!(retry_after(&headers(RETRY_AFTER, "soon"), now), None);
    }

    #[test]
    fn the_vendors_clock_counts_up_to_ours_which_is_the_fallback() {
        let ours = http_date("Wed, 21 Oct 2026 09:00:00 GMT").unwrap();
        let answered = answered_at(&headers(DATE, "Wed, 21 Oct 2026 07:28:10 GMT"));
        let asked = asked_at(answered, Duration::from_millis(1_200), ours);
        assert_eq!(asked, http_date("Wed, 21 Oct 2026 07:28:08 GMT").unwrap());
        let ahead = answered_at(&headers(DATE, "Wed, 21 Oct 2026 11:00:00 GMT"));
        assert_eq!(asked_at(ahead, Duration::from_secs(1), ours), ours);
        assert_eq!(asked_at(answered_at(&HeaderMap::new()), Duration::from_secs(1), ours), ours);
    }

    #[test]
    fn a_message_is_one_short_line() {
        assert_eq!(tidy("a\nb\u{1b}c", 10), "a b c");
        assert_eq!(tidy("abcdef", 3), "abc…");
    }
}
