//! The page for Prometheus.

use std::sync::Arc;

use metrics::Recorder;
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use super::{
    accounting::Outcome,
    cluster::{ClusterState, ClusterView},
    metrics::{
        self as names, BUILD_INFO, CLUSTER, CLUSTER_STATE, Counter, Gauge, Histogram, Kind, MUTATIONS,
        RECORDS, STATE,
    },
    state::AgentState,
    status::AgentStatus,
};

/// Renders the metrics of one [`AgentStatus`].
#[derive(Clone)]
pub struct Exporter {
    recorder: Arc<PrometheusRecorder>,
    handle: PrometheusHandle,
}

impl std::fmt::Debug for Exporter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exporter").finish_non_exhaustive()
    }
}

impl Exporter {
    /// Makes an exporter, and the status whose metrics it renders.
    pub fn new() -> Result<(Self, Arc<AgentStatus>), BuildError> {
        let recorder =
            Arc::new(PrometheusBuilder::new().set_buckets(&names::SECONDS_BUCKETS)?.build_recorder());
        let handle = recorder.handle();
        let histograms = metrics::with_local_recorder(&*recorder, || {
            describe(&*recorder);
            Histogram::ALL.iter().map(|histogram| metrics::histogram!(histogram.metric().name)).collect()
        });
        Ok((Self { recorder, handle }, Arc::new(AgentStatus::with_histograms(histograms))))
    }

    /// Makes what other parts of the program count through the `metrics` crate come to the same page. Returns false
    /// if another exporter has been installed in this process.
    pub fn install(&self) -> bool {
        metrics::set_global_recorder(Arc::clone(&self.recorder)).is_ok()
    }

    /// Returns the page.
    pub fn render(&self, status: &AgentStatus) -> String {
        status.refresh();
        metrics::with_local_recorder(&*self.recorder, || publish(status));
        self.handle.run_upkeep();
        self.handle.render()
    }
}

fn describe(recorder: &dyn Recorder) {
    for metric in names::all() {
        let (name, unit, help) = (metric.name.into(), Some(metric.unit), metric.help.into());
        match metric.kind {
            Kind::Counter => recorder.describe_counter(name, unit, help),
            Kind::Gauge => recorder.describe_gauge(name, unit, help),
            Kind::Histogram => recorder.describe_histogram(name, unit, help),
        }
    }
}

fn publish(status: &AgentStatus) {
    for counter in Counter::ALL {
        metrics::counter!(counter.metric().name).absolute(status.count(*counter));
    }
    for gauge in Gauge::ALL {
        metrics::gauge!(gauge.metric().name).set(status.value(*gauge));
    }
    let accounting = status.accounting();
    for outcome in Outcome::ALL {
        metrics::counter!(MUTATIONS.name, "outcome" => outcome.as_str()).absolute(accounting.of(outcome));
    }
    for (table, records) in status.tables() {
        for (op, count) in records.counts() {
            metrics::counter!(RECORDS.name, "table" => table.clone(), "op" => op).absolute(count);
        }
    }
    let state = status.state();
    for other in AgentState::ALL {
        let holds = f64::from(u8::from(other == state));
        metrics::gauge!(STATE.name, "state" => other.as_str()).set(holds);
    }
    if let Some(identity) = status.identity() {
        metrics::gauge!(
            BUILD_INFO.name,
            "version" => env!("CARGO_PKG_VERSION"),
            "cluster" => identity.cluster,
            "host_id" => identity.host_id
        )
        .set(1.0);
    }
    if let Some(cluster) = status.cluster() {
        publish_cluster(&cluster);
    }
}

