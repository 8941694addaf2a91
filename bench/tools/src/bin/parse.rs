//! Limit: reads the seven texts of page views from memory, borrowed, on one thread.
//!
//! usage: parse EVENTS_FILE COUNT

use std::hint::black_box;
use std::time::Instant;

use anyhow::{Context, bail};
use bench_tools::samples::print;
use bench_tools::view::View;
use serde::Serialize;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Serialize)]
struct Parsed {
    events: usize,
    seconds: f64,
}

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, count] = &arguments[..] else { bail!("usage: parse EVENTS_FILE COUNT") };
    let text = std::fs::read(file).with_context(|| format!("failed to read {file}"))?;
    let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    let events: usize = count.parse()?;
    let started = Instant::now();
    for line in lines.iter().cycle().take(events) {
        black_box(serde_json::from_slice::<View>(line)?);
    }
    print(&Parsed { events, seconds: started.elapsed().as_secs_f64() })
}
