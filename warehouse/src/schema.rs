//! The table's columns, partitions and properties.

use std::collections::HashMap;
use std::sync::Arc;

use iceberg::spec::{
    NestedField, NestedFieldRef, PrimitiveType, Schema, StructType, Transform, Type, UnboundPartitionSpec,
};

use crate::{Error, FilesConfig};

/// Field ids. They name the columns for ever, whatever the columns are called; a new column takes the next free id.
/// The order is the one that Iceberg gives a new table: the columns, then the fields within them.
pub(crate) mod id {
    pub(crate) const EVENT_ID: i32 = 1;
    pub(crate) const EVENT_TIMESTAMP: i32 = 2;
    pub(crate) const RECEIVED_AT: i32 = 3;
    pub(crate) const SITE: i32 = 4;
    pub(crate) const HOST: i32 = 5;
    pub(crate) const URL: i32 = 6;
    pub(crate) const PATH: i32 = 7;
    pub(crate) const QUERY: i32 = 8;
    pub(crate) const REFERRER: i32 = 9;
    pub(crate) const REFERRER_HOST: i32 = 10;
    pub(crate) const USER_AGENT: i32 = 11;
    pub(crate) const IP: i32 = 12;
    pub(crate) const GEO: i32 = 13;
    pub(crate) const GEO_DATABASE: i32 = 14;
    pub(crate) const HEADERS: i32 = 15;
    pub(crate) const PROPERTIES: i32 = 16;
    pub(crate) const LATE: i32 = 17;
    pub(crate) const LOG_TOPIC: i32 = 18;
    pub(crate) const LOG_PARTITION: i32 = 19;
    pub(crate) const LOG_OFFSET: i32 = 20;
    pub(crate) const COUNTRY: i32 = 21;
    pub(crate) const COUNTRY_NAME: i32 = 22;
    pub(crate) const STATE: i32 = 23;
    pub(crate) const REGION_CODE: i32 = 24;
    pub(crate) const CITY: i32 = 25;
    pub(crate) const CONTINENT: i32 = 26;
    pub(crate) const POSTCODE: i32 = 27;
    pub(crate) const LATITUDE: i32 = 28;
    pub(crate) const LONGITUDE: i32 = 29;
    pub(crate) const ACCURACY_KM: i32 = 30;
    pub(crate) const TIMEZONE: i32 = 31;
    pub(crate) const ASN: i32 = 32;
    pub(crate) const AS_ORG: i32 = 33;
    pub(crate) const EVENT_NAME: i32 = 34;
    pub(crate) const BROWSER: i32 = 35;
    pub(crate) const BROWSER_VERSION: i32 = 36;
    pub(crate) const OS: i32 = 37;
    pub(crate) const OS_VERSION: i32 = 38;
    pub(crate) const DEVICE: i32 = 39;
    pub(crate) const IS_BOT: i32 = 40;
    pub(crate) const CHANNEL: i32 = 41;
    pub(crate) const UTM_SOURCE: i32 = 42;
    pub(crate) const UTM_MEDIUM: i32 = 43;
    pub(crate) const UTM_CAMPAIGN: i32 = 44;
    pub(crate) const UTM_TERM: i32 = 45;
    pub(crate) const UTM_CONTENT: i32 = 46;
    pub(crate) const CLICK_ID: i32 = 47;
}

