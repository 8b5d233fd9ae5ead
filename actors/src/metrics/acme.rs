//! Certificates that are ordered of an authority.

use super::family::{Families, Kind};
use crate::core::Core;

pub(super) fn collect(core: &Core, families: &mut Families) {
    for host in core.acme.hosts() {
        let labels = [("host", host.host.as_str())];
        let help = "Orders of certificates, by what came of them";
        let mut orders = families.family("acme_orders", Kind::Counter, help);
        for (outcome, count) in [("issued", host.issued), ("failed", host.failed)] {
            orders.add(&[("host", &host.host), ("outcome", outcome)], count);
        }
        let help = "Failed orders since the last that worked";
        families
            .family("acme_failures", Kind::Gauge, help)
            .size(&labels, host.failures);
        let help = "When a certificate is ordered next";
        families
            .family("acme_next_order_timestamp", Kind::GaugeSeconds, help)
            .seconds(&labels, seconds(host.next_order));
        if let Some(not_after) = host.not_after {
            let help = "When the certificate that was ordered last ends";
            families
                .family("acme_not_after_timestamp", Kind::GaugeSeconds, help)
                .seconds(&labels, seconds(not_after));
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "whole seconds are exact for millions of years"
)]
fn seconds(at: i64) -> f64 {
    at as f64
}
