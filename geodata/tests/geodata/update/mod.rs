//! The updater against servers that speak each vendor's protocol, and fail in each way that they may.

mod background;
mod bodies;
mod databases;
mod dbip;
mod desk;
mod ip2location;
mod location;
mod maxmind;
mod place;
mod server;
