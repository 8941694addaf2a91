//! Columns for people. Pure.

use std::iter::once;

/// Rows under their titles, each column as wide as its widest cell. Columns whose title begins with `>` hold numbers and
/// end at the same place.
pub fn aligned<const N: usize>(titles: [&str; N], rows: &[[String; N]]) -> String {
    let right = titles.map(|title| title.starts_with('>'));
    let titles = titles.map(|title| title.trim_start_matches('>').to_owned());
    let width = |column: usize| {
        let cells = once(&titles).chain(rows).map(|row| row[column].chars().count());
        cells.max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    let line = |row: &[String; N]| {
        let cells =
            row.iter().zip(&widths).zip(right).map(|((cell, width), right)| {
                if right { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
            });
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    once(&titles).chain(rows).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_stand_under_their_titles() {
        let rows = [["2026-11-20".to_owned(), "7".to_owned()], ["–".to_owned(), "1,234".to_owned()]];
        assert_eq!(aligned(["day", ">rows"], &rows), "day          rows\n2026-11-20      7\n–           1,234\n");
    }
}
