//! Replay: from segments to records, offline.

mod filter;
mod key_filter;
mod run;
mod selection;
mod time_text;

pub use self::{
    filter::{Filter, FilterArgs},
    key_filter::KeyFilter,
    run::{Counts, Format, NodeInput, Observer, Replay, ReplayError},
    selection::{Selection, TableArgs},
    time_text::{iso_micros, parse_micros},
};

pub(crate) use self::selection::split_name;
