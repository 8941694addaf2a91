//! The program: reads the command line and the configuration, and runs one command.

mod cli;
mod commands;
mod config;
mod geo;
mod import;
mod log;
mod logging;
mod maintenance;
mod positions;
mod reenrich;
mod replay;
mod serve;
mod status;
mod table;

use std::io;
use std::process::ExitCode;

use clap::Parser;

/// Events are many small texts, made by one thread and dropped by another, which the system's allocator is slow at.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    match run(cli::Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pageberg: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: cli::Cli) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(cli.run());
    // A thread that waits for a server that does not answer holds nothing up.
    runtime.shutdown_background();
    ended
}

/// Whether the reader of the output, such as `head`, has seen enough.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
