//! Tests against what real nodes logged and what their CQL statements said.

mod alter;
mod catalogue;
mod follow;
pub(super) mod load;
