//! Replay: from segments to records, offline.

mod counts;
mod filter;
mod key_filter;
mod publish;
mod run;
mod selection;
mod time_text;

pub use self::{
    counts::Counts,
    filter::{Filter, FilterArgs},
    key_filter::KeyFilter,
    run::{Format, NodeInput, Observer, Replay, ReplayError},
    selection::{Selection, TableArgs},
    time_text::{iso_micros, parse_micros},
};

pub(crate) use self::selection::split_name;
