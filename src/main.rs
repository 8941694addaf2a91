//! The program: reads the command line and the configuration, and runs one command.

mod cli;
mod commands;
mod config;
mod geo;
mod import;
mod log;
mod logging;
mod maintenance;
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

#[tokio::main]
async fn main() -> ExitCode {
    match cli::Cli::parse().run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pageberg: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether the reader of the output, such as `head`, has seen enough.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
