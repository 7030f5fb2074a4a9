//! Restarts, aborts, losses and damage, on what real nodes logged.
