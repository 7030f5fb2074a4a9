//! The node over CQL: whether it answers, who it is, which tables have CDC.

use super::findings::{Area, Findings};
use crate::{
    config::Config,
    error_text::with_causes,
    schema::node::{CassandraNode, NodeError},
    telemetry::Identity,
};

pub(super) fn check(config: &Config, findings: &mut Findings) -> Option<Identity> {
    match ask(config, findings) {
        Ok(identity) => Some(identity),
        Err(error) => {
            findings.error(
                Area::Cassandra,
                format!("{}: {}", config.cassandra.node_options().endpoint(), with_causes(&error)),
                "see cassandra.address, cassandra.port, the login and TLS; a node that is down only matters at the very \
                 first start",
            );
            None
        }
    }
}

fn ask(config: &Config, findings: &mut Findings) -> Result<Identity, NodeError> {
    let options = config.cassandra.node_options();
    let endpoint = options.endpoint();
    let node = CassandraNode::connect(&options)?;
    let live = node.identity()?;
    findings.ok(
        Area::Cassandra,
        format!("{endpoint}: node {} of cluster {:?}, release {}", live.host_id, live.cluster, live.release),
    );
    check_names(config, &live.cluster, live.host_id, findings);
    let seed = node.schema()?;
    let (mut wanted, mut unwanted) = (0, 0);
    for (keyspace, definition) in &seed.keyspaces {
        for (name, table) in &definition.tables {
            if table.cdc() {
                let is_wanted = config.tables.is_wanted(keyspace, name);
                wanted += u32::from(is_wanted);
                unwanted += u32::from(!is_wanted);
            }
        }
    }
    let excluded =
        if unwanted > 0 { format!(", and {unwanted} that are not included") } else { String::new() };
    if wanted == 0 {
        findings.warn(
            Area::Cassandra,
            format!("no table with cdc = true is wanted{excluded}"),
            "ALTER TABLE … WITH cdc = true; or see tables.include and tables.exclude",
        );
    } else {
        findings.ok(Area::Cassandra, format!("{wanted} tables with cdc = true{excluded}"));
    }
    Ok(Identity { cluster: live.cluster.into(), host_id: live.host_id.to_string() })
}

fn check_names(config: &Config, cluster: &str, host_id: uuid::Uuid, findings: &mut Findings) {
    if config.cassandra.host_id.is_some_and(|given| given != host_id) {
        findings.error(
            Area::Cassandra,
            format!("cassandra.host_id is not that of the node, which is {host_id}"),
            "leave cassandra.host_id out, or ask the right node",
        );
    }
    let yaml = config.cassandra_yaml.as_ref().and_then(|yaml| yaml.cluster_name.as_ref());
    let given =
        [("cassandra.cluster", config.cassandra.cluster.as_ref()), ("cluster_name of cassandra.yaml", yaml)];
    for (key, name) in given {
        if let Some(name) = name
            && name != cluster
        {
            findings.error(
                Area::Cassandra,
                format!("{key} is {name:?}, but the node that answers is of cluster {cluster:?}"),
                "ask the node beside which the agent stands",
            );
        }
    }
}
