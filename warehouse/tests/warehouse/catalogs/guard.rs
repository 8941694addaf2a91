//! A REST catalog with one table and a guard: it checks what it is sent, and answers no more than opening a table asks.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::extract::{RawQuery, Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use iceberg::table::Table;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// What the catalog demands, and how it treats its table.
pub struct Guarded {
    pub url: String,
    pub guard: Arc<Guard>,
}

pub struct Guard {
    /// Tokens given out. The last one is good, unless it was revoked; before the first, `fixed` is.
    pub tokens: AtomicUsize,
    pub revoked: AtomicUsize,
    pub expires_in: Option<u64>,
    /// The forms with which tokens were asked for.
    pub forms: Mutex<Vec<String>>,
    /// The answer to a change of the table.
    pub refusal: (u16, Value),
    metadata: Value,
    metadata_location: String,
}

impl Guard {
    pub fn revoke(&self) {
        self.revoked.store(self.tokens.load(Ordering::SeqCst), Ordering::SeqCst);
    }

    fn is_good(&self, headers: &HeaderMap) -> bool {
        let (given_out, revoked) = (self.tokens.load(Ordering::SeqCst), self.revoked.load(Ordering::SeqCst));
        let good = if given_out == 0 { "Bearer fixed".to_owned() } else { format!("Bearer token-{given_out}") };
        let said = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        (given_out == 0 || given_out > revoked) && said("authorization") == good && said("x-tenant") == "acme"
    }
}

/// Listens, with this table.
pub async fn start(table: &Table, expires_in: Option<u64>, refusal: (u16, Value)) -> Guarded {
    let guard = Arc::new(Guard {
        tokens: AtomicUsize::new(0),
        revoked: AtomicUsize::new(0),
        expires_in,
        forms: Mutex::default(),
        refusal,
        metadata: serde_json::to_value(table.metadata()).unwrap(),
        metadata_location: table.metadata_location().unwrap().to_owned(),
    });
    let router = Router::new().fallback(answer).with_state(guard.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/api", listener.local_addr().unwrap());
    // It ends with the test's runtime.
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    Guarded { url, guard }
}

async fn answer(State(guard): State<Arc<Guard>>, RawQuery(query): RawQuery, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    if head.uri.path() == "/login" {
        guard.forms.lock().unwrap().push(String::from_utf8(body.to_vec()).unwrap());
        let token = format!("token-{}", guard.tokens.fetch_add(1, Ordering::SeqCst) + 1);
        return Json(json!({"access_token": token, "expires_in": guard.expires_in})).into_response();
    }
    if !guard.is_good(&head.headers) {
        return error(401, json!({"message": "who are you?"}));
    }
    let table = "/api/v1/lake%7Cmain/namespaces/web/tables/page_views";
    match (head.method, head.uri.path()) {
        (Method::GET, "/api/v1/config") if query.as_deref() == Some("warehouse=lake") => {
            Json(json!({"defaults": {"prefix": "wrong"}, "overrides": {"prefix": "lake%7Cmain"}})).into_response()
        }
        (Method::HEAD, path) if path == table => StatusCode::NO_CONTENT.into_response(),
        (Method::GET, path) if path == table => {
            let (metadata, location) = (&guard.metadata, &guard.metadata_location);
            Json(json!({"metadata-location": location, "metadata": metadata, "config": {"lent": "hidden"}}))
                .into_response()
        }
        (Method::POST, path) if path == table => error(guard.refusal.0, guard.refusal.1.clone()),
        (method, path) => panic!("{method} {path}"),
    }
}

fn error(status: u16, error: Value) -> Response {
    (StatusCode::from_u16(status).unwrap(), Json(json!({"error": error}))).into_response()
}
