//! Times and sizes on the command line.

use std::time::Duration;

/// `5`, `0.5`: minutes.
pub(super) fn minutes(text: &str) -> Result<Duration, String> {
    seconds(positive(text)? * 60.0)
}

/// `90s`, `5m`, `2h`; a number by itself is seconds.
pub(super) fn time(text: &str) -> Result<Duration, String> {
    let (number, unit) = divided(text);
    let factor = match unit {
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        other => return Err(format!("{other:?} is no unit of time, expected s, m or h")),
    };
    seconds(positive(number)? * factor)
}

/// `500kB`, `2MB`; a number by itself is bytes.
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    let (number, unit) = divided(text);
    let factor = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "k" | "kb" => 1e3,
        "m" | "mb" => 1e6,
        "g" | "gb" => 1e9,
        _ => return Err(format!("{unit:?} is no unit of size, expected kB, MB or GB")),
    };
    Ok((positive(number)? * factor) as u64)
}

/// A number above 0.
pub(super) fn positive(text: &str) -> Result<f64, String> {
    match text.trim().parse::<f64>() {
        Ok(number) if number > 0.0 && number.is_finite() => Ok(number),
        _ => Err(format!("{text:?} is not a number above 0")),
    }
}

fn seconds(seconds: f64) -> Result<Duration, String> {
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

fn divided(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    (&text[..end], text[end..].trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_understood_and_others_refused() {
        assert_eq!(minutes("0.5"), Ok(Duration::from_secs(30)));
        assert_eq!(["90", "90s", "1.5m", "2h"].map(|t| time(t).unwrap().as_secs()), [90, 90, 90, 7200]);
        assert_eq!(
            ["700", "500kB", "2MB", "1 GB"].map(|t| bytes(t).unwrap()),
            [700, 500_000, 2_000_000, 1_000_000_000]
        );
        assert!(
            time("5 weeks").is_err() && bytes("2 apples").is_err() && minutes("-1").is_err() && minutes("nan").is_err()
        );
    }
}
