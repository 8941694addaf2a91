//! The command line and the configuration, as a person meets them.

use std::path::Path;
use std::process::{Command, Output};

fn pageberg(dir: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pageberg"));
    command.current_dir(dir).env_clear().envs(variables.iter().copied()).args(arguments).output().unwrap()
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", stderr(output));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn every_command_explains_itself_with_every_option() {
    let dir = tempfile::tempdir().unwrap();
    let help = stdout(&pageberg(dir.path(), &[], &["--help"]));
    assert!(help.contains("Examples:") && help.contains("PAGEBERG_GATEWAY__LISTEN"), "{help}");
    for command in [
        "serve",
        "gateway",
        "pipeline",
        "import",
        "config",
        "check",
        "deadletters",
        "geo",
        "maintain",
        "table",
        "topic",
        "health",
        "db-init",
    ] {
        assert!(help.contains(&format!("  {command}")), "{command}");
        stdout(&pageberg(dir.path(), &[], &[command, "--help"]));
    }
    let serve = stdout(&pageberg(dir.path(), &[], &["serve", "--help"]));
    for flag in ["--data", "--listen", "--status", "--postgres", "--kafka", "--geo", "--sinks"] {
        assert!(serve.contains(flag), "{flag}");
    }
}

#[test]
fn flags_win_over_the_environment_which_wins_over_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = "[gateway]\nlisten = '127.0.0.1:1'\n[status]\nlisten = '127.0.0.1:2'\n[topics]\ngroup = 'a'\nraw = 't'";
    std::fs::write(dir.path().join("pageberg.toml"), file).unwrap();
    let variables =
        [("PAGEBERG_STATUS__LISTEN", "localhost:3"), ("KAFKA_GROUP", "\"b.c\""), ("PAGEBERG_SINKS", "iceberg")];
    let config = stdout(&pageberg(dir.path(), &variables, &["config", "--listen", "localhost:4"]));
    for line in [
        "listen = \"127.0.0.1:4\"  # --listen",
        "listen = \"127.0.0.1:3\"  # PAGEBERG_STATUS__LISTEN in the environment",
        "group = \"b.c\"  # KAFKA_GROUP in the environment",
        "raw = \"t\"  # pageberg.toml",
        "sinks = [\"iceberg\"]  # PAGEBERG_SINKS in the environment",
        "data = \"data\"\n",
    ] {
        assert!(config.contains(line), "{line} in\n{config}");
    }
}

#[test]
fn the_printed_configuration_can_be_read_again_and_tells_no_secret() {
    let dir = tempfile::tempdir().unwrap();
    let variables = [
        ("POSTGRES_URL", "jdbc:postgresql://db:5432/web"),
        ("POSTGRES_PASSWORD", "12345"),
        ("KAFKA_WEB_TRAFFIC_KEY", "ann"),
        ("KAFKA_WEB_TRAFFIC_SECRET", "hunter2"),
        ("PAGEBERG_PIPELINE__START_OFFSETS__0", "7"),
        ("PAGEBERG_GATEWAY__MAX_EVENTS", "5"),
        ("PAGEBERG_ICEBERG__REST__TOKEN", "hunter5"),
        ("PAGEBERG_ICEBERG__REST__TABLE_CONFIG", r#"{"s3.secret-access-key": "hunter6"}"#),
        ("PAGEBERG_GATEWAY__SITES", r#"[{"name": "shop", "server_keys": ["hunter4"]}]"#),
    ];
    let flags = ["config", "--postgres", "postgres://ann:hunter3@db/web"];
    let printed = stdout(&pageberg(dir.path(), &variables, &flags));
    for secret in ["12345", "hunter2", "hunter3", "hunter4", "hunter5", "hunter6"] {
        assert!(!printed.contains(secret), "{printed}");
    }
    assert!(printed.contains("url = \"postgres://ann:***@db/web\"  # --postgres"), "{printed}");
    assert!(printed.contains("[iceberg.rest.table_config]\n\"s3.secret-access-key\" = \"***\""), "{printed}");
    std::fs::write(dir.path().join("pageberg.toml"), &printed).unwrap();
    let again = stdout(&pageberg(dir.path(), &[], &["config"]));
    assert!(again.contains("max_events = 5  # pageberg.toml") && again.contains("0 = 7  # pageberg.toml"), "{again}");
}

#[test]
fn every_fault_is_told_with_its_place_before_anything_starts() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(
        dir.path().join("own.toml"),
        "[gatway]\nlisten = 'x'\n[status]\nlisten = 8081\n[postgres]\npassword = 4711\n\
         [iceberg.rest.table_config]\n's3.secret-access-key' = 4713\n[[gateway.sites]]\nname = 'shop'\nserver_keys = '4712'",
    )
    .unwrap();
    let variables = [("PAGEBERG_GATEWAY__LISTENS", "127.0.0.1:1"), ("PAGEBERG_PIPELINE__RING_BYTES", "much")];
    let told = stderr(&pageberg(dir.path(), &variables, &["--config", "own.toml", "serve"]));
    for fault in [
        "gatway.listen (from own.toml): unknown key, did you mean gateway?",
        "status.listen (from own.toml): invalid type: integer `8081`",
        "postgres.password (from own.toml): must be text",
        "iceberg.rest.table_config.s3.secret-access-key (from own.toml): must be text",
        "gateway.sites (from own.toml): server_keys must be a list of texts",
        "gateway.listens (from PAGEBERG_GATEWAY__LISTENS in the environment): unknown key, did you mean gateway.listen?",
        "pipeline.ring_bytes (from PAGEBERG_PIPELINE__RING_BYTES in the environment): invalid type: string \"much\"",
    ] {
        assert!(told.contains(fault), "{fault} in\n{told}");
    }
    assert!(!told.contains("471") && !dir.path().join("data").exists());
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(
        dir.path().join("limits.toml"),
        "[gateway]\nmax_events = 0\n[iceberg.files]\nzstd_level = 0\n[pipeline]\nip_storage = 'hashed'\n\
         [status]\nlisten = '0.0.0.0:1'\n[iceberg.rest.table_config]\n's3.region' = 'x'",
    )
    .unwrap();
    for (arguments, fault) in [
        (&["--config", "limits.toml", "check"][..], "gateway.max_events must be more than 0"),
        (&["--config", "limits.toml", "check"], "reaches status.listen; set iceberg.rest.token"),
        (&["--config", "limits.toml", "check"], "files.zstd_level must lie between 1 and 22"),
        (&["--config", "limits.toml", "check"], "pipeline.ip_hash_secret: ip_storage = \"hashed\" needs a secret"),
        (&["serve", "--sinks", "postgres"], "postgres.url is not set"),
        (&["serve", "--listen", "127.0.0.1:9", "--status", "127.0.0.1:9"], "must not be the address of gateway.listen"),
        (&["serve", "--postgres", "nonsense"], "postgres.url is no postgres:// or jdbc:postgresql:// url"),
        (&["serve", "--listen", "0.0.0.0:9"], "accept_all = true (PAGEBERG_GATEWAY__ACCEPT_ALL=true)"),
        (&["gateway"], "meet in Kafka"),
        (&["pipeline"], "meet in Kafka"),
        (&["--config", "missing.toml", "serve"], "failed to read missing.toml"),
        (&["serve", "--sinks", "postgres,mysql"], "invalid value 'mysql'"),
    ] {
        let output = pageberg(dir.path(), &[], arguments);
        assert!(!output.status.success() && stderr(&output).contains(fault), "{arguments:?}: {}", stderr(&output));
    }
}

#[test]
fn a_server_that_is_not_there_is_not_healthy() {
    let dir = tempfile::tempdir().unwrap();
    let output = pageberg(dir.path(), &[], &["health", "--status", "127.0.0.1:1"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("does not answer"), "{}", stderr(&output));
}

#[test]
fn addresses_are_looked_up_in_a_geo_database() {
    let dir = tempfile::tempdir().unwrap();
    let database = testkit::fixtures::path("geo/city/logs-city-flat.mmdb");
    let arguments = ["geo", "lookup", "--geo", database.to_str().unwrap(), "83.149.9.216", "127.0.0.1"];
    let found = stdout(&pageberg(dir.path(), &[], &arguments));
    let places: Vec<serde_json::Value> = found.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&places[0]["ip"], &places[0]["place"]["country"]), (&"83.149.9.216".into(), &"RU".into()));
    assert!(places[1]["place"]["country"].is_null());
    let none = pageberg(dir.path(), &[], &["geo", "lookup", "8.8.8.8"]);
    assert!(!none.status.success() && stderr(&none).contains("--geo FILE"));
}

