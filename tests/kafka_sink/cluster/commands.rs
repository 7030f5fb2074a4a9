//! `ringtap cluster …`: what an operator is shown of topics that agents wrote.

mod audit;
mod status;

use std::process::{Command, Output, Stdio};

use rdkafka::{
    ClientConfig,
    producer::{BaseProducer, BaseRecord, Producer as _},
};
use ringtap::{
    cluster::{
        names::{Generation, Keyspace, TokenRange},
        record::{Claim, OwnersRecord},
        topics::ClusterTopicsOptions,
    },
    sink::kafka::ClusterNames,
};

use super::agents::PATIENCE;

/// Returns `ringtap cluster WHAT` for a cluster.
fn command(what: &str, address: &str, cluster: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringtap"));
    command.args(["cluster", what, "--brokers", address, "--cluster", cluster]).stdin(Stdio::null());
    command
}

/// Runs it.
fn cluster(what: &str, address: &str, cluster: &str, arguments: &[&str]) -> Output {
    command(what, address, cluster).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn json(output: &Output) -> serde_json::Value {
    let stderr = text(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {stderr}"))
}

/// Writes records of the owners topic, in this order.
fn write_owners(address: &str, options: &ClusterTopicsOptions, records: &[OwnersRecord]) {
    let producer: BaseProducer = ClientConfig::new().set("bootstrap.servers", address).create().unwrap();
    for record in records {
        let mut bytes = Vec::new();
        record.encode(&mut bytes);
        let topic = options.names.owners();
        producer
            .send(BaseRecord::<(), _>::to(&topic).partition(0).payload(&bytes))
            .map_err(|it| it.0)
            .unwrap();
        producer.flush(PATIENCE).unwrap();
    }
}

fn claim(keyspace: &str, after: i64, up_to: i64, generation: u32) -> Claim {
    let range = TokenRange::new(after, up_to).unwrap();
    Claim { keyspace: Keyspace::from(keyspace), range, generation: Generation(generation) }
}

fn topics(cluster: &str) -> [String; 3] {
    let names = ClusterNames::new(cluster);
    [names.owners(), names.ledger(), names.relay()]
}
