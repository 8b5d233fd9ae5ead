//! One thing that an operator should know.

use std::fmt;

use serde_json::{Value, json};

/// What a finding is about. The order is that of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Subject {
    /// Configuration, scripts and groups.
    Configuration,
    /// Certificates and the hosts that they are for.
    Certificates,
    /// What DNS says of the hosts.
    Dns,
    /// Addresses to listen on.
    Ports,
    /// Bounds that the system sets.
    Limits,
    /// The data directory and the database.
    Storage,
    /// The time.
    Clock,
}

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    /// It keeps the node, or a part of it, from serving.
    Error,
    /// It looks like a mistake.
    Warning,
    /// It is good to know.
    Note,
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// What it is about.
    pub(crate) subject: Subject,
    /// How much it matters.
    pub(crate) severity: Severity,
    /// What is so. The configuration tells its own, which may have several lines.
    pub(crate) what: String,
    /// What to do; empty where there is nothing to do or `what` has said it.
    pub(crate) cure: String,
}

impl Finding {
    /// What keeps something from serving.
    pub(crate) fn error(subject: Subject, what: String, cure: impl Into<String>) -> Self {
        Self::new(subject, Severity::Error, what, cure.into())
    }

    /// What looks like a mistake.
    pub(crate) fn warning(subject: Subject, what: String, cure: impl Into<String>) -> Self {
        Self::new(subject, Severity::Warning, what, cure.into())
    }

    /// What is good to know.
    pub(crate) fn note(subject: Subject, what: String) -> Self {
        Self::new(subject, Severity::Note, what, String::new())
    }

    /// As it is, but with something to do.
    pub(crate) fn with_cure(mut self, cure: impl Into<String>) -> Self {
        self.cure = cure.into();
        self
    }

    fn new(subject: Subject, severity: Severity, what: String, cure: String) -> Self {
        Self {
            subject,
            severity,
            what,
            cure,
        }
    }

    /// For programs that read the report.
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "subject": self.subject.word(),
            "severity": self.severity.word(),
            "what": self.what.trim_end(),
            "cure": (!self.cure.is_empty()).then_some(&self.cure),
        })
    }
}

/// `warning: what: cure`; what the configuration says stands for itself.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.subject == Subject::Configuration {
            return f.write_str(self.what.trim_end());
        }
        write!(f, "{}: {}", self.severity.word(), self.what)?;
        match self.cure.as_str() {
            "" => Ok(()),
            cure => write!(f, ": {cure}"),
        }
    }
}

impl Subject {
    /// In the report.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Certificates => "certificates",
            Self::Dns => "dns",
            Self::Ports => "ports",
            Self::Limits => "limits",
            Self::Storage => "storage",
            Self::Clock => "clock",
        }
    }
}

impl Severity {
    fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}
