//! Limit: COPY of the six columns of `processed_events` as text, 10,000 rows a transaction.
//!
//! usage: copy_rows POSTGRES_URL CONNECTIONS ROWS EVENTS_FILE
//!
//! The rows are made before the clock starts.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, bail};
use axum::body::Bytes;
use bench_tools::samples::print;
use futures::{SinkExt, future};
use serde::Serialize;
use tokio_postgres::{Client, NoTls};

const ROWS_A_TRANSACTION: usize = 10_000;
/// Bytes handed to COPY at a time.
const PIECE_BYTES: usize = 64 << 10;

#[derive(Serialize)]
struct Copied {
    rows: usize,
    seconds: f64,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, connections, rows, events] = &arguments[..] else {
        bail!("usage: copy_rows POSTGRES_URL CONNECTIONS ROWS EVENTS_FILE")
    };
    let (connections, rows): (usize, usize) = (connections.parse()?, rows.parse()?);
    let transactions = rows.div_ceil(ROWS_A_TRANSACTION * connections);
    let batch = Arc::new(batch(&std::fs::read_to_string(events)?)?);
    let mut clients = Vec::new();
    for _ in 0..connections {
        clients.push(connect(url).await?);
    }
    let started = Instant::now();
    let copying = clients.into_iter().map(|client| tokio::spawn(copy(client, batch.clone(), transactions)));
    for result in future::join_all(copying).await {
        result??;
    }
    let rows = transactions * ROWS_A_TRANSACTION * connections;
    print(&Copied { rows, seconds: started.elapsed().as_secs_f64() })
}

async fn connect(url: &str) -> anyhow::Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

async fn copy(client: Client, batch: Arc<Vec<Vec<u8>>>, transactions: usize) -> anyhow::Result<()> {
    for _ in 0..transactions {
        let into = "COPY processed_events (ip, event_timestamp, referrer, host, url, geodata) FROM STDIN";
        let sink = client.copy_in::<_, Bytes>(into).await?;
        let mut sink = std::pin::pin!(sink);
        for piece in batch.iter() {
            sink.send(Bytes::copy_from_slice(piece)).await?;
        }
        sink.close().await?;
    }
    Ok(())
}

/// The rows of one transaction, in pieces.
fn batch(events: &str) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut pieces = vec![Vec::new()];
    for line in events.lines().cycle().take(ROWS_A_TRANSACTION) {
        let event: serde_json::Value = serde_json::from_str(line).context("not JSON")?;
        let field = |key: &str| event[key].as_str().unwrap_or_default().replace('\\', "\\\\").replace('\t', " ");
        let geodata = r#"{"country":"US","state":"California","city":"Mountain View"}"#;
        let row = format!(
            "{}\t2026-01-05 10:00:00.123\t{}\t{}\t{}\t{geodata}\n",
            field("ip"),
            field("referrer"),
            field("host"),
            field("url")
        );
        if pieces.last().is_some_and(|piece| piece.len() + row.len() > PIECE_BYTES) {
            pieces.push(Vec::new());
        }
        if let Some(piece) = pieces.last_mut() {
            piece.extend_from_slice(row.as_bytes());
        }
    }
    Ok(pieces)
}
