//! Ports for servers that must keep their address through a restart.

use std::fs::File;
use std::net::TcpListener;

/// Below the ephemeral range: no client's connection and no server on a port of the system's choice gets one of these.
const RANGE: std::ops::Range<u16> = 20_000..32_000;

/// A free port, reserved for this process until it ends. The lock of a file tells all tests on the machine that it is taken.
pub fn reserve() -> u16 {
    let folder = std::env::temp_dir().join("pageberg-ports");
    std::fs::create_dir_all(&folder).unwrap();
    loop {
        let port = rand::random_range(RANGE);
        let lock = File::options().create(true).append(true).open(folder.join(port.to_string())).unwrap();
        if lock.try_lock().is_ok() && TcpListener::bind(("127.0.0.1", port)).is_ok() {
            // The system unlocks it when the process ends.
            std::mem::forget(lock);
            return port;
        }
    }
}

/// The address of a reserved port on this machine.
pub fn reserved_address() -> String {
    format!("127.0.0.1:{}", reserve())
}
