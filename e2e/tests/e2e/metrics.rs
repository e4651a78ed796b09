//! What a farm tells those who watch it: as the documentation says, and so that alerts and dashboard have data.

use acre_e2e::{
    collector::Collector,
    farm::SOON,
    fleet::Fleet,
    prometheus::{Prometheus, get, promtool},
    wait,
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A fleet of one agent that has built, run, pushed, and failed once.
fn with_a_history() -> Fleet {
    let collector = Collector::new();
    let mut fleet = Fleet::watched(collector.address());
    fleet.join("one", 2);
    let task = "
steps:
  - {id: says, cmd: '{base} echo a word'}
  - {id: fails, cmd: '{base} sh -c \"exit 3\"'}
";
    fleet.start_task(task, &[]).end().ended(1);
    fleet
}

/// A row of the table for each metric of a page: name, type, labels, meaning.
fn rows(page: &str) -> Vec<String> {
    let mut kinds: BTreeMap<&str, (&str, &str)> = BTreeMap::new();
    let mut order = Vec::new();
    let mut labels: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in page.lines() {
        if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
            kinds.insert(name, ("", help));
            order.push(name);
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            kinds.entry(name).or_default().0 = kind;
        } else if let Some((name, rest)) = line.split_once('{').filter(|_| !line.starts_with('#')) {
            let names = rest.split("=\"").filter_map(|part| part.rsplit(['{', ',', '"']).next());
            let names = names.filter(|name| !name.is_empty() && *name != "le" && !name.contains('}'));
            labels.entry(name.to_owned()).or_default().extend(names.map(str::to_owned));
        }
    }
    let row = |name: &str| {
        let (kind, help) = kinds[name];
        let full = match kind {
            "counter" => format!("{name}_total"),
            "info" => format!("{name}_info"),
            _ => name.to_owned(),
        };
        let sampled = if kind == "histogram" { format!("{name}_bucket") } else { full.clone() };
        let labels: Vec<String> =
            labels.get(&sampled).into_iter().flatten().map(|label| format!("`{label}`")).collect();
        format!("| `{full}` | {kind} | {} | {} |", labels.join(", "), help.trim_end_matches('.'))
    };
    order.into_iter().map(row).collect()
}

#[test]
fn the_table_of_metrics_is_complete_and_true() {
    let fleet = with_a_history();
    let metrics = fleet.metrics();
    let told: Vec<String> =
        ["scheduler", "one"].iter().flat_map(|name| rows(&get(&metrics[*name], "/metrics"))).collect();
    let documented = fs::read_to_string(repository().join("docs/metrics.md")).expect("it is there");
    let documented: Vec<&str> = documented.lines().filter(|line| line.starts_with("| `acre_")).collect();
    assert!(told == documented, "docs/metrics.md should have these rows:\n{}", told.join("\n"));
}

/// Every expression of the dashboard, as Grafana asks it.
fn queries() -> Vec<String> {
    let text = fs::read_to_string(repository().join("infra/watch/dashboard.json")).expect("it is there");
    let board: Value = serde_json::from_str(&text).expect("it is JSON");
    let panels = board["panels"].as_array().expect("it has panels").iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().expect("a panel has queries"));
    let expression = |target: &Value| target["expr"].as_str().expect("a query has a text").to_owned();
    targets.map(|target| expression(target).replace("$__rate_interval", "1m")).collect()
}

/// Prometheus with the configuration that is recommended, but that it looks at these addresses, every second.
fn prometheus(fleet: &Fleet) -> Prometheus {
    let folder = repository().join("infra/watch");
    let text = fs::read_to_string(folder.join("prometheus.yaml")).expect("it is there");
    let metrics = fleet.metrics();
    let text = text.replace("127.0.0.1:9464", &metrics["scheduler"]).replace("127.0.0.1:9465", &metrics["one"]);
    Prometheus::start(&text.replace("15s", "1s"), &folder)
}

#[test]
fn prometheus_has_data_for_every_query_of_the_dashboard_and_no_alert_goes_off() {
    let fleet = with_a_history();
    let prometheus = prometheus(&fleet);
    let queries = queries();
    assert!(queries.len() > 20, "{queries:?}");
    // A rate needs two looks.
    let without_data = || queries.iter().filter(|query| prometheus.query(query).is_empty()).collect::<Vec<_>>();
    let all = wait::within(SOON, || without_data().is_empty().then_some(()));
    assert!(all.is_some(), "no data for {:#?}", without_data());
    let failed = prometheus.query("acre_attempts_ended_total{kind=\"cmd\",outcome=\"failed\",cause=\"step\"}");
    assert_eq!(failed[0]["value"][1], "1", "{failed:#?}");
    let up = prometheus.query("sum(up{job=~\"acre-.*\"})");
    assert_eq!(up[0]["value"][1], "2", "{up:#?}");
    // `ALERTS` has those that wait for their time, too; a nearly full disk is this machine's own affair.
    let alerts = prometheus.query("ALERTS{alertname!=\"AcreDiskFull\"}");
    assert!(alerts.is_empty(), "{alerts:#?}");
}

#[test]
fn alerts_are_of_metrics_that_there_are() {
    let folder = repository().join("infra/watch");
    promtool(&folder, &["check", "rules", "alerts.yaml"]).ended(0).says("11 rules found");
    promtool(&folder, &["check", "config", "prometheus.yaml"]).ended(0);
    let documented = fs::read_to_string(repository().join("docs/metrics.md")).expect("it is there");
    let alerts = fs::read_to_string(folder.join("alerts.yaml")).expect("it is there");
    let words = alerts.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    for metric in words.filter(|word| word.starts_with("acre_")) {
        let name = metric.trim_end_matches("_bucket");
        assert!(documented.contains(&format!("| `{name}` |")), "{metric} is in no row of docs/metrics.md");
    }
}
