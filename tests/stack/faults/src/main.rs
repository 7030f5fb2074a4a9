//! `ringtap-faults`: see `tests/stack/README.md`.

use std::{path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use anyhow::Result;
use clap::{Parser, Subcommand};
use ringtap_faults::{
    bare,
    clone::clone_segments,
    cluster::ClusterArguments,
    faults::FaultsArguments,
    journal::Journal,
    latency,
    load::{
        CHECKED_KEYSPACE, Coordinator, Limit, Load, LoadOptions, Mix, ONE_REPLICA, connect,
        create_bulk_table, create_checked_tables, write_bulk,
    },
    process, topics,
    verify::Verification,
};

/// Proof of the running agent: checked load, faults, verification, and the tools of the benches.
#[derive(Debug, Parser)]
#[command(name = "ringtap-faults", version, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write the checked load to a node, noting each write in a journal
    Load(LoadArgs),
    /// Write a backlog of plain rows to a node, as fast as it takes them
    Bulk {
        #[arg(long)]
        address: String,
        /// How many; none makes the table alone
        #[arg(long)]
        rows: u64,
    },
    /// Compare what is on Kafka with a journal, a log and tables
    Verify(VerifyArgs),
    /// Run node, broker and agent under load and faults, and check what reached Kafka
    Run(FaultsArguments),
    /// Run three nodes as one cluster with an agent beside each, and check that each change reached Kafka once
    Cluster(ClusterArguments),
    /// Make many segments of a few real ones: new ids and keys, CRCs made anew
    Clone {
        /// Directories with the originals
        #[arg(required = true)]
        from: Vec<PathBuf>,
        /// Where the clones go
        #[arg(long)]
        to: PathBuf,
        /// How many
        #[arg(long)]
        count: u64,
    },
    /// Send the records of some topics again as fast as librdkafka can
    Bare(BareArgs),
    /// Measure the time from a write's acknowledgement to its record at a consumer
    Latency {
        #[arg(long)]
        address: String,
        #[arg(long)]
        brokers: String,
        #[arg(long)]
        topic_prefix: String,
        #[arg(long, default_value_t = 50)]
        rate: u32,
        #[arg(long, default_value_t = 30)]
        seconds: u64,
    },
    /// Count what is committed in the topics of a prefix
    Count {
        #[arg(long)]
        brokers: String,
        #[arg(long)]
        topic_prefix: String,
    },
    /// Delete the topics of a prefix
    DeleteTopics {
        #[arg(long)]
        brokers: String,
        #[arg(long)]
        topic_prefix: String,
    },
    /// Write a process's processor time, memory, files and threads to a CSV file until it ends
    Sample {
        pid: u32,
        #[arg(long)]
        csv: PathBuf,
        #[arg(long, default_value_t = 1000)]
        every_ms: u64,
        /// End after so many seconds
        #[arg(long)]
        seconds: Option<u64>,
    },
}

#[derive(Debug, clap::Args)]
struct LoadArgs {
    #[arg(long)]
    address: String,
    #[arg(long)]
    journal: PathBuf,
    /// What every unique value begins with
    #[arg(long, default_value = "w-")]
    prefix: String,
    /// Writes in a second; as many as go without it
    #[arg(long)]
    rate: Option<u32>,
    #[arg(long, default_value_t = 64)]
    concurrency: usize,
    #[arg(long, conflicts_with = "writes")]
    seconds: Option<u64>,
    #[arg(long)]
    writes: Option<u64>,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Single inserts only
    #[arg(long)]
    inserts: bool,
}

