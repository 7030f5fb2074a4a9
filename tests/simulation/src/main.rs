//! The command `ringtap-simulation`.

use std::{process::ExitCode, thread, time::Instant};

use clap::{Args, Parser, Subcommand, ValueEnum};
use ringtap_simulation::{
    run::{Job, Mode, Summary, run, schedule},
    trace::Trace,
    variant::{SOUND, Variant, named, weakened},
};

/// Seeded simulation of the protocol between the agents of a cluster.
#[derive(Debug, Parser)]
#[command(name = "ringtap-simulation", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs schedules, and prints what happened how often. The exit code is 1 if anything is wrong.
    Run {
        #[command(flatten)]
        seeds: Seeds,
        /// Leave out a rule, and expect that this is noticed: the exit code is 1 if nothing is wrong.
        #[arg(long, value_name = "RULE")]
        weakened: Option<String>,
        /// Run this seed alone.
        #[arg(long)]
        seed: Option<u64>,
        /// Print the steps of that seed.
        #[arg(long, requires = "seed")]
        trace: bool,
        /// Stop after so many problems.
        #[arg(long, default_value_t = 10)]
        problems: usize,
    },
    /// Leaves out each rule in turn. The exit code is 1 if that is not noticed within the seeds.
    Variants {
        #[command(flatten)]
        seeds: Seeds,
    },
}

#[derive(Debug, Args)]
struct Seeds {
    /// How many seeds to run.
    #[arg(long = "seeds", value_name = "SEEDS", default_value_t = 10_000)]
    count: u64,
    /// The first of them.
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// How many threads run them; 0: one for each processor.
    #[arg(long, default_value_t = 0)]
    threads: usize,
    /// What schedules end with.
    #[arg(long, value_enum, default_value_t = ModeName::Both)]
    mode: ModeName,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ModeName {
    /// Faults until the end.
    Safety,
    /// Faults stop, and all must come right.
    Liveness,
    /// The seed decides.
    Both,
}

impl Seeds {
    fn job(&self, variant: Variant, problems_max: usize) -> Job {
        let threads = match self.threads {
            0 => thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        };
        Job { first: self.first, seeds: self.count, variant, mode: self.mode(), threads, problems_max }
    }

    fn mode(&self) -> Mode {
        match self.mode {
            ModeName::Safety => Mode::Safety,
            ModeName::Liveness => Mode::Liveness,
            ModeName::Both => Mode::Both,
        }
    }
}

fn main() -> ExitCode {
    let is_right = match Cli::parse().command {
        Command::Run { seeds, weakened: rule, seed, trace, problems } => match rule.as_deref().map(named) {
            Some(None) => {
                let names: Vec<&str> = weakened().iter().map(|variant| variant.name).collect();
                println!("there is no such rule; there are {}", names.join(", "));
                return ExitCode::from(2);
            }
            Some(Some(variant)) => run_seeds(&seeds, variant, seed, trace, 1) != (seed.is_none()),
            None => run_seeds(&seeds, SOUND, seed, trace, problems),
        },
        Command::Variants { seeds } => run_variants(&seeds),
    };
    if is_right { ExitCode::SUCCESS } else { ExitCode::from(1) }
}

/// Returns true if nothing is wrong.
fn run_seeds(seeds: &Seeds, variant: Variant, seed: Option<u64>, trace: bool, problems_max: usize) -> bool {
    if let Some(seed) = seed {
        return run_seed(seed, variant, seeds.mode(), trace);
    }
    let job = seeds.job(variant, problems_max);
    let started = Instant::now();
    let summary = run(&job);
    let seconds = started.elapsed().as_secs_f64();
    for (name, count) in summary.tally.lines() {
        println!("{count:>12}  {name}");
    }
    println!(
        "{} schedules, {} steps, {:.1} s: {:.0} schedules/s on {} threads; digest {:016x}",
        summary.schedules,
        summary.steps,
        seconds,
        summary.schedules as f64 / seconds,
        job.threads,
        summary.digest
    );
    print_problems(&summary, &job);
    summary.problems.is_empty()
}

fn print_problems(summary: &Summary, job: &Job) {
    for (seed, problem) in &summary.problems {
        println!("seed {seed}, without rule {}: {problem}", job.variant.name);
        let ending = schedule(*seed, job.variant, job.mode, Trace::default());
        println!("  {:?}", ending.plan);
    }
}

fn run_seed(seed: u64, variant: Variant, mode: Mode, trace: bool) -> bool {
    let ending = schedule(seed, variant, mode, if trace { Trace::readable() } else { Trace::default() });
    println!("seed {seed}, without rule {}: {:?}", variant.name, ending.plan);
    let (digest, steps) = (ending.trace.digest(), ending.trace.steps());
    print!("{}", ending.trace.into_text());
    println!("{steps} steps, digest {digest:016x}");
    match &ending.problem {
        Some(problem) => println!("{problem}"),
        None => println!("all is right"),
    }
    ending.problem.is_none()
}

/// Returns true if each weakened variant was caught.
fn run_variants(seeds: &Seeds) -> bool {
    let mut all_caught = true;
    for variant in weakened() {
        let summary = run(&seeds.job(variant, 1));
        if let Some((seed, problem)) = summary.problems.first() {
            println!("{}: caught after {} seeds, by seed {seed}: {problem}", variant.name, summary.schedules);
        } else {
            all_caught = false;
            println!("{}: NOT CAUGHT in {} seeds", variant.name, summary.schedules);
        }
    }
    all_caught
}
