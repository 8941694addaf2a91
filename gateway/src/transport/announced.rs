//! The PROXY protocol, versions 1 and 2: for whom a proxy connects, in a header before everything else.

use std::io;
use std::net::IpAddr;

use proxy_header::ParseConfig;
use proxy_header::io::ProxiedStream;
use tokio::net::TcpStream;

/// What follows the addresses in version 2 is nothing that we use.
const PARSE: ParseConfig = ParseConfig { include_tlvs: false, allow_v1: true, allow_v2: true };

/// Reads the header, of at most 64 KiB by its format; what comes after it stays in the stream. `None` when the proxy
/// connects for itself, as for a health check (LOCAL), or cannot tell (UNKNOWN).
///
/// # Errors
/// When the connection begins with anything else, or ends.
pub async fn read(stream: TcpStream) -> io::Result<(ProxiedStream<TcpStream>, Option<IpAddr>)> {
    let stream = ProxiedStream::create_from_tokio(stream, PARSE).await?;
    let announced = stream.proxy_header().proxied_address().map(|address| address.source.ip().to_canonical());
    Ok((stream, announced))
}
