//! `GET /pixel.gif`: an event told by an image's address.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;

use super::Peer;
use crate::intake::Intake;
use crate::protocols::{Pixel, pixel};

/// Its address.
pub const PIXEL: &str = "/pixel.gif";

/// Always the image, for a reader of mail shall see no fault of its author's; the status tells whether the event is durable.
pub async fn get(
    State(intake): State<Arc<Intake>>,
    Extension(Peer(peer)): Extension<Peer>,
    request: Request,
) -> Response {
    let answer = intake.take(&Pixel, peer, request).await;
    if answer.status().is_success() {
        return answer;
    }
    let (refusal, _) = answer.into_parts();
    let mut image = pixel();
    *image.status_mut() = refusal.status;
    for (name, value) in &refusal.headers {
        image.headers_mut().entry(name).or_insert_with(|| value.clone());
    }
    image
}

/// The image without an event: those who look before they load have not seen the page.
pub async fn head() -> Response {
    pixel()
}
