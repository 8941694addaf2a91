//! Load at a fixed rate, whatever the server does: a latency counts from when its request was due.
//!
//! usage: open_loop ADDRESS PATH EVENTS_A_SECOND CONNECTIONS SECONDS EVENTS_A_REQUEST EVENTS_FILE
//!
//! Latencies of the first second are not counted, its events are.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use bench_tools::samples::{Quantiles, print};
use futures::future;
use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const START_SECONDS: f64 = 1.0;

struct Load {
    address: String,
    requests: Vec<Vec<u8>>,
    connections: usize,
    /// Between two requests of one connection.
    step: Duration,
    duration: Duration,
    started: Instant,
}

#[derive(Default)]
struct Sent {
    latencies_ms: Vec<f64>,
    requests: u64,
    refused: u64,
}

#[derive(Serialize)]
struct Report {
    requests: u64,
    refused: u64,
    events: u64,
    seconds: f64,
    #[serde(flatten)]
    latency: Quantiles,
}

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, path, rate, connections, seconds, events_a_request, file] = &arguments[..] else {
        bail!("usage: open_loop ADDRESS PATH EVENTS_A_SECOND CONNECTIONS SECONDS EVENTS_A_REQUEST EVENTS_FILE")
    };
    let (rate, connections, seconds): (f64, usize, f64) = (rate.parse()?, connections.parse()?, seconds.parse()?);
    let size: usize = events_a_request.parse()?;
    let load = Load {
        address: address.clone(),
        requests: requests(&std::fs::read_to_string(file)?, path, size)?,
        connections,
        step: Duration::from_secs_f64((connections * size) as f64 / rate),
        duration: Duration::from_secs_f64(seconds),
        started: Instant::now() + Duration::from_millis(200) + Duration::from_micros(200) * connections as u32,
    };
    let started = load.started;
    let sent = tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(run(load))?;
    let events = (sent.requests - sent.refused) * size as u64;
    let seconds = started.elapsed().as_secs_f64();
    let latency = Quantiles::of(sent.latencies_ms);
    print(&Report { requests: sent.requests, refused: sent.refused, events, seconds, latency })
}

/// Whole HTTP requests with `size` events each.
fn requests(events: &str, path: &str, size: usize) -> anyhow::Result<Vec<Vec<u8>>> {
    let kind = if size == 1 { "application/json" } else { "application/x-ndjson" };
    let lines: Vec<&str> = events.lines().collect();
    let bodies: Vec<String> = lines.chunks_exact(size).map(|lines| lines.join("\n")).collect();
    ensure!(!bodies.is_empty(), "fewer than {size} events in the file");
    let request = |body: &String| {
        let length = body.len();
        format!("POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{body}")
    };
    Ok(bodies.iter().map(|body| request(body).into_bytes()).collect())
}

async fn run(load: Load) -> anyhow::Result<Sent> {
    let load = Arc::new(load);
    let tasks = (0..load.connections).map(|number| tokio::spawn(connection(load.clone(), number)));
    let mut all = Sent::default();
    for result in future::join_all(tasks).await {
        let sent = result??;
        all.latencies_ms.extend(sent.latencies_ms);
        all.requests += sent.requests;
        all.refused += sent.refused;
    }
    Ok(all)
}

/// Sends the requests of one connection, each when it is due or as soon afterwards as the one before is answered.
async fn connection(load: Arc<Load>, number: usize) -> anyhow::Result<Sent> {
    let mut socket = TcpStream::connect(&load.address).await.context("failed to connect")?;
    socket.set_nodelay(true)?;
    let (mut sent, mut buffer) = (Sent::default(), Vec::with_capacity(16 << 10));
    let first = load.step.mul_f64(number as f64 / load.connections as f64);
    for turn in 0.. {
        let after = first + load.step * turn;
        if after >= load.duration {
            break;
        }
        let due = load.started + after;
        tokio::time::sleep_until(due.into()).await;
        let request = &load.requests[(number * 31 + turn as usize) % load.requests.len()];
        socket.write_all(request).await?;
        sent.requests += 1;
        sent.refused += u64::from(!is_success(&mut socket, &mut buffer).await?);
        if after.as_secs_f64() >= START_SECONDS {
            sent.latencies_ms.push(due.elapsed().as_secs_f64() * 1e3);
        }
    }
    Ok(sent)
}

/// Reads one whole answer; whether its status is 2xx.
async fn is_success(socket: &mut TcpStream, buffer: &mut Vec<u8>) -> anyhow::Result<bool> {
    buffer.clear();
    loop {
        let read = socket.read_buf(buffer).await?;
        ensure!(read > 0, "the server has closed a connection");
        let Some(head) = buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(&buffer[..head]).to_ascii_lowercase();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length:")).map(str::trim);
        if buffer.len() >= head + 4 + length.map_or(Ok(0), str::parse::<usize>)? {
            return Ok(buffer.get(9) == Some(&b'2'));
        }
    }
}
