//! The configured table's name, as it stands in SQL.

/// The longest identifier that Postgres keeps whole, in bytes.
const MAX_IDENTIFIER_BYTES: usize = 63;

/// A table, with its schema once that is known. Names are taken as they are written, upper case included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) schema: Option<String>,
    pub(super) name: String,
}

impl Table {
    /// Reads `name` or `schema.name`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (schema, name) = match text.split_once('.') {
            Some((schema, name)) => (Some(schema), name),
            None => (None, text),
        };
        let fits = |part: &str| (1..=MAX_IDENTIFIER_BYTES).contains(&part.len()) && !part.contains(['.', '\0']);
        (fits(name) && schema.is_none_or(fits))
            .then(|| Self { schema: schema.map(str::to_owned), name: name.to_owned() })
    }

    /// The table in SQL: quoted, and with its schema when it has one.
    pub(super) fn sql(&self) -> String {
        self.in_schema(&self.name)
    }

    /// Another relation of the table's schema, in SQL.
    pub(super) fn in_schema(&self, name: &str) -> String {
        match &self.schema {
            Some(schema) => format!("{}.{}", quoted(schema), quoted(name)),
            None => quoted(name),
        }
    }

    /// SQL that is written for the default names, for this table and its schema: replaces the words `processed_events`
    /// and `pageberg_…`.
    pub(super) fn localised(&self, sql: &str) -> String {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let mut localised = String::with_capacity(sql.len() + 64);
        let mut rest = sql;
        while let Some(start) = rest.find(is_word) {
            let end = rest[start..].find(|c| !is_word(c)).map_or(rest.len(), |length| start + length);
            localised.push_str(&rest[..start]);
            match &rest[start..end] {
                "processed_events" => localised.push_str(&self.sql()),
                word if word.starts_with("pageberg_") => localised.push_str(&self.in_schema(word)),
                word => localised.push_str(word),
            }
            rest = &rest[end..];
        }
        localised + rest
    }
}

fn quoted(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_quoted_whatever_it_holds() {
        for (text, sql) in [
            ("processed_events", Some("\"processed_events\"")),
            ("web.Views", Some("\"web\".\"Views\"")),
            ("a\"; DROP TABLE b; --", Some("\"a\"\"; DROP TABLE b; --\"")),
            ("", None),
            ("web.", None),
            (".views", None),
            ("a.b.c", None),
        ] {
            assert_eq!(Table::parse(text).map(|table| table.sql()).as_deref(), sql, "{text}");
        }
        assert_eq!(Table::parse(&"x".repeat(64)), None);
    }

    #[test]
    fn a_migration_is_read_for_the_configured_table_and_its_schema() {
        let table = Table::parse("web.views").unwrap();
        let sql = "ALTER TABLE processed_events; SELECT processed_events_aggregated FROM pageberg_positions";
        let localised =
            r#"ALTER TABLE "web"."views"; SELECT processed_events_aggregated FROM "web"."pageberg_positions""#;
        assert_eq!(table.localised(sql), localised);
    }
}