#[test]
fn a_check_tells_what_would_keep_the_server_from_running() {
    let dir = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    std::fs::write(dir.path().join("torn.mmdb"), "torn").unwrap();
    let free = ["check", "--listen", "127.0.0.1:0", "--status"];
    let sound = stdout(&pageberg(dir.path(), &[], &[&free[..], &["127.0.0.1:0"]].concat()));
    assert!(sound.contains("ok      data folder") && sound.contains("note    postgres is not delivered to"), "{sound}");
    assert!(!dir.path().join("data").exists());

    let postgres = "postgres://ann:hunter2@127.0.0.1:1/web";
    let flags = [&taken, "--postgres", postgres, "--geo", "torn.mmdb", "--data", "torn.mmdb/data"];
    let faulty = pageberg(dir.path(), &[], &[&free[..], &flags[..]].concat());
    let told = String::from_utf8(faulty.stdout.clone()).unwrap();
    for what in ["data folder", "status.listen", "postgres", "geo database"] {
        assert!(told.contains(&format!("failed  {what}: ")), "{what} in {told}");
    }
    assert!(!told.contains("hunter2") && stderr(&faulty).contains("4 checks failed"), "{told}");
}

#[test]
fn a_check_points_out_what_strangers_could_reach_and_tries_the_certificate() {
    let dir = tempfile::tempdir().unwrap();
    let arguments = ["check", "--listen", "0.0.0.0:0", "--status", "127.0.0.1:0"];
    let open = ("PAGEBERG_GATEWAY__ACCEPT_ALL", "true");
    let plain = stdout(&pageberg(dir.path(), &[open], &arguments));
    assert!(plain.contains("note    gateway.accept_all: ") && plain.contains("note    gateway.tls: "), "{plain}");
    let files = [("PAGEBERG_GATEWAY__TLS__CERT_FILE", "absent.pem"), ("PAGEBERG_GATEWAY__TLS__KEY_FILE", "key.pem")];
    let encrypted = pageberg(dir.path(), &[open, files[0], files[1]], &arguments);
    let told = String::from_utf8_lossy(&encrypted.stdout);
    assert!(told.contains("failed  gateway: tls: failed to read absent.pem: No such file"), "{told}");
    assert!(!told.contains("note    gateway.tls"), "{told}");
    let half = pageberg(dir.path(), &[open, files[0]], &arguments);
    assert!(stderr(&half).contains("gateway.tls: name both cert_file and key_file"), "{}", stderr(&half));
}

#[test]
fn maintenance_of_a_table_that_is_not_there_makes_none() {
    let dir = tempfile::tempdir().unwrap();
    let refused = pageberg(dir.path(), &[], &["maintain"]);
    assert!(stderr(&refused).contains("there is no Iceberg table"), "{}", stderr(&refused));
    assert!(!refused.status.success() && !dir.path().join("data").exists());
}
