//! Certificates in use and the looks at their files.

use super::family::{Families, Kind};
use crate::core::Core;

pub(super) fn collect(core: &Core, families: &mut Families) {
    for report in core.certificates.report() {
        let file = report.file.display().to_string();
        let labels = [
            ("section", report.section.as_str()),
            ("file", file.as_str()),
        ];
        let help = "End of the validity of a certificate in use, since 1970";
        #[expect(
            clippy::cast_precision_loss,
            reason = "the dates of certificates are far below 2^53"
        )]
        let not_after = report.not_after as f64;
        families
            .family("certificate_not_after_timestamp", Kind::GaugeSeconds, help)
            .seconds(&labels, not_after);
    }
    let counts = core.certificates.look_counts();
    let help = "Times that files of certificates had changed, by what came of it";
    let mut changes = families.family("certificate_changes", Kind::Counter, help);
    changes.add(&[("outcome", "ok")], counts.changed);
    changes.add(&[("outcome", "refused")], counts.refused);
    let help = "Reasons why the certificates on disk are not those in use";
    families
        .family("certificate_problems", Kind::Gauge, help)
        .size(&[], core.certificates.problems().len());
}
