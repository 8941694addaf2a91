//! The folder of a partition's files. Pure.
//!
//! Its name is for people: readers take partition values from manifests alone. So whatever a value holds, the name is
//! one that every file system and object store can carry, and two values may share one.

use iceberg::spec::PartitionKey;

/// Characters of a value that its folder shows.
const MAX_CHARS: usize = 64;

/// `event_timestamp_day=2026-01-31/host=shop.example`; empty when the table is not partitioned.
pub(crate) fn directory(partition: &PartitionKey) -> String {
    let (spec, values) = (partition.spec(), partition.data());
    let Ok(kind) = spec.partition_type(partition.schema()) else { return String::new() };
    let folders = spec.fields().iter().zip(kind.fields()).zip(values.iter()).map(|((field, kind), value)| {
        let value = field.transform.to_human_string(&kind.field_type, value);
        format!("{}={}", plain(&field.name), plain(&value))
    });
    folders.collect::<Vec<_>>().join("/")
}

fn plain(text: &str) -> String {
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    text.chars().take(MAX_CHARS).map(|c| if is_plain(&c) { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_a_name_that_every_storage_can_carry() {
        assert_eq!(plain("shop-1.example"), "shop-1.example");
        assert_eq!(plain("a/b=c?d%e f\u{0}ü🛒"), "a_b_c_d_e_f___");
        assert_eq!(plain(&"é/".repeat(500)), "_".repeat(MAX_CHARS));
        assert_eq!(plain(""), "");
    }
}
