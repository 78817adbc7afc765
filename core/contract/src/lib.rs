//! The contract: what the six languages have in common.
//!
//! The Rust types with their documentation are the one truth. This crate reads their source ([`source`]), makes a model
//! of it ([`model`]), and fills a template for each file that a language needs ([`render`]). What it writes is checked
//! in; a test fails where a file and its template disagree.
//!
//! ```text
//! core/protocol/src/{event,error,counters,delivery}.rs, core/client/src/{environment,options,stats,report}.rs
//!     → source → model → templates/ → python, node, bindings, docs/names.md
//! ```

pub mod docs;
pub mod model;
pub mod render;
pub mod source;