fn publish_cluster(view: &ClusterView) {
    for its in CLUSTER {
        let (name, value) = (its.metric.name, (its.read)(view));
        match its.metric.kind {
            Kind::Counter => metrics::counter!(name).absolute(value as u64),
            Kind::Gauge | Kind::Histogram => metrics::gauge!(name).set(value),
        }
    }
    for other in ClusterState::ALL {
        let holds = f64::from(u8::from(other == view.state));
        metrics::gauge!(CLUSTER_STATE.name, "state" => other.as_str()).set(holds);
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, time::Duration};

    use super::*;
    use crate::telemetry::{Identity, Milestone};

    /// A page's metrics: name and labels to value, and the names that have a help and a type.
    fn read(page: &str) -> (BTreeMap<String, f64>, BTreeMap<String, String>) {
        let (mut values, mut types) = (BTreeMap::new(), BTreeMap::new());
        let mut helped = Vec::new();
        for line in page.lines().filter(|line| !line.is_empty()) {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').expect("a help has a text");
                assert!(!help.is_empty());
                helped.push(name.to_owned());
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').expect("a type has a name");
                assert!(helped.iter().any(|helped| helped == name), "{name} has no help");
                assert!(types.insert(name.to_owned(), kind.to_owned()).is_none(), "{name} twice");
            } else {
                let (series, value) = line.rsplit_once(' ').expect("a line is a series and a value");
                let value = value.parse().unwrap_or_else(|_| panic!("{line}"));
                assert!(values.insert(series.to_owned(), value).is_none(), "{series} twice");
            }
        }
        (values, types)
    }

    #[test]
    fn the_page_has_every_metric_with_help_and_type() {
        let (exporter, status) = Exporter::new().unwrap();
        status.set_identity(Identity { cluster: "a \"b\"".into(), host_id: uuid::Uuid::nil().to_string() });
        status.reach(Milestone::Schema);
        status.set_state(AgentState::Running, "");
        status.add(Counter::MutationsRead, 7);
        status.settle(Outcome::Published, 5);
        status.set(Gauge::MutationsInFlight, 2.0);
        status.table("shop", "orders").add("insert", 3);
        status.observe(Histogram::CommitSeconds, Duration::from_millis(20));
        status.observe(Histogram::EventAgeSeconds, Duration::from_secs(3));
        assert!(!exporter.render(&status).contains("ringtap_cluster_"), "there is none");
        status.set_cluster(ClusterView::example());
        let (values, types) = read(&exporter.render(&status));
        for metric in names::all() {
            let kind = match metric.kind {
                Kind::Counter => "counter",
                Kind::Gauge => "gauge",
                Kind::Histogram => "histogram",
            };
            assert_eq!(types.get(metric.name).map(String::as_str), Some(kind), "{}", metric.name);
            assert!(metric.name.starts_with("ringtap_"));
            assert_eq!(metric.kind == Kind::Counter, metric.name.ends_with("_total"), "{}", metric.name);
        }
        for name in types.keys() {
            assert!(names::all().iter().any(|metric| metric.name == name), "{name} is not described");
        }
        assert!((values["ringtap_mutations_read_total"] - 7.0).abs() < f64::EPSILON);
        assert!((values["ringtap_mutations_total{outcome=\"published\"}"] - 5.0).abs() < f64::EPSILON);
        assert!((values["ringtap_mutations_in_flight"] - 2.0).abs() < f64::EPSILON);
        assert!(
            (values["ringtap_records_total{table=\"shop.orders\",op=\"insert\"}"] - 3.0).abs() < f64::EPSILON
        );
        assert!((values["ringtap_state{state=\"running\"}"] - 1.0).abs() < f64::EPSILON);
        assert!((values["ringtap_commit_seconds_bucket{le=\"0.025\"}"] - 1.0).abs() < f64::EPSILON);
        assert!(values["ringtap_commit_seconds_bucket{le=\"0.01\"}"].abs() < f64::EPSILON);
        assert!(values["ringtap_cdc_raw_full_seconds"].is_infinite());
    }

    #[test]
    fn the_cluster_s_metrics_are_what_the_view_says() {
        let (exporter, status) = Exporter::new().unwrap();
        status.set_cluster(ClusterView::example());
        let (values, _) = read(&exporter.render(&status));
        let all: BTreeMap<&str, f64> = values
            .iter()
            .filter_map(|(series, value)| Some((series.strip_prefix("ringtap_cluster_")?, *value)))
            .collect();
        let expected = BTreeMap::from([
            ("able", 0.0),
            ("agents", 3.0),
            ("agents_differing", 1.0),
            ("agents_heard", 1.0),
            ("audit_stands", 1.0),
            ("caught_up", 1.0),
            ("index_disk_waits_total", 34.0),
            ("keyspaces_not_placed", 1.0),
            ("late_changes_total", 29.0),
            ("lost_sessions_total", 26.0),
            ("nodes_without_agent", 1.0),
            ("owned_percent", 33.25),
            ("owned_ranges", 8.0),
            ("pending_bytes", 4096.0),
            ("pending_changes", 3.0),
            ("pending_oldest_seconds", 2.5),
            ("relays_answered_total", 23.0),
            ("relays_received_total", 22.0),
            ("relays_sent_total", 21.0),
            ("relays_unwanted_total", 24.0),
            ("rewinds_total", 27.0),
            ("state{state=\"auditing\"}", 0.0),
            ("state{state=\"joining\"}", 0.0),
            ("state{state=\"leaving\"}", 0.0),
            ("state{state=\"owning\"}", 1.0),
            ("streamed_copies_skipped_total", 28.0),
            ("take_overs_total", 25.0),
            ("window_whole_since_timestamp_seconds", 1_700_000_000.5),
        ]);
        assert_eq!(all, expected);
    }

    #[test]
    fn counters_follow_the_status_from_page_to_page() {
        let (exporter, status) = Exporter::new().unwrap();
        for expected in 1..=3 {
            status.add(Counter::Transactions, 1);
            let (values, _) = read(&exporter.render(&status));
            assert!((values["ringtap_transactions_total"] - f64::from(expected)).abs() < f64::EPSILON);
        }
    }
}
