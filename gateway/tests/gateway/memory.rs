//! The memory of a whole process while bombs go off.
#![cfg(target_os = "linux")]

use std::io::Write;
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;
use gateway::Config;

use crate::support::{Server, post_with};

/// Set in the process that measures itself.
const MEASURED: &str = "PAGEBERG_TEST_MEASURED";

fn peak_memory_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() >> 10
}

/// Whether this process runs nothing but the test of this name. Otherwise another process has run it.
fn runs_alone(name: &str) -> bool {
    if std::env::var_os(MEASURED).is_some() {
        return true;
    }
    let mut alone = Command::new(std::env::current_exe().unwrap());
    let output = alone.args(["--exact", name, "--nocapture"]).env(MEASURED, "1").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}{error}");
    false
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_bombs_of_a_gibibyte_stay_within_the_memory_for_bodies() {
    if !runs_alone("memory::sixteen_bombs_of_a_gibibyte_stay_within_the_memory_for_bodies") {
        return;
    }
    let config = Config { max_buffered_bytes: 64 << 20, ..Config::default() };
    let server = Server::start(config).await;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&vec![0; 1 << 20]).unwrap();
    let bomb = post_with("Content-Encoding: gzip\r\n", encoder.finish().unwrap().repeat(1 << 10));
    let before = peak_memory_mib();
    let attack = async {
        let mut clients = Vec::new();
        for _ in 0..16 {
            let mut client = server.client().await;
            client.write(&bomb).await;
            clients.push(client);
        }
        for client in &mut clients {
            let status = client.answer().await.status;
            assert!([413, 503].contains(&status), "{status}");
        }
    };
    server.while_others_are_served(attack).await;
    let grown = peak_memory_mib() - before;
    // A growing buffer may hold twice what is in it, and connections buffer a little each.
    assert!(grown < 160, "{grown} MiB");
}
