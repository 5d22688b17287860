//! What is done to the nodes.
