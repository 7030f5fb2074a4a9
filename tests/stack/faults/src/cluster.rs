//! Several nodes with an agent beside each, as one cluster: each change once, whatever happens to them.
//!
//! | module | does |
//! |---|---|
//! | `command` | what is told on the command line |
//! | `run`, `servers` | starts everything, loads it, strikes it, and has it checked |
//! | `plan`, `strike` | which faults come, and how each is done |
//! | `member` | a node, its agent, and what is kept of its log |
//! | `quiescence` | waits until the agents say that all is published and audited |
//! | `ownership` | who owned which tokens when |
//! | `publishers` | whose agent published a record, and since when it can be read |
//! | `timeline` | latencies and take-over times, from that |
//! | `side_traffic` | what the agents' own topics hold |
//! | `found` | reads and checks all that is on Kafka |
//! | `report` | what came of it |

mod clock;
mod command;
mod found;
mod member;
mod ownership;
mod plan;
mod publishers;
mod quiescence;
mod report;
mod run;
mod servers;
mod side_traffic;
mod strike;
mod timeline;

pub use self::{
    command::ClusterArguments,
    plan::{ClusterAct, ClusterPlan, Strike},
    publishers::Publishers,
    report::ClusterReport,
    run::{ClusterOptions, run},
    side_traffic::SideTraffic,
    timeline::{LatencyFigures, TakeOver},
};
