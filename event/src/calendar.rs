//! The one spelling of times that records have, `2026-01-31T09:30:00.000Z`, without the cost of reading every spelling.
//!
//! Days and dates: <https://howardhinnant.github.io/date_algorithms.html>, `days_from_civil` and `civil_from_days`.

const MILLIS_A_DAY: i64 = 86_400_000;

/// What is a digit in the spelling, and what stands between.
const FORM: &[u8; 24] = b"0000-00-00T00:00:00.000Z";

/// Milliseconds since 1970 of a time in this spelling; `None` for any other, and for what no calendar has.
pub(crate) fn parse(text: &[u8]) -> Option<i64> {
    let text: &[u8; 24] = text.try_into().ok()?;
    let fits = |(byte, form): (&u8, &u8)| if *form == b'0' { byte.is_ascii_digit() } else { byte == form };
    if !text.iter().zip(FORM).all(fits) {
        return None;
    }
    let number =
        |from: usize, to: usize| text[from..to].iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    let (year, month, day) = (number(0, 4), number(5, 7), number(8, 10));
    let (hour, minute, second) = (number(11, 13), number(14, 16), number(17, 19));
    if !(1..=12).contains(&month) || !(1..=days_of(year, month)).contains(&day) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = (hour * 60 + minute) * 60 + second;
    Some(days_since_1970(year, month, day) * MILLIS_A_DAY + seconds * 1_000 + number(20, 23))
}

/// The spelling of a time between the years 0 and 9999, given in milliseconds since 1970.
pub(crate) fn format(millis: i64) -> [u8; 24] {
    let (year, month, day) = date(millis.div_euclid(MILLIS_A_DAY));
    let time = millis.rem_euclid(MILLIS_A_DAY);
    let mut text = *FORM;
    let mut put = |at: usize, number: i64| {
        let number = number as u8;
        text[at..at + 2].copy_from_slice(&[b'0' + number / 10, b'0' + number % 10]);
    };
    put(0, year / 100);
    put(2, year % 100);
    put(5, month);
    put(8, day);
    put(11, time / 3_600_000);
    put(14, time / 60_000 % 60);
    put(17, time / 1_000 % 60);
    put(20, time % 1_000 / 10);
    text[22] = b'0' + (time % 10) as u8;
    text
}

/// The days of a month from 1 to 12.
pub(crate) fn days_of(year: i64, month: i64) -> i64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days from the beginning of 1970 to a day that there is.
pub(crate) fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March, so that a leap day is the last of its year.
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day_of_year - (153 * month_from_march + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, SecondsFormat};

    use super::*;

    #[test]
    fn every_day_is_read_and_written_as_chrono_does() {
        for day in (0..2_932_897).step_by(13) {
            let millis = day * MILLIS_A_DAY + day * 7_919 % MILLIS_A_DAY;
            let text = format(millis);
            assert_eq!(parse(&text), Some(millis));
            if day % 8 == 0 {
                let chrono = DateTime::from_timestamp_millis(millis).unwrap();
                let chrono = chrono.to_rfc3339_opts(SecondsFormat::Millis, true);
                assert_eq!(std::str::from_utf8(&text).unwrap(), chrono);
            }
        }
    }

    #[test]
    fn what_no_calendar_has_is_left_to_others() {
        for text in [
            "2026-02-29T00:00:00.000Z",
            "2100-02-29T00:00:00.000Z",
            "2026-04-31T00:00:00.000Z",
            "2026-00-01T00:00:00.000Z",
            "2026-13-01T00:00:00.000Z",
            "2026-01-00T00:00:00.000Z",
            "2026-01-01T24:00:00.000Z",
            "2026-01-01T00:60:00.000Z",
            "2026-12-31T23:59:60.000Z",
            "2026-01-01 00:00:00.000Z",
            "2026-01-01T00:00:00.000z",
            "2026-01-01T00:00:00Z",
            "+026-01-01T00:00:00.000Z",
            "2026-01-01T00:00:00.0\u{e9}Z",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(parse(b"2000-02-29T00:00:00.001Z"), Some(951_782_400_001));
    }
}
