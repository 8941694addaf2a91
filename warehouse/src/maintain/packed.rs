//! What is to be merged, in groups of a good size. Pure.

/// Groups that are no larger than `capacity` together: the largest first, each into the first group that has room.
pub(super) fn packed<T>(mut items: Vec<T>, capacity: u64, size: impl Fn(&T) -> u64) -> Vec<Vec<T>> {
    items.sort_by_key(|item| std::cmp::Reverse(size(item)));
    let mut groups: Vec<(u64, Vec<T>)> = Vec::new();
    for item in items {
        let bytes = size(&item);
        match groups.iter_mut().find(|(used, _)| used + bytes <= capacity) {
            Some((used, group)) => {
                *used += bytes;
                group.push(item);
            }
            None => groups.push((bytes, vec![item])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_filled_and_never_beyond_one_file() {
        let packed = |sizes: &[u64]| packed(sizes.to_vec(), 100, |size| *size);
        assert_eq!(packed(&[10, 70, 30, 60]), [vec![70, 30], vec![60, 10]]);
        assert_eq!(packed(&[1; 250]).iter().map(Vec::len).collect::<Vec<_>>(), [100, 100, 50]);
        assert_eq!(packed(&[]), Vec::<Vec<u64>>::new());
        assert_eq!(packed(&[101]), [[101]], "one that fits nowhere stands alone");
    }
}
