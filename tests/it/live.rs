//! The live log of a node, fed with segments that real nodes wrote, as they came into being.

mod candidates;
mod finality;
mod gaps;
mod growth;
mod node;
mod removal;
mod restart;
