//! Property values as HubSpot writes them: strings or null, whatever they mean.

use chrono::DateTime;

use super::json::{push_string, push_uint};

const DAY_MS: i64 = 86_400_000;

/// Appends `null`.
pub(super) fn push_null(out: &mut Vec<u8>) {
    out.extend_from_slice(b"null");
}

/// Appends a text that needs no escaping, or `null`.
pub(super) fn push_plain(out: &mut Vec<u8>, text: Option<&str>) {
    push_parts(out, text.as_slice());
}

/// Appends a string made of parts that need no escaping; `null` when there are none.
pub(super) fn push_parts(out: &mut Vec<u8>, parts: &[&str]) {
    if parts.is_empty() {
        return push_null(out);
    }
    out.push(b'"');
    parts.iter().for_each(|part| out.extend_from_slice(part.as_bytes()));
    out.push(b'"');
}

/// Appends any text, or `null`.
pub(super) fn push_text(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => push_string(out, text),
        None => push_null(out),
    }
}

/// Appends a number as a string.
pub(super) fn push_number(out: &mut Vec<u8>, number: u64) {
    out.push(b'"');
    push_uint(out, number);
    out.push(b'"');
}

/// Appends `"true"` or `"false"`, or `null`.
pub(super) fn push_flag(out: &mut Vec<u8>, flag: Option<bool>) {
    push_plain(out, flag.map(|flag| if flag { "true" } else { "false" }));
}

/// Appends an amount the way people type it: without decimals where they are zero.
pub(super) fn push_amount(out: &mut Vec<u8>, minor: u64, exponent: u32) {
    let unit = 10_u64.pow(exponent);
    out.push(b'"');
    push_uint(out, minor / unit);
    if !minor.is_multiple_of(unit) {
        out.push(b'.');
        push_digits(out, minor % unit, exponent as usize);
    }
    out.push(b'"');
}

/// Appends a moment as a string, `"2026-04-03T12:59:10.726Z"`. A tenth of the time of formatting it with `chrono`,
/// and there are several on every record.
pub(super) fn push_time(out: &mut Vec<u8>, unix_ms: i64) {
    let (year, month, day) = civil(unix_ms.div_euclid(DAY_MS));
    let ms = unix_ms.rem_euclid(DAY_MS).unsigned_abs();
    out.push(b'"');
    for (number, digits, end) in [
        (year, 4, b'-'),
        (month, 2, b'-'),
        (day, 2, b'T'),
        (ms / 3_600_000, 2, b':'),
        (ms / 60_000 % 60, 2, b':'),
        (ms / 1_000 % 60, 2, b'.'),
        (ms % 1_000, 3, b'Z'),
    ] {
        push_digits(out, number, digits);
        out.push(end);
    }
    out.push(b'"');
}

/// Appends a moment as a string, or `null`.
pub(super) fn push_time_if(out: &mut Vec<u8>, unix_ms: Option<i64>) {
    match unix_ms {
        Some(unix_ms) => push_time(out, unix_ms),
        None => push_null(out),
    }
}

/// Reads a moment in either form that filters take: ISO 8601, or milliseconds since 1970.
pub(super) fn parse_time(text: &str) -> Option<i64> {
    text.parse().ok().or_else(|| Some(DateTime::parse_from_rfc3339(text).ok()?.timestamp_millis()))
}

fn push_digits(out: &mut Vec<u8>, mut number: u64, digits: usize) {
    let start = out.len();
    out.resize(start + digits, b'0');
    for slot in out[start..].iter_mut().rev() {
        *slot = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// Year, month and day of a number of days since 1970, in the Gregorian calendar
/// (<https://howardhinnant.github.io/date_algorithms.html#civil_from_days>).
fn civil(days: i64) -> (u64, u64, u64) {
    let days = (days + 719_468).unsigned_abs();
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_agree_with_the_calendar() {
        for unix_ms in
            [0, 951_782_399_999, 951_782_400_000, 1_709_164_800_001, 1_790_000_000_726, 4_102_444_800_000]
        {
            let mut out = Vec::new();
            push_time(&mut out, unix_ms);
            let text: String = serde_json::from_slice(&out).expect("a string");
            assert_eq!(parse_time(&text), Some(unix_ms), "{text}");
            assert_eq!(text.len(), 24);
        }
        assert_eq!(parse_time("1790000000726"), Some(1_790_000_000_726));
        assert_eq!(parse_time("yesterday"), None);
    }

    #[test]
    fn amounts_are_typed_by_people() {
        let text = |minor, exponent| {
            let mut out = Vec::new();
            push_amount(&mut out, minor, exponent);
            String::from_utf8(out).expect("text")
        };
        assert_eq!(text(50_050, 2), "\"500.50\"");
        assert_eq!(text(50_000, 2), "\"500\"");
        assert_eq!(text(5, 3), "\"0.005\"");
        assert_eq!(text(500, 0), "\"500\"");
    }
}
