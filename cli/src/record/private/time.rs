//! Points in time: all of a recording are shifted by the same, so that the distances between them stay.

const SECOND: i64 = 1_000;
const DAY: i64 = 24 * 3_600 * SECOND;
/// How far from the recording a number may lie to be taken for a point in time.
const REACH: i64 = 400 * DAY;
/// Where the beginning of every recording is shifted to: 2026-01-01T00:00:00Z, in milliseconds.
const BEGINNING: i64 = 1_767_225_600_000;

/// The shift of one recording.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shift {
    /// When the recording began, in milliseconds since 1970.
    began: i64,
}

impl Shift {
    pub(super) fn new(began: i64) -> Self {
        Self { began }
    }

    /// A number of milliseconds or seconds since 1970 near the recording, shifted. The number of digits stays.
    pub(super) fn number(self, number: i64) -> Option<i64> {
        let by = BEGINNING - self.began;
        let near = |millis: i64| (millis - self.began).abs() <= REACH;
        if near(number) {
            return Some(number + by);
        }
        let millis = number.checked_mul(SECOND)?;
        near(millis).then(|| (millis + by).div_euclid(SECOND))
    }

    /// The same, written in digits, or as `2026-11-28T15:30:00.123Z` in any of its forms.
    pub(super) fn text(self, text: &str) -> Option<String> {
        if matches!(text.len(), 10 | 13) && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return self.number(text.parse().ok()?).map(|shifted| shifted.to_string());
        }
        let date = text.get(..10)?;
        let clock = text.get(11..19).filter(|_| matches!(text.as_bytes()[10], b'T' | b' '))?;
        let rest = &text[19..];
        let harmless = |byte: u8| byte.is_ascii_digit() || b".:+-Z".contains(&byte);
        if rest.len() > 16 || !rest.bytes().all(harmless) {
            return None;
        }
        let [year, month, day] = numbers(date, '-')?;
        let [hour, minute, second] = numbers(clock, ':')?;
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let millis = days(year, month, day) * DAY + ((hour * 60 + minute) * 60 + second) * SECOND;
        let shifted = self.number(millis)?;
        let (year, month, day) = date_of(shifted.div_euclid(DAY));
        let of_day = shifted.rem_euclid(DAY) / SECOND;
        let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
        let between = &text[10..11];
        Some(format!("{year:04}-{month:02}-{day:02}{between}{hour:02}:{minute:02}:{second:02}{rest}"))
    }
}

fn numbers(text: &str, between: char) -> Option<[i64; 3]> {
    let mut parts = text.split(between).map(|part| {
        part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse::<i64>().ok()).flatten()
    });
    let three = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(three)
}

/// Days since 1970 of a date of the Gregorian calendar (Howard Hinnant, `days_from_civil`).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The reverse (`civil_from_days`).
fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_points_in_time_are_shifted_by_the_same() {
        let shift = Shift::new(BEGINNING + 3 * DAY + 5);
        assert_eq!(shift.number(BEGINNING + 3 * DAY + 7), Some(BEGINNING + 2));
        assert_eq!(shift.number((BEGINNING + 3 * DAY) / SECOND + 8), Some(BEGINNING / SECOND + 7));
        assert_eq!(shift.text(&(BEGINNING + 4 * DAY + 5).to_string()), Some((BEGINNING + DAY).to_string()));
        assert_eq!(shift.number(42), None);
        assert_eq!(shift.number(i64::MAX), None);
        let shift = Shift::new(BEGINNING + 3 * DAY);
        assert_eq!(shift.text("2026-01-05T01:02:03.250Z").as_deref(), Some("2026-01-02T01:02:03.250Z"));
        assert_eq!(shift.text("2026-01-04 00:00:00").as_deref(), Some("2026-01-01 00:00:00"));
        for other in [
            "2026-01-05Thello wo",
            "2026-13-05T01:02:03Z",
            "0000000000",
            "",
            "2026-01-05T01:02:03Zhello",
            "日本日本日本日本",
        ] {
            assert_eq!(shift.text(other), None, "{other}");
        }
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!((days(1970, 1, 1), days(2026, 1, 1), days(2024, 2, 29)), (0, 20_454, 19_782));
        for day in (-800_000..800_000).step_by(97) {
            let (year, month, of_month) = date_of(day);
            assert_eq!(days(year, month, of_month), day);
        }
    }
}
