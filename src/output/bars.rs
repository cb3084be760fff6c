//! Amounts as bars in a table: the course of a range of days at a glance, in a terminal.

use std::iter;

use comfy_table::Table;

/// The length of the longest bar.
const CELLS: u128 = 16;

/// The width of a column of bars with their signs, the spaces beside them, and a line.
const BAR_COLUMN: usize = CELLS as usize + 4;

/// A cell that is filled by so many eighths less one.
const EIGHTHS: [char; 8] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];

/// Adds a column with the bars of the first rows, where stdout is a terminal that has room for it. A pipe gets figures.
pub(super) fn add(header: &mut Vec<&str>, rows: &mut [Vec<String>], amounts: &[i128]) {
    let Some(room) = Table::new().width() else { return };
    if amounts.is_empty() || width(header, rows) + BAR_COLUMN > usize::from(room) {
        return;
    }
    header.push("");
    let bars = bars(amounts).into_iter().chain(iter::repeat(String::new()));
    for (row, bar) in rows.iter_mut().zip(bars) {
        row.push(bar);
    }
}

/// How wide a table is: its widest cells, each between a line and two spaces.
pub(super) fn width(header: &[&str], rows: &[Vec<String>]) -> usize {
    let widest = |(at, name): (usize, &&str)| {
        let cells = rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count());
        cells.chain([name.chars().count()]).max().unwrap_or_default() + 3
    };
    header.iter().enumerate().map(widest).sum::<usize>() + 1
}

/// The bars of amounts, on the scale of the largest among them.
pub(super) fn bars(amounts: &[i128]) -> Vec<String> {
    let largest = amounts.iter().map(|amount| amount.unsigned_abs()).max().unwrap_or_default();
    amounts.iter().map(|amount| bar(*amount, largest)).collect()
}

/// An amount below zero has a minus sign and a lighter filling, in whole cells. What is not zero is never empty.
fn bar(amount: i128, largest: u128) -> String {
    let size = amount.unsigned_abs();
    if size == 0 {
        return String::new();
    }
    if amount < 0 {
        let cells = part(size, largest, CELLS);
        return format!("-{}", "▒".repeat(cells));
    }
    let eighths = part(size, largest, CELLS * 8);
    let mut bar = format!(" {}", "█".repeat(eighths / 8));
    bar.extend((eighths % 8).checked_sub(1).and_then(|at| EIGHTHS.get(at)));
    bar
}

/// `size` as a part of `largest`, in units of which `largest` has `units`, one at least.
fn part(size: u128, largest: u128, units: u128) -> usize {
    // Bits that no bar shows are given up for room to multiply.
    let shift = 64_u32.saturating_sub(largest.leading_zeros());
    let (size, largest) = (size >> shift, (largest >> shift).max(1));
    usize::try_from((size * units / largest).clamp(1, units)).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_have_the_proportions_of_amounts() {
        assert_eq!(bars(&[1_600, 800, 100, 50, 0]), [" ████████████████", " ████████", " █", " ▌", ""]);
        assert_eq!(bars(&[128, 1, 7, 8, 9]), [" ████████████████", " ▏", " ▉", " █", " █▏"]);
    }

    #[test]
    fn what_is_below_zero_can_not_be_mistaken() {
        assert_eq!(bars(&[-1_600, 800, -1]), ["-▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒", " ████████", "-▒"]);
        assert_eq!(bars(&[-5]), ["-▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒"]);
    }

    #[test]
    fn something_is_never_shown_as_nothing() {
        assert_eq!(bars(&[1, i128::MAX]), [" ▏", " ████████████████"]);
        assert_eq!(bars(&[i128::MIN, i128::MAX])[0], "-▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒");
    }

    #[test]
    fn a_table_is_as_wide_as_its_widest_cells() {
        let rows =
            [vec!["2026-01-01".to_owned(), "5.00".to_owned()], vec!["total".to_owned(), "–".to_owned()]];
        // │ 2026-01-01 ┆ collected │
        assert_eq!(width(&["day", "collected"], &rows), 26);
    }

    #[test]
    fn nothing_has_no_bars() {
        assert_eq!(bars(&[0, 0]), ["", ""]);
        assert!(bars(&[]).is_empty());
    }
}
