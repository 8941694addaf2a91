//! The spellings of times that libraries call ISO 8601, or print by default in much the same form.
//!
//! A date (`2026-01-31`, `20260131`); then, behind `T`, `t` or a blank, hours and minutes with or without seconds (`09:30:00`,
//! `0930`) and a decimal fraction of any length behind a point or a comma; then a zone (`Z`, `UTC`, `GMT`, `+01:00`, `+0100`,
//! `+01`), UTC when there is none. What Java, Go and Ruby print behind an offset, such as `[Europe/Paris]` or `CET`, says
//! nothing more and is passed over.

use crate::calendar::{days_of, days_since_1970};

const MICROS_A_SECOND: i64 = 1_000_000;
const SECONDS_A_DAY: i64 = 86_400;
/// Further digits of a fraction are less than a microsecond.
const FRACTION_DIGITS: u32 = 6;
/// `2026-07-31 09:30:00 +0200 CEST m=+0.000012`: the longest that is passed over is shorter.
const MAX_WORDS: usize = 2;

/// Microseconds since 1970, also of years outside of those that a timestamp has; `None` for any other text.
pub(crate) fn micros(text: &str) -> Option<i64> {
    let mut rest = Rest(text);
    let (days, is_basic) = rest.date()?;
    if rest.0.is_empty() {
        return Some(days * SECONDS_A_DAY * MICROS_A_SECOND);
    }
    if !rest.takes(&["T", "t"]) && rest.blanks() == 0 {
        return None;
    }
    let time_of_day = rest.time_of_day(is_basic)?;
    let offset_seconds = rest.zone()?;
    Some((days * SECONDS_A_DAY - offset_seconds) * MICROS_A_SECOND + time_of_day)
}

/// What is left of a text.
struct Rest<'a>(&'a str);

impl Rest<'_> {
    /// Days since 1970, and whether nothing stands between the numbers.
    fn date(&mut self) -> Option<(i64, bool)> {
        // Years beyond four digits have a sign, which JavaScript prints.
        let sign = if self.takes(&["-"]) { Some(-1) } else { self.takes(&["+"]).then_some(1) };
        let year_digits = if sign.is_some() { self.count_digits().min(6) } else { 4 };
        let year = sign.unwrap_or(1) * self.number(year_digits.max(4))?;
        let is_basic = !self.takes(&["-"]);
        let month = self.number(2)?;
        if !is_basic && !self.takes(&["-"]) {
            return None;
        }
        let day = self.number(2)?;
        let exists = (1..=12).contains(&month) && (1..=days_of(year, month)).contains(&day);
        exists.then(|| (days_since_1970(year, month, day), is_basic))
    }

    /// Microseconds since midnight; a day ends with 24:00, and a minute may have a leap second.
    fn time_of_day(&mut self, is_basic: bool) -> Option<i64> {
        let hour_digits = if self.count_digits() == 1 { 1 } else { 2 };
        let hour = self.number(hour_digits)?;
        let separates = |rest: &mut Self| !is_basic && rest.takes(&[":"]);
        if !is_basic && !separates(self) {
            return None;
        }
        let minute = self.number(2)?;
        let has_seconds = separates(self) || (is_basic && self.count_digits() >= 2);
        let second = if has_seconds { self.number(2)? } else { 0 };
        let fraction = if has_seconds && self.takes(&[".", ","]) { self.fraction()? } else { 0 };
        let micros = ((hour * 60 + minute) * 60 + second) * MICROS_A_SECOND + fraction;
        let is_time = hour < 24 || micros == SECONDS_A_DAY * MICROS_A_SECOND;
        (is_time && minute < 60 && second <= 60).then_some(micros)
    }

    fn fraction(&mut self) -> Option<i64> {
        let count = self.count_digits();
        let kept = count.min(FRACTION_DIGITS as usize);
        let digits = self.number(kept)?;
        self.0 = &self.0[count - kept..];
        Some(digits * 10_i64.pow(FRACTION_DIGITS - kept as u32))
    }

    /// Seconds east of UTC. Nothing may follow but what says the same again.
    fn zone(&mut self) -> Option<i64> {
        self.blanks();
        if self.0.is_empty() {
            return Some(0);
        }
        let seconds = if self.takes(&["Z", "z", "UTC", "utc", "GMT", "gmt"]) { 0 } else { self.offset()? };
        self.says_no_more().then_some(seconds)
    }

    fn offset(&mut self) -> Option<i64> {
        // ISO 8601 wants the sign U+2212 and allows the hyphen.
        let sign = if self.takes(&["-", "\u{2212}"]) { -1 } else { self.takes(&["+"]).then_some(1)? };
        let hours = self.number(2)?;
        let minutes = self.sixtieths()?;
        let seconds = self.sixtieths()?;
        (hours < 24).then_some(sign * ((hours * 60 + minutes) * 60 + seconds))
    }

    /// Two digits below 60, with a colon before them or not; 0 when there are none.
    fn sixtieths(&mut self) -> Option<i64> {
        let number = if self.takes(&[":"]) || self.count_digits() > 0 { self.number(2)? } else { 0 };
        (number < 60).then_some(number)
    }

    /// Whether only names of the zone follow, in brackets or as words.
    fn says_no_more(&mut self) -> bool {
        let mut words = 0;
        loop {
            if let Some((_, after)) = self.0.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
                self.0 = after;
            } else if self.0.is_empty() {
                return words <= MAX_WORDS;
            } else if self.blanks() > 0 {
                let belongs = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '=' | '.' | '/' | '_');
                self.0 = self.0.trim_start_matches(belongs);
                words += 1;
            } else {
                return false;
            }
        }
    }

    fn takes(&mut self, any_of: &[&str]) -> bool {
        let after = any_of.iter().find_map(|prefix| self.0.strip_prefix(prefix));
        self.0 = after.unwrap_or(self.0);
        after.is_some()
    }

    fn blanks(&mut self) -> usize {
        let before = self.0.len();
        self.0 = self.0.trim_start_matches(' ');
        before - self.0.len()
    }

    fn count_digits(&self) -> usize {
        self.0.bytes().take_while(u8::is_ascii_digit).count()
    }

    /// A number of so many digits, of which there must be one.
    fn number(&mut self, digits: usize) -> Option<i64> {
        let (number, rest) = self.0.split_at_checked(digits)?;
        let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
        let number = number.parse().ok().filter(|_| is_number)?;
        self.0 = rest;
        Some(number)
    }
}
