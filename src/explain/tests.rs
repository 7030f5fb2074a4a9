//! Fates.
