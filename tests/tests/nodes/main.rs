//! Networks of nodes in memory, without an engine: every system by itself, also under attack.
//!
//! **Invariant:** no test depends on another test's state.

mod amplification;
mod central;
mod checker;
mod clones;
mod directory;
mod full_view;
mod gnutella;
mod heavy_source;
mod hostile;
mod indirect;
mod last_node;
mod linearizable;
mod merge;
mod overlay;
mod place;
mod planted;
mod ring;
mod store;
mod words;