#[derive(Debug, clap::Args)]
struct VerifyArgs {
    #[arg(long, default_value = "")]
    brokers: String,
    #[arg(long, default_value = "")]
    topic_prefix: String,
    /// Records of `ringtap replay`, to be looked at instead of topics
    #[arg(long)]
    replayed: Option<PathBuf>,
    #[arg(long)]
    journal: Option<PathBuf>,
    #[arg(long, default_value = "w-")]
    prefix: String,
    /// Records of `ringtap replay` of all segments
    #[arg(long)]
    log: Option<PathBuf>,
    /// Tables of the node, as `cqlrun --dump` prints them
    #[arg(long)]
    dump: Option<PathBuf>,
    /// Where the records go in the order of the log
    #[arg(long)]
    records: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct BareArgs {
    #[arg(long)]
    brokers: String,
    /// Prefix of the topics that are read
    #[arg(long)]
    from: String,
    /// Prefix of the topics that are written
    #[arg(long)]
    to: String,
    #[arg(long, default_value_t = usize::MAX)]
    records_max: usize,
    /// An option of librdkafka; may be repeated
    #[arg(short = 'X', long = "option", value_parser = parse_option)]
    option: Vec<(String, String)>,
}

fn parse_option(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Cli::parse().command).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "how a command says why it failed")]
            {
                eprintln!("ringtap-faults: {error:#}");
            }
            ExitCode::from(2)
        }
    }
}

async fn run(command: Command) -> Result<bool> {
    match command {
        Command::Load(arguments) => load(arguments).await,
        Command::Bulk { address, rows } => {
            let session = Arc::new(connect(&address).await?);
            create_bulk_table(&session).await?;
            print(&write_bulk(session, rows).await?)
        }
        Command::Run(arguments) => {
            let (report, never) = arguments.run().await?;
            println!("{report}");
            if !never.is_empty() {
                println!("no kill struck while {}", never.join(", "));
            }
            Ok(report.is_clean() && never.is_empty())
        }
        Command::Cluster(arguments) => {
            let report = arguments.run().await?;
            println!("{report}");
            Ok(report.is_clean())
        }
        Command::Verify(arguments) => verify(arguments),
        Command::Clone { from, to, count } => print(&clone_segments(&from, &to, count)?),
        Command::Bare(BareArgs { brokers, from, to, records_max, option }) => {
            print(&bare::send_again(&brokers, &from, &to, &option, records_max).await?)
        }
        Command::Latency { address, brokers, topic_prefix, rate, seconds } => {
            let time = Duration::from_secs(seconds);
            print(&latency::measure(&address, &brokers, &topic_prefix, rate, time).await?)
        }
        Command::Count { brokers, topic_prefix } => print(&topics::count(&brokers, &topic_prefix)?),
        Command::DeleteTopics { brokers, topic_prefix } => {
            print(&topics::delete(&brokers, &topic_prefix).await?)
        }
        Command::Sample { pid, csv, every_ms, seconds } => {
            let mut file = std::fs::File::create(&csv)?;
            let started = std::time::Instant::now();
            process::sample_to_csv(pid, Duration::from_millis(every_ms), &mut file, |_| {
                seconds.is_none_or(|seconds| started.elapsed().as_secs() < seconds)
            })?;
            Ok(true)
        }
    }
}

async fn load(arguments: LoadArgs) -> Result<bool> {
    let session = Arc::new(connect(&arguments.address).await?);
    create_checked_tables(&session, ONE_REPLICA).await?;
    let journal = Arc::new(Journal::open(&arguments.journal)?);
    let limit = match (arguments.writes, arguments.seconds) {
        (Some(writes), _) => Limit::Writes(writes),
        (None, Some(seconds)) => Limit::Time(Duration::from_secs(seconds)),
        (None, None) => Limit::None,
    };
    let options = LoadOptions {
        prefix: arguments.prefix,
        mix: if arguments.inserts { Mix::inserts() } else { Mix::everything() },
        rate: arguments.rate,
        concurrency: arguments.concurrency,
        seed: arguments.seed,
    };
    print(&Load::new().run(&[Coordinator::one(&session)], journal, &options, limit).await?)
}

fn verify(arguments: VerifyArgs) -> Result<bool> {
    let verification = Verification {
        brokers: arguments.brokers,
        topic_prefix: arguments.topic_prefix,
        replayed: arguments.replayed,
        journal: arguments.journal.map(|path| (path, arguments.prefix, CHECKED_KEYSPACE.to_owned())),
        log: arguments.log,
        dump: arguments.dump,
        records: arguments.records,
        ..Verification::default()
    };
    let report = verification.run()?;
    print(&report)?;
    Ok(report.is_clean())
}

/// Prints a report as JSON.
fn print(report: &impl serde::Serialize) -> Result<bool> {
    println!("{}", serde_json::to_string(report)?);
    Ok(true)
}
