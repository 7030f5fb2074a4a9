//! The agent's catalogue.
