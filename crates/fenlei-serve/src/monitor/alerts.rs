//! When somebody should look.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::clock;
use crate::log::{Level, Log};

/// A receiver that takes longer is given up.
const WEBHOOK_TIME: Duration = Duration::from_secs(5);

/// What is checked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Finding {
    /// As `drift_words` or `errors`.
    pub rule: &'static str,
    /// The model and version; empty for the whole server.
    pub subject: String,
    pub value: f64,
    pub limit: f64,
    /// Whether somebody should look.
    pub is_bad: bool,
}

/// Which rules are broken.
#[derive(Debug, Default)]
pub(crate) struct Alerts(BTreeMap<(&'static str, String), Finding>);

impl Alerts {
    /// Takes in what was found; tells what has changed: a rule that is newly broken, or not any more.
    pub fn update(&mut self, findings: Vec<Finding>) -> Vec<Finding> {
        let mut changed = Vec::new();
        for finding in findings {
            let key = (finding.rule, finding.subject.clone());
            let was_bad = self.0.get(&key).is_some_and(|before| before.is_bad);
            if was_bad != finding.is_bad {
                changed.push(finding.clone());
            }
            self.0.insert(key, finding);
        }
        changed
    }

    /// All rules that were checked, in order.
    pub fn all(&self) -> Vec<Finding> {
        self.0.values().cloned().collect()
    }
}

impl Finding {
    pub fn to_json(&self) -> Value {
        json!({ "rule": self.rule, "subject": self.subject, "value": self.value, "limit": self.limit, "firing": self.is_bad })
    }
}

/// Tells the log, and the receiver where there is one.
pub(crate) fn tell(changed: &[Finding], webhook: Option<&str>, log: &Log) {
    for finding in changed {
        let level = if finding.is_bad { Level::Warn } else { Level::Info };
        log.event(level, "alert", finding.to_json());
    }
    let Some(url) = webhook.filter(|_| !changed.is_empty()) else { return };
    let alerts: Vec<Value> = changed.iter().map(Finding::to_json).collect();
    let body = json!({ "time": clock::now(), "source": "fenlei", "alerts": alerts }).to_string();
    let agent: ureq::Agent = ureq::Agent::config_builder().timeout_global(Some(WEBHOOK_TIME)).build().into();
    let sent = agent.post(url).header("content-type", "application/json").send(&body);
    if let Err(error) = sent {
        log.event(Level::Error, "webhook_failed", json!({ "error": error.to_string() }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_changes_are_told() {
        let finding = |is_bad| Finding { rule: "errors", subject: String::new(), value: 0.5, limit: 0.1, is_bad };
        let mut alerts = Alerts::default();
        assert!(alerts.update(vec![finding(false)]).is_empty());
        assert_eq!(alerts.update(vec![finding(true)]), [finding(true)]);
        assert!(alerts.update(vec![finding(true)]).is_empty());
        assert_eq!(alerts.update(vec![finding(false)]), [finding(false)]);
        assert_eq!(alerts.all(), [finding(false)]);
    }
}
