//! A table of address ranges, and the search in it.

use std::ops::Range;

use super::BinError;
use super::header::{Extent, HEADER_BYTES};
use super::row::number;

/// An index has a first and a last row for each value of an address's first 16 bits.
const INDEX_BYTES: u64 = 65_536 * 8;

/// The ranges of addresses of so many bytes, in their order, and where they stand in the file.
#[derive(Debug)]
pub(super) struct Table<const ADDRESS_BYTES: usize> {
    start: usize,
    rows: u32,
    row_bytes: usize,
    index: Option<usize>,
}

impl<const ADDRESS_BYTES: usize> Table<ADDRESS_BYTES> {
    /// The table of which the header says where it stands, and that a row is an address and so many columns less one.
    ///
    /// # Errors
    /// When it is not in the file as a whole, or out of order.
    pub fn open(file: &[u8], extent: Extent, columns: u8) -> Result<Self, BinError> {
        let row_bytes = ADDRESS_BYTES + (usize::from(columns).saturating_sub(1)) * 4;
        if extent.rows == 0 {
            return Ok(Self { start: 0, rows: 0, row_bytes, index: None });
        }
        let part = |position, bytes, part| within(file, position, bytes).ok_or(Self::outside(part));
        let table = Self {
            start: part(extent.position, u64::from(extent.rows) * row_bytes as u64, "table")?,
            rows: extent.rows,
            row_bytes,
            index: match extent.index_position {
                position if position as usize > HEADER_BYTES => Some(part(position, INDEX_BYTES, "index")?),
                _ => None,
            },
        };
        table.check_order(file)?;
        Ok(table)
    }

    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Where the columns stand of each row.
    pub fn keys(&self) -> impl Iterator<Item = usize> {
        (0..self.rows).map(|row| self.offset(row) + ADDRESS_BYTES)
    }

    /// Where the columns stand of the row that holds this address, the last one that begins at or before it.
    pub fn find(&self, file: &[u8], address: u128) -> Result<Option<usize>, BinError> {
        let row = match self.find_by_index(file, address)? {
            Some(row) => Some(row),
            None => self.last_up_to(file, address, 0..self.rows)?,
        };
        Ok(row.map(|row| self.offset(row) + ADDRESS_BYTES))
    }

    /// The row that the index leads to, if it holds the address: a wrong index costs time, and is not believed.
    fn find_by_index(&self, file: &[u8], address: u128) -> Result<Option<u32>, BinError> {
        let Some(index) = self.index else { return Ok(None) };
        let entry = index + (address >> (ADDRESS_BYTES * 8 - 16)) as usize * 8;
        let (first, last) = (number(file, entry)?, number(file, entry + 4)?);
        let Some(row) = self.last_up_to(file, address, first..last.saturating_add(1).min(self.rows))? else {
            return Ok(None);
        };
        let next = row + 1;
        let is_last = next == self.rows || self.first_address(file, next)? > address;
        Ok(is_last.then_some(row))
    }

    /// The last of these rows that begins at or before the address.
    fn last_up_to(&self, file: &[u8], address: u128, rows: Range<u32>) -> Result<Option<u32>, BinError> {
        last(rows, |row| Ok(self.first_address(file, row)? <= address))
    }

    fn first_address(&self, file: &[u8], row: u32) -> Result<u128, BinError> {
        let offset = self.offset(row);
        let first = file.get(offset..).and_then(|rest| rest.first_chunk::<ADDRESS_BYTES>());
        first.map(widen).ok_or(BinError::Beyond(offset))
    }

    fn offset(&self, row: u32) -> usize {
        self.start + row as usize * self.row_bytes
    }

    /// Two rows may begin at the same address: files end so.
    fn check_order(&self, file: &[u8]) -> Result<(), BinError> {
        let mut before = 0;
        for row in 0..self.rows {
            let first = self.first_address(file, row)?;
            if first < before {
                return Err(BinError::Disorder { version: Self::version(), row });
            }
            before = first;
        }
        Ok(())
    }

    fn outside(part: &'static str) -> BinError {
        BinError::Outside { version: Self::version(), part }
    }

    fn version() -> u8 {
        if ADDRESS_BYTES == 4 { 4 } else { 6 }
    }
}

/// The offset of so many bytes at a position that counts from 1, if all of them are in the file and behind its header.
fn within(file: &[u8], position: u32, bytes: u64) -> Option<usize> {
    let start = u64::from(position).checked_sub(1)?;
    let is_within = start >= HEADER_BYTES as u64 && start + bytes <= file.len() as u64;
    is_within.then_some(start as usize)
}

fn widen<const BYTES: usize>(address: &[u8; BYTES]) -> u128 {
    let mut wide = [0; 16];
    wide[..BYTES].copy_from_slice(address);
    u128::from_le_bytes(wide)
}

