//! Seeds, history, lookups.
