//! Figures and times as people read them. Pure, so that the pages and the terminal say the same.

use serde::Serialize;
use time::OffsetDateTime;
use wayfarer_core::Usage;

/// `1 234 567`: thousands apart by a narrow no-break space.
pub(crate) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() * 2);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// `$0.0042`: cents below a cent get two significant digits more.
pub(crate) fn money(usd: f64) -> String {
    match usd {
        0.0 => "$0".into(),
        usd if usd.abs() < 0.1 => format!("${usd:.4}"),
        usd => format!("${usd:.2}"),
    }
}

/// What model calls cost; `unpriced` where models answered and none has a price.
pub(crate) fn cost(usage: &Usage) -> String {
    if usage.is_unpriced() { "unpriced".into() } else { money(usage.cost_usd) }
}

/// `830 ms`, `4.2 s`, `3 min 05 s`, `2 h 04 min`.
pub(crate) fn duration_ms(ms: f64) -> String {
    let ms = if ms.is_finite() { ms.max(0.0) } else { 0.0 };
    let whole_seconds = (ms / 1000.0).round() as u64;
    match whole_seconds {
        _ if ms < 999.5 => format!("{ms:.0} ms"),
        0..60 if ms < 59_950.0 => format!("{:.1} s", ms / 1000.0),
        0..3600 => format!("{} min {:02} s", whole_seconds / 60, whole_seconds % 60),
        _ => format!("{} h {:02} min", whole_seconds / 3600, whole_seconds % 3600 / 60),
    }
}

/// `67 %`, or a dash where there is nothing to divide by.
pub(crate) fn share(part: u64, whole: u64) -> String {
    if whole == 0 { "–".into() } else { format!("{:.0}\u{202f}%", part as f64 * 100.0 / whole as f64) }
}

/// `2026-11-21 07:21:35 UTC`; a dash where the time is not known.
pub(crate) fn moment(unix_ms: u64) -> String {
    let at = i64::try_from(unix_ms / 1000)
        .ok()
        .filter(|seconds| *seconds > 0)
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
    let Some(at) = at else { return "–".into() };
    format!("{} {:02}:{:02}:{:02} UTC", at.date(), at.hour(), at.minute(), at.second())
}

/// `Shopping list` for `shopping_list`.
pub(crate) fn words(name: &str) -> String {
    name.replace('_', " ")
}

/// The name that an enum without data has in every file.
pub(crate) fn wire_name<T: Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_as_people_read_them() {
        assert_eq!(count(0), "0");
        assert_eq!(count(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(money(0.0042), "$0.0042");
        assert_eq!(money(12.5), "$12.50");
        assert_eq!(cost(&Usage { prompt_tokens: 7, ..Usage::default() }), "unpriced");
        assert_eq!(cost(&Usage { prompt_tokens: 7, cost_usd: 0.5, ..Usage::default() }), "$0.50");
        assert_eq!(cost(&Usage::default()), "$0");
        assert_eq!(duration_ms(830.0), "830 ms");
        assert_eq!(duration_ms(4_240.0), "4.2 s");
        assert_eq!(duration_ms(59_970.0), "1 min 00 s");
        assert_eq!(duration_ms(185_000.0), "3 min 05 s");
        assert_eq!(duration_ms(7_440_000.0), "2 h 04 min");
        assert_eq!(share(2, 3), "67\u{202f}%");
        assert_eq!(moment(1_795_245_695_000), "2026-11-21 07:21:35 UTC");
        assert_eq!(moment(0), "–");
    }
}