/// The last of the rows for which `holds` is true, when it is true for the first ones and false for the others. Whatever it
/// answers, it is asked 32 times at most.
fn last(rows: Range<u32>, mut holds: impl FnMut(u32) -> Result<bool, BinError>) -> Result<Option<u32>, BinError> {
    let (mut low, mut high) = (rows.start, rows.end);
    // Each step leaves less than half of the rows, of which there are less than 2^32.
    for _ in 0..u32::BITS {
        if low >= high {
            break;
        }
        let middle = low + (high - low) / 2;
        if holds(middle)? {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok((low > rows.start).then(|| low - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of one IPv4 table without columns, which begins right behind the header.
    fn file(first_addresses: &[u32]) -> Vec<u8> {
        let rows = first_addresses.iter().flat_map(|address| address.to_le_bytes());
        std::iter::repeat_n(0, HEADER_BYTES).chain(rows).collect()
    }

    fn extent(rows: u32, position: u32, index_position: u32) -> Extent {
        Extent { rows, position, index_position }
    }

    #[test]
    fn an_address_belongs_to_the_last_range_that_begins_at_or_before_it() {
        let file = file(&[10, 20, 20, 1 << 31, u32::MAX]);
        let table = Table::<4>::open(&file, extent(5, 65, 1), 1).unwrap();
        let row = |address: u32| table.find(&file, address.into()).unwrap().map(|key| (key - HEADER_BYTES - 4) / 4);
        let found = [0, 9, 10, 19, 20, 21, (1 << 31) - 1, 1 << 31, u32::MAX - 1, u32::MAX].map(row);
        let expected = [None, None, Some(0), Some(0), Some(2), Some(2), Some(2), Some(3), Some(3), Some(4)];
        assert_eq!(found, expected);
    }

    #[test]
    fn an_index_that_leads_astray_changes_no_answer() {
        let ranges = [0, 1 << 16, 2 << 16, 3 << 16];
        for (first, last) in [(0, 0), (3, 3), (2, 1), (1, u32::MAX), (u32::MAX, u32::MAX), (u32::MAX, 0)] {
            let mut file = file(&ranges);
            let index_position = file.len() as u32 + 1;
            let entry = [u32::to_le_bytes(first), u32::to_le_bytes(last)].concat();
            file.extend(entry.repeat(65_536));
            let table = Table::<4>::open(&file, extent(4, 65, index_position), 1).unwrap();
            for (row, start) in ranges.into_iter().enumerate() {
                let key = table.find(&file, u128::from(start) + 7).unwrap();
                assert_eq!(key, Some(HEADER_BYTES + 4 * row + 4), "{first}..={last}");
            }
        }
    }

    #[test]
    fn a_table_that_is_not_in_the_file_as_a_whole_is_refused() {
        let file = file(&[0; 100]);
        let open = |rows, position, index| Table::<4>::open(&file, extent(rows, position, index), 1).map(|_| ());
        assert_eq!(open(100, 65, 0), Ok(()));
        for (rows, position) in [(101, 65), (100, 66), (100, 64), (1, 0), (1, 1), (u32::MAX, u32::MAX), (1, u32::MAX)] {
            let outside = BinError::Outside { version: 4, part: "table" };
            assert_eq!(open(rows, position, 0), Err(outside), "{rows} at {position}");
        }
        for position in [65, 400, u32::MAX] {
            assert_eq!(open(1, 65, position), Err(BinError::Outside { version: 4, part: "index" }), "{position}");
        }
        assert_eq!(open(0, u32::MAX, u32::MAX), Ok(()), "no rows, no table");
    }

    #[test]
    fn a_table_out_of_order_is_refused() {
        let file = file(&[0, 5, 4, 6]);
        let opened = Table::<4>::open(&file, extent(4, 65, 0), 1);
        assert_eq!(opened.map(|_| ()), Err(BinError::Disorder { version: 4, row: 2 }));
    }

    #[test]
    fn a_search_takes_at_most_32_steps_whatever_the_count_and_the_answers() {
        let answers: [fn(u32, u32) -> bool; 5] =
            [|_, _| true, |_, _| false, |row, _| row % 2 == 0, |_, step| step % 2 == 0, |row, _| row < 3_000_000_000];
        let bounds = [(0, 0), (0, 1), (0, 2), (7, 8), (0, u32::MAX), (1, u32::MAX), (5, 3), (u32::MAX, 0)];
        for rows in bounds.map(|(first, end)| first..end) {
            for answer in answers {
                let mut steps = 0;
                let found = last(rows.clone(), |row| {
                    assert!(rows.contains(&row));
                    steps += 1;
                    Ok(answer(row, steps))
                });
                assert!(steps <= 32, "{steps} steps in {rows:?}");
                assert!(found.unwrap().is_none_or(|row| rows.contains(&row)));
            }
        }
        assert_eq!(last(0..u32::MAX, |row| Ok(row < 3_000_000_000)), Ok(Some(2_999_999_999)));
    }
}
