//! The node: wiring and nothing else.
