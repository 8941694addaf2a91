//! Limit: an HTTP server that reads a body and does nothing.
//!
//! usage: empty_handler ADDRESS

use anyhow::Context;
use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::routing::post;
use axum::serve::ListenerExt;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

async fn nothing(_body: Bytes) -> StatusCode {
    StatusCode::NO_CONTENT
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let address = std::env::args().nth(1).context("usage: empty_handler ADDRESS")?;
    let listener = tokio::net::TcpListener::bind(address).await?.tap_io(|socket| {
        // Without it answers wait for the client's acknowledgement.
        let _ = socket.set_nodelay(true);
    });
    let router = Router::new().route("/one", post(nothing)).route("/lines", post(nothing));
    Ok(axum::serve(listener, router).await?)
}
