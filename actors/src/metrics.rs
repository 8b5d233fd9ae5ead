//! The node in numbers, as OpenMetrics text.
//!
//! [`openmetrics`] takes one snapshot and writes it: the command line prints it, and whoever serves it over http sends
//! it under [`CONTENT_TYPE`]. Nothing is collected between snapshots. Each family of series is bounded by
//! [`MAX_SERIES`]; what is left out is itself a number.

mod acme;
mod certificates;
mod family;
mod firewall;
mod node;

use crate::core::Core;

use family::Families;

pub use family::MAX_SERIES;
pub use node::Reloads;

/// What OpenMetrics text is sent as.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The node in numbers, as OpenMetrics text with its `# EOF`.
pub async fn openmetrics(core: &Core) -> String {
    let mut families = Families::default();
    node::collect(core, &mut families).await;
    acme::collect(core, &mut families);
    certificates::collect(core, &mut families);
    firewall::collect(core, &mut families);
    families.render()
}
