//! Latencies, and the line of JSON that a binary ends with.

use serde::Serialize;

/// Latencies in milliseconds.
#[derive(Serialize)]
pub struct Quantiles {
    /// The median.
    pub p50_ms: f64,
    /// Exceeded by one in 10.
    pub p90_ms: f64,
    /// Exceeded by one in 100.
    pub p99_ms: f64,
    /// Exceeded by one in 1,000.
    pub p999_ms: f64,
    /// The largest.
    pub max_ms: f64,
}

impl Quantiles {
    /// Of none all are 0.
    pub fn of(mut samples_ms: Vec<f64>) -> Self {
        samples_ms.sort_by(f64::total_cmp);
        let last = samples_ms.len().saturating_sub(1);
        let at = |share: f64| samples_ms.get((last as f64 * share) as usize).copied().unwrap_or_default();
        Self { p50_ms: at(0.5), p90_ms: at(0.9), p99_ms: at(0.99), p999_ms: at(0.999), max_ms: at(1.0) }
    }
}

/// Prints what was found, as one line of JSON.
pub fn print(found: &impl Serialize) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string(found)?);
    Ok(())
}
