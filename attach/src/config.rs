//! What can be set about the catalog that readers attach to.

use std::collections::BTreeMap;

use event::Secret;
use serde::{Deserialize, Serialize};

use warehouse::Error;

/// The read-only REST catalog under `/iceberg` of the status address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RestConfig {
    /// Token that clients must send as `Authorization: Bearer …`. When unset everybody is answered who reaches the
    /// status address.
    pub token: Option<Secret>,
    /// Properties handed to every client that loads a table, such as `s3.endpoint`, `s3.access-key-id` and
    /// `s3.secret-access-key`: how it reaches the files. Nothing is handed out that is not named here.
    pub table_config: BTreeMap<String, Secret>,
}

impl RestConfig {
    /// Whether the values can be used.
    ///
    /// # Errors
    /// `Config` with the name of the first one that cannot.
    pub fn check(&self) -> Result<(), Error> {
        let printable = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        match &self.token {
            // Anything else cannot be sent in a header.
            Some(token) if !printable(token.expose()) => {
                Err(Error::Config("rest.token must be made of ASCII characters without spaces".to_owned()))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_no_client_can_send_is_refused() {
        for (token, usable) in [("s3cret", true), ("", false), ("two words", false), ("näh", false)] {
            let config = RestConfig { token: Some(Secret::from(token)), ..RestConfig::default() };
            assert_eq!(config.check().is_ok(), usable, "{token:?}");
        }
    }

    #[test]
    fn what_is_handed_out_is_not_printed() {
        let table_config = BTreeMap::from([("s3.secret-access-key".to_owned(), Secret::from("hunter2"))]);
        let config = RestConfig { token: Some(Secret::from("hunter2")), table_config };
        let printed = format!("{config:?}{}", serde_json::to_string(&config).unwrap());
        assert!(printed.contains("s3.secret-access-key") && !printed.contains("hunter2"), "{printed}");
    }
}
