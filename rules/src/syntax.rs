//! Text of a script to its syntax tree: physical lines, logical lines, rules.
//!
//! Nothing here knows which conditions or actions exist; the `check` module gives names their meaning.

pub mod ast;
pub mod lexer;
pub mod parser;
pub mod span;
pub(crate) mod test_block;
