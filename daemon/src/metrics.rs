//! A daemon's metrics: a page of them over plain HTTP, in the text format of OpenMetrics, which Prometheus reads.

use axum::{Router, http::header::CONTENT_TYPE, routing::get};
use prometheus_client::{
    encoding::text::encode,
    metrics::{family::Family, histogram::Histogram, info::Info},
    registry::Registry,
};
use std::io;
use tokio::net::TcpListener;

/// The media type of OpenMetrics 1.0.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Histograms of one thing, by labels.
pub type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

/// A registry whose metrics have names that begin with `prefix`, and which tells the program's version first.
pub fn registry(prefix: &str, version: &'static str) -> Registry {
    let mut registry = Registry::with_prefix(prefix);
    registry.register("build", "Version of the program", Info::new(vec![("version", version)]));
    registry
}

/// Where a daemon's metrics are asked for, if `--metrics` says so; an error says what was wrong with it.
pub async fn listen(address: Option<&str>) -> io::Result<Option<TcpListener>> {
    let Some(address) = address else { return Ok(None) };
    let bound = TcpListener::bind(address).await;
    let listener =
        bound.map_err(|why| io::Error::new(why.kind(), format!("--metrics {address}: cannot listen there: {why}")))?;
    tracing::info!(address = %listener.local_addr()?, "metrics are at /metrics");
    Ok(Some(listener))
}

/// Serves `/metrics` until `until` resolves. `refresh` is awaited first, each time that the page is asked for.
pub async fn serve<R>(
    listener: TcpListener,
    registry: Registry,
    refresh: impl Fn() -> R + Clone + Send + Sync + 'static,
    until: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()>
where
    R: Future<Output = ()> + Send + 'static,
{
    let registry = std::sync::Arc::new(registry);
    let page = move || {
        let (registry, refreshed) = (registry.clone(), refresh());
        async move {
            refreshed.await;
            ([(CONTENT_TYPE, OPEN_METRICS)], page(&registry))
        }
    };
    axum::serve(listener, Router::new().route("/metrics", get(page))).with_graceful_shutdown(until).await
}

fn page(registry: &Registry) -> String {
    let mut text = String::new();
    encode(&mut text, registry).expect("writing to a text does not fail");
    text
}

/// A histogram of seconds: from a millisecond to a quarter of an hour.
pub fn short() -> Histogram {
    Histogram::new([0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0, 900.0])
}

/// A histogram of seconds: from a tenth of a second to eight hours.
pub fn long() -> Histogram {
    Histogram::new([0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 28800.0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_open_metrics() {
        let mut registry = registry("acre_test", "1.2.3");
        let seconds: Histograms<[(&'static str, &'static str); 1]> = Family::new_with_constructor(short);
        registry.register("wait_seconds", "Waits", seconds.clone());
        seconds.get_or_create(&[("kind", "build")]).observe(0.2);
        let page = page(&registry);
        assert!(page.contains("acre_test_build_info{version=\"1.2.3\"} 1\n"), "{page}");
        assert!(page.contains("acre_test_wait_seconds_bucket{le=\"0.25\",kind=\"build\"} 1\n"), "{page}");
        assert!(page.ends_with("# EOF\n"), "{page}");
    }
}
