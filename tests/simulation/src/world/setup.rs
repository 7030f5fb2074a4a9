//! How a schedule begins.

use ringtap::cluster::record::OwnersRecord;

use super::{Event, Fault, Queue, World};
use crate::{
    agent::Agent,
    cassandra::{Cassandra, Log, Ring, Writes, host_id},
    checker::{OwnersMap, Visible},
    counts::Tally,
    faults::{Plan, Role},
    kafka::Kafka,
    random::Random,
    trace::Trace,
    variant::Variant,
};

/// Digest of the settings of agents that agree.
pub(super) const SETTINGS: u128 = 1;

impl World {
    /// Makes the world of a seed.
    pub fn new(seed: u64, variant: Variant, converges: bool, trace: Trace) -> Self {
        let mut random = Random::new(seed);
        let plan = Plan::draw(&mut random, converges);
        let hosts = plan.roles.len();
        let ring = Ring::new(plan.replicas.clone());
        let mut world = Self {
            now: 0,
            queue: Queue::default(),
            variant,
            kafka: Kafka::new(hosts, plan.data_partitions),
            owners: OwnersMap::new(&ring),
            cassandra: Cassandra {
                ring,
                writes: Writes::default(),
                logs: (0..hosts).map(|_| Log::default()).collect(),
                down_until: vec![0; hosts],
            },
            agents: (0..hosts).map(|_| Agent::new(hosts)).collect(),
            visible: Visible::default(),
            tally: Tally::default(),
            trace,
            calm_since: None,
            is_over: false,
            problem: None,
            random,
            plan,
        };
        world.begin_owners();
        world.begin();
        world
    }

    /// What the first agent of all wrote: by whose settings the others are measured is decided.
    fn begin_owners(&mut self) {
        let init = OwnersRecord::Init { uuid: 1, identity_version: 1, hash_key: 1 };
        self.kafka.owners.push(init);
        if let Some(first) = self.plan.roles.iter().position(|role| *role == Role::Agent) {
            self.kafka.owners.push(OwnersRecord::Host {
                host: host_id(first),
                partition: 0,
                settings: SETTINGS,
                version: "1".into(),
            });
        }
        self.kafka.owners.push(OwnersRecord::Topic {
            name: "shop.orders".into(),
            partitions: 12,
            replaces: false,
        });
    }

    fn begin(&mut self) {
        let hosts = self.plan.roles.len();
        for host in (0..hosts).filter(|host| self.plan.has_agent(*host)) {
            let most = if self.random.chance(200) { self.plan.fault_ms / 2 } else { 100 };
            let at = self.random.below(most);
            self.queue.add(at, Event::Start(host));
        }
        for _ in 0..self.plan.writes {
            let at = self.random.below(self.plan.fault_ms);
            self.queue.add(at, Event::Write);
        }
        self.plan_faults(hosts);
        let end = self.plan.fault_ms;
        self.queue.add(end, Event::Calm);
    }

    fn plan_faults(&mut self, hosts: usize) {
        type OfHost = fn(usize) -> Fault;
        let counts = self.plan.counts;
        let of_hosts: [(u32, OfHost); 10] = [
            (counts.deaths, Fault::Doom),
            (counts.crashes, Fault::Crash),
            (counts.pauses, Fault::Pause),
            (counts.cuts, Fault::Cut),
            (counts.stalls, Fault::Stall),
            (counts.leaves, Fault::Leave),
            (counts.unable, Fault::Unable),
            (counts.nodes_down, Fault::NodeDown),
            (counts.stale_producers, Fault::StaleProducer),
            (counts.false_alarms, Fault::FalseAlarm),
        ];
        for (count, of_host) in of_hosts {
            for _ in 0..count {
                let fault = of_host(self.random.index(hosts));
                self.plan_fault(fault);
            }
        }
        let forgets = if self.variant.world.owners_kept { 0 } else { 3 };
        let others = [
            (counts.outages, Fault::Outage),
            (counts.topology, Fault::Topology),
            (counts.copies, Fault::Copy),
            (forgets, Fault::Forget),
        ];
        for (count, fault) in others {
            for _ in 0..count {
                self.plan_fault(fault);
            }
        }
    }

    fn plan_fault(&mut self, fault: Fault) {
        let at = self.random.below(self.plan.fault_ms);
        self.queue.add(at, Event::Fault(fault));
    }
}
