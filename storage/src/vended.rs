//! The properties that a catalog gives along with a table: endpoints, and credentials that it lends.

use event::Secret;
use iceberg::io as names;
use iceberg::io::StorageConfig as Properties;

use crate::{AzConfig, GsConfig, S3Config, StorageConfig};

/// Beginning of the name of a signature for one account: its host follows.
const SAS_TOKEN_FOR: &str = "adls.sas-token.";

/// The settings with the catalog's properties in the place of what they contradict. Credentials are taken as a whole:
/// none of a set is mixed with another's.
pub(super) fn over(config: &StorageConfig, given: &Properties) -> StorageConfig {
    let mut config = config.clone();
    s3(&mut config.s3, given);
    gs(&mut config.gs, given);
    az(&mut config.az, given);
    config
}

fn s3(s3: &mut S3Config, given: &Properties) {
    replace(&mut s3.endpoint, text(given, &[names::S3_ENDPOINT]));
    replace(&mut s3.region, text(given, &[names::CLIENT_REGION, names::S3_REGION]));
    if let Some(path_style) = given.get(names::S3_PATH_STYLE_ACCESS) {
        s3.path_style = is_true(path_style);
    }
    if let (Some(key), Some(secret)) =
        (text(given, &[names::S3_ACCESS_KEY_ID]), secret(given, &[names::S3_SECRET_ACCESS_KEY]))
    {
        s3.access_key_id = Some(key);
        s3.secret_access_key = Some(secret);
        s3.session_token = self::secret(given, &[names::S3_SESSION_TOKEN]);
        s3.anonymous = false;
    }
}

fn gs(gs: &mut GsConfig, given: &Properties) {
    replace(&mut gs.endpoint, text(given, &["gcs.service.host", names::GCS_SERVICE_PATH]));
    if let Some(token) = secret(given, &[names::GCS_TOKEN]) {
        *gs = GsConfig { endpoint: gs.endpoint.take(), access_token: Some(token), ..GsConfig::default() };
    } else if given.get(names::GCS_NO_AUTH).is_some_and(|value| is_true(value)) {
        *gs = GsConfig { endpoint: gs.endpoint.take(), anonymous: true, ..GsConfig::default() };
    }
}

fn az(az: &mut AzConfig, given: &Properties) {
    replace(&mut az.account, text(given, &[names::ADLS_ACCOUNT_NAME, "adls.auth.shared-key.account.name"]));
    let account_key = secret(given, &[names::ADLS_ACCOUNT_KEY, "adls.auth.shared-key.account.key"]);
    let sas_token = secret(given, &[names::ADLS_SAS_TOKEN]).or_else(|| sas_token_for_an_account(given));
    let client_secret = secret(given, &[names::ADLS_CLIENT_SECRET]);
    if account_key.is_some() || sas_token.is_some() || client_secret.is_some() {
        *az = AzConfig {
            account: az.account.take(),
            endpoint: az.endpoint.take(),
            account_key,
            sas_token,
            tenant_id: text(given, &[names::ADLS_TENANT_ID]),
            client_id: text(given, &[names::ADLS_CLIENT_ID]),
            client_secret,
        };
    }
}

/// A catalog lends for the account of the table alone, so there is one.
fn sas_token_for_an_account(given: &Properties) -> Option<Secret> {
    let tokens = given.props().iter().filter(|(name, _)| name.starts_with(SAS_TOKEN_FOR));
    tokens.min().map(|(_, token)| Secret::from(token.as_str()))
}

fn replace(setting: &mut Option<String>, given: Option<String>) {
    if given.is_some() {
        *setting = given;
    }
}

/// The first property of these names.
fn text(given: &Properties, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| given.get(name)).cloned()
}

fn secret(given: &Properties, names: &[&str]) -> Option<Secret> {
    text(given, names).map(|value| Secret::from(value.as_str()))
}

fn is_true(value: &str) -> bool {
    value.eq_ignore_ascii_case("true")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn over_ours(change: impl FnOnce(&mut StorageConfig), given: &[(&str, &str)]) -> StorageConfig {
        let mut config = StorageConfig::default();
        change(&mut config);
        over(&config, &Properties::new().with_props(given.iter().copied()))
    }

    #[test]
    fn without_properties_the_settings_stay() {
        let given = [("uri", "https://catalog"), ("s3.access-key-id", "half")];
        assert_eq!(over_ours(|_| (), &given), StorageConfig::default());
    }

    #[test]
    fn lent_s3_credentials_take_the_place_of_all_ours() {
        let given = [
            ("s3.endpoint", "https://theirs"),
            ("client.region", "eu-west-1"),
            ("s3.region", "us-west-1"),
            ("s3.path-style-access", "false"),
            ("s3.access-key-id", "lent"),
            ("s3.secret-access-key", "lent-secret"),
        ];
        let ours = |config: &mut StorageConfig| {
            config.s3.session_token = Some("ours".into());
            config.s3.access_key_id = Some("ours".to_owned());
        };
        let expected = S3Config {
            endpoint: Some("https://theirs".to_owned()),
            region: Some("eu-west-1".to_owned()),
            path_style: false,
            access_key_id: Some("lent".to_owned()),
            secret_access_key: Some("lent-secret".into()),
            ..S3Config::default()
        };
        assert_eq!(over_ours(ours, &given).s3, expected);
    }

    #[test]
    fn lent_tokens_of_google_and_azure_take_the_place_of_all_ours() {
        let ours = |config: &mut StorageConfig| {
            config.gs.service_account_file = Some("ours.json".into());
            config.gs.endpoint = Some("https://ours".to_owned());
            config.az.account_key = Some("ours".into());
            config.az.account = Some("ours".to_owned());
        };
        let given = [("gcs.oauth2.token", "lent"), ("adls.sas-token.account.dfs.core.windows.net", "sig=lent")];
        let config = over_ours(ours, &given);
        let endpoint = Some("https://ours".to_owned());
        assert_eq!(config.gs, GsConfig { endpoint, access_token: Some("lent".into()), ..GsConfig::default() });
        let account = Some("ours".to_owned());
        assert_eq!(config.az, AzConfig { account, sas_token: Some("sig=lent".into()), ..AzConfig::default() });
    }
}
