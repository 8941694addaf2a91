//! What slow connections do to everybody else: `slow_connections PAGEBERG [CONNECTIONS [EVENTS_A_SECOND [SECONDS]]]`.
//!
//! 1. Starts that binary with a folder and ports of its own.
//! 2. Sends events at a steady rate, in turns alone and beside so many connections of which a third each send headers, send
//!    bodies, and read answers as slowly as they can; closed ones come again.
//! 3. Prints the latencies of the events in both cases, their ratios, and the peak of the server's memory.
//!
//! Every event is due at a time of its own, from which its latency counts, whether or not the ones before are answered.
#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, interval, sleep, sleep_until, timeout};

/// Connections that the events share.
const SENDERS: u32 = 50;

/// The slow ones come one after the other in this time, and keep their distances.
const ARRIVAL: Duration = Duration::from_secs(5);

/// Turns: what else the machine does changes between them.
const ROUNDS: usize = 3;

const EVENT: &str = "POST /v1/events HTTP/1.1\r\nHost: t\r\nContent-Length: 25\r\n\r\n{\"url\":\"https://e.test/\"}";

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |index: usize, usual: u32| arguments.get(index).map_or(usual, |text| text.parse().unwrap());
    let (connections, rate, seconds) = (number(2, 2_000), number(3, 500), number(4, 15));
    rlimit::increase_nofile_limit(u64::from(connections) + 1_000).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(Path::new(&arguments[1]), folder.path()).await;
    measure(server.address, rate, 5).await;
    println!("{connections} slow connections, {rate} events a second");
    let mut ratios = Vec::new();
    for _ in 0..ROUNDS {
        let alone = measure(server.address, rate, seconds).await;
        tell("alone ", &alone, &server);
        let slow: Vec<_> = (0..connections)
            .map(|index| tokio::spawn(be_slow(server.address, index, ARRIVAL * index / connections)))
            .collect();
        sleep(ARRIVAL * 2).await;
        let beside = measure(server.address, rate, seconds).await;
        tell("beside", &beside, &server);
        slow.iter().for_each(tokio::task::JoinHandle::abort);
        ratios.push(percentile(&beside, 99) / percentile(&alone, 99));
        sleep(Duration::from_secs(2)).await;
    }
    println!("ratios of the 99th percentiles: {ratios:.2?}");
}

struct Server {
    process: Child,
    address: SocketAddr,
}

impl Server {
    async fn start(binary: &Path, folder: &Path) -> Self {
        let [address, status] = [(); 2].map(|()| SocketAddr::from(([127, 0, 0, 1], testkit::ports::reserve())));
        let binary = std::path::absolute(binary).unwrap();
        let mut command = Command::new(binary);
        command.current_dir(folder).args(["serve", "--listen", &address.to_string(), "--status", &status.to_string()]);
        // The slow ones are strangers, each group with an address of its own; the limits for strangers hold.
        command.env("PAGEBERG_GATEWAY__TRUSTED_SENDERS", "[\"127.0.0.1\"]").stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().unwrap();
        while TcpStream::connect(address).await.is_err() {
            sleep(Duration::from_millis(50)).await;
        }
        Self { process, address }
    }

    /// The peak of its memory, in MiB.
    fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() >> 10
    }

    fn open_files(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.process.id())).unwrap().count()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// The latencies of events in milliseconds, in ascending order.
async fn measure(address: SocketAddr, rate: u32, seconds: u32) -> Vec<f64> {
    let senders: Vec<_> = (0..SENDERS).map(|sender| tokio::spawn(send(address, sender, rate, seconds))).collect();
    let mut latencies = Vec::new();
    for sender in senders {
        latencies.extend(sender.await.unwrap());
    }
    latencies.sort_by(f64::total_cmp);
    latencies
}

async fn send(address: SocketAddr, sender: u32, rate: u32, seconds: u32) -> Vec<f64> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let pace = Duration::from_secs(1) * SENDERS / rate;
    let first = Instant::now() + pace * sender / SENDERS;
    let mut latencies = Vec::new();
    for index in 0..seconds * rate / SENDERS {
        let due = first + pace * index;
        sleep_until(due).await;
        stream.write_all(EVENT.as_bytes()).await.unwrap();
        let mut answer = [0; 1_024];
        let read = stream.read(&mut answer).await.unwrap();
        assert!(answer[..read].starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer[..read]));
        latencies.push(due.elapsed().as_secs_f64() * 1_000.0);
    }
    latencies
}

fn percentile(sorted: &[f64], percent: usize) -> f64 {
    sorted[(sorted.len() - 1) * percent / 100]
}

fn tell(what: &str, latencies: &[f64], server: &Server) {
    let [median, high, highest] = [50, 99, 100].map(|percent| percentile(latencies, percent));
    let (events, memory, files) = (latencies.len(), server.peak_memory(), server.open_files());
    println!(
        "{what}: {events} events, median {median:.2} ms, p99 {high:.2} ms, most {highest:.1} ms; \
         {files} files open, memory at its peak {memory} MiB"
    );
}

async fn be_slow(address: SocketAddr, index: u32, later: Duration) {
    sleep(later).await;
    loop {
        // An end of the connection is what the server is to do.
        let _ended = match index % 3 {
            0 => drip(address, index, "POST /v1/events HTTP/1.1\r\nHost: t\r\nX-Slow: ").await,
            1 => drip(address, index, "POST /v1/events HTTP/1.1\r\nHost: t\r\nContent-Length: 100000\r\n\r\n").await,
            _ => never_read(address, index).await,
        };
        sleep(Duration::from_millis(500)).await;
    }
}

async fn connect(address: SocketAddr, index: u32) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(4_096)?;
    let group = u8::try_from(index % 16).unwrap_or_default();
    socket.bind((Ipv4Addr::new(127, 0, 1, group + 1), 0).into())?;
    socket.connect(address).await
}

/// A byte a second.
async fn drip(address: SocketAddr, index: u32, start: &str) -> std::io::Result<()> {
    let mut stream = connect(address, index).await?;
    stream.write_all(start.as_bytes()).await?;
    let mut pace = interval(Duration::from_secs(1));
    loop {
        pace.tick().await;
        stream.write_all(b"a").await?;
        // What the server has to say ends the connection, too.
        if timeout(Duration::from_millis(1), stream.readable()).await.is_ok() {
            return Ok(());
        }
    }
}

/// Asks for more than the network holds, and reads nothing of it.
async fn never_read(address: SocketAddr, index: u32) -> std::io::Result<()> {
    let mut stream = connect(address, index).await?;
    loop {
        stream.write_all("GET /openapi.json HTTP/1.1\r\nHost: t\r\n\r\n".repeat(20).as_bytes()).await?;
        sleep(Duration::from_secs(5)).await;
    }
}
