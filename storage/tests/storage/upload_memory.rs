//! A large file goes into a store in bounded memory; alone in its process, whose memory it measures.

use std::time::{Duration, Instant};

use bytes::Bytes;
use iceberg::io::FileIOBuilder;
use storage::StorageConfig;
use testkit::services::stores;

const MIB: u64 = 1 << 20;

/// Resident memory of this process in bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

/// Writes the file in pieces of a MiB; returns how long it took and the most memory that was added.
async fn write(config: &StorageConfig, location: String, pieces: u64) -> (Duration, u64) {
    let files = FileIOBuilder::new(storage::factory(config)).build();
    let piece: Bytes = (0..MIB).map(|index| (index % 251) as u8).collect();
    let (before, began, mut most) = (resident(), Instant::now(), 0);
    let output = files.new_output(location).unwrap();
    let mut writer = output.writer().await.unwrap();
    for _ in 0..pieces {
        writer.write(piece.clone()).await.unwrap();
        most = most.max(resident().saturating_sub(before));
    }
    writer.close().await.unwrap();
    let took = began.elapsed();
    let input = output.to_input_file();
    assert_eq!(input.metadata().await.unwrap().size, pieces * MIB);
    assert!(input.reader().await.unwrap().read(pieces / 2 * MIB..(pieces / 2 + 1) * MIB).await.unwrap() == piece);
    (took, most)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_of_100_mib_takes_no_more_than_its_parts_on_their_way() {
    let folder = tempfile::tempdir().unwrap();
    let local = write(&StorageConfig::default(), format!("file://{}/large", folder.path().display()), 100).await;
    let mut config = StorageConfig { allow_http: true, ..StorageConfig::default() };
    config.s3.endpoint = Some(stores::s3().to_owned());
    config.s3.access_key_id = Some("key".to_owned());
    config.s3.secret_access_key = Some("secret".into());
    let remote = write(&config, format!("s3://{}/large", stores::new_bucket()), 100).await;
    println!("local {:?}, S3 {:?}: {} MiB more memory", local.0, remote.0, remote.1 / MIB);
    assert!(remote.1 < 64 * MIB, "{} MiB", remote.1 / MIB);
}