/// The columns of `page_views`.
pub(crate) fn page_views() -> Result<Schema, Error> {
    use PrimitiveType::{Boolean, Int, Long, String, Timestamptz};
    let columns = vec![
        required(id::EVENT_ID, "event_id", String, "UUID of the event, version 7 when pageberg made it"),
        required(id::EVENT_TIMESTAMP, "event_timestamp", Timestamptz, "when the visitor saw the page"),
        required(id::RECEIVED_AT, "received_at", Timestamptz, "when pageberg received the event"),
        optional(id::SITE, "site", String, "the site that the sender named"),
        optional(id::HOST, "host", String, "host of the page"),
        optional(id::URL, "url", String, "the page's address as sent"),
        optional(id::PATH, "path", String, "path of url"),
        optional(id::QUERY, "query", String, "query of url, without the question mark"),
        optional(id::REFERRER, "referrer", String, "address of the page before"),
        optional(id::REFERRER_HOST, "referrer_host", String, "host of referrer, null when it is the page's own"),
        optional(id::USER_AGENT, "user_agent", String, "User-Agent header"),
        optional(id::IP, "ip", String, "address of the visitor, or what is stored of it"),
        Arc::new(
            NestedField::optional(id::GEO, "geo", Type::Struct(StructType::new(geo())))
                .with_doc("place of the visitor, null where nothing is known"),
        ),
        optional(id::GEO_DATABASE, "geo_database", String, "geo database that was asked, name@build"),
        optional(id::HEADERS, "headers", String, "request headers as JSON"),
        optional(id::PROPERTIES, "properties", String, "every other key of the event, as a JSON object"),
        required(id::LATE, "late", Boolean, "whether the event came later than the watermark allows"),
        required(id::LOG_TOPIC, "log_topic", String, "topic of the log record"),
        required(id::LOG_PARTITION, "log_partition", Int, "partition of the log record"),
        required(id::LOG_OFFSET, "log_offset", Long, "offset of the log record"),
        optional(id::EVENT_NAME, "event_name", String, "what happened: pageview, or the name that the sender gave"),
        optional(id::BROWSER, "browser", String, "family of the browser or other program"),
        optional(id::BROWSER_VERSION, "browser_version", String, "its version, numbers joined by dots"),
        optional(id::OS, "os", String, "family of the operating system"),
        optional(id::OS_VERSION, "os_version", String, "its version"),
        optional(
            id::DEVICE,
            "device",
            String,
            "desktop, mobile, tablet, tv, console, bot or other; null without a user agent",
        ),
        optional(
            id::IS_BOT,
            "is_bot",
            Boolean,
            "whether the user agent is that of a crawler, a monitor or another program",
        ),
        optional(id::CHANNEL, "channel", String, "channel of Google Analytics' default channel group, or Internal"),
        optional(id::UTM_SOURCE, "utm_source", String, "campaign parameter of url, decoded"),
        optional(id::UTM_MEDIUM, "utm_medium", String, "campaign parameter of url, decoded"),
        optional(id::UTM_CAMPAIGN, "utm_campaign", String, "campaign parameter of url, decoded"),
        optional(id::UTM_TERM, "utm_term", String, "campaign parameter of url, decoded"),
        optional(id::UTM_CONTENT, "utm_content", String, "campaign parameter of url, decoded"),
        optional(id::CLICK_ID, "click_id", String, "an advertiser's mark of one click in url: parameter, colon, value"),
    ];
    Schema::builder().with_fields(columns).build().map_err(Error::iceberg("build the schema"))
}

fn geo() -> Vec<NestedFieldRef> {
    use PrimitiveType::{Double, Int, Long, String};
    vec![
        optional(id::COUNTRY, "country", String, "ISO 3166-1 alpha-2 code"),
        optional(id::COUNTRY_NAME, "country_name", String, "English name"),
        optional(id::STATE, "state", String, "English name of the region, state or province"),
        optional(id::REGION_CODE, "region_code", String, "ISO 3166-2 code without the country"),
        optional(id::CITY, "city", String, "English name"),
        optional(id::CONTINENT, "continent", String, "two-letter code"),
        optional(id::POSTCODE, "postcode", String, "postal code"),
        optional(id::LATITUDE, "latitude", Double, "degrees north"),
        optional(id::LONGITUDE, "longitude", Double, "degrees east"),
        optional(id::ACCURACY_KM, "accuracy_km", Int, "accuracy radius in kilometres"),
        optional(id::TIMEZONE, "timezone", String, "IANA time zone or offset"),
        optional(id::ASN, "asn", Long, "autonomous system number"),
        optional(id::AS_ORG, "as_org", String, "autonomous system organisation"),
    ]
}

pub(crate) fn required(id: i32, name: &str, kind: PrimitiveType, doc: &str) -> NestedFieldRef {
    Arc::new(NestedField::required(id, name, Type::Primitive(kind)).with_doc(doc))
}

pub(crate) fn optional(id: i32, name: &str, kind: PrimitiveType, doc: &str) -> NestedFieldRef {
    Arc::new(NestedField::optional(id, name, Type::Primitive(kind)).with_doc(doc))
}

/// One partition a day of `event_timestamp`, in UTC.
pub(crate) fn partition_spec() -> Result<UnboundPartitionSpec, Error> {
    Ok(UnboundPartitionSpec::builder()
        .with_spec_id(0)
        .add_partition_field(id::EVENT_TIMESTAMP, "event_timestamp_day", Transform::Day)
        .map_err(Error::iceberg("build the partition spec"))?
        .build())
}

/// What a new table asks of every engine that writes it. Metadata files name every snapshot, so they are compressed.
pub(crate) fn properties(files: &FilesConfig, schema: &Schema) -> HashMap<String, String> {
    let blooms = files.bloom_filter_columns.iter().filter(|column| schema.field_by_name(column).is_some());
    let blooms =
        blooms.map(|column| (format!("write.parquet.bloom-filter-enabled.column.{column}"), "true".to_owned()));
    [
        ("write.format.default", "parquet".to_owned()),
        ("write.parquet.compression-codec", "zstd".to_owned()),
        ("write.parquet.compression-level", files.zstd_level.to_string()),
        ("write.target-file-size-bytes", files.target_file_bytes.to_string()),
        ("write.metadata.compression-codec", "gzip".to_owned()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into_iter()
    .chain(blooms)
    .collect()
}
