//! Targets and whether they are met.

use serde::Serialize;

use crate::bench::table::{Table, figure, figure_or_dash, met};

/// On which side of its target a figure must be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Side {
    AtLeast,
    AtMost,
    Below,
}

/// A figure beside its target.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(in crate::bench) struct Check {
    what: String,
    /// `None` when something failed.
    pub measured: Option<f64>,
    side: Side,
    target: f64,
}

impl Check {
    pub fn at_least(what: String, measured: Option<f64>, target: f64) -> Self {
        Self { what, measured, side: Side::AtLeast, target }
    }

    pub fn at_most(what: String, measured: Option<f64>, target: f64) -> Self {
        Self { what, measured, side: Side::AtMost, target }
    }

    pub fn below(what: String, measured: Option<f64>, target: f64) -> Self {
        Self { what, measured, side: Side::Below, target }
    }

    /// Whether the target is met; `None` when nothing was measured.
    pub fn met(&self) -> Option<bool> {
        self.measured.map(|measured| match self.side {
            Side::AtLeast => measured >= self.target,
            Side::AtMost => measured <= self.target,
            Side::Below => measured < self.target,
        })
    }
}

/// All targets.
pub(in crate::bench) fn table(checks: &[Check], is_trial: bool) -> Table {
    let mut table = Table::new(&["what", "target", "measured", "met?"]);
    for check in checks {
        let side = match check.side {
            Side::AtLeast => "≥",
            Side::AtMost => "≤",
            Side::Below => "<",
        };
        let answer = match (is_trial, check.met()) {
            (true, _) => "a trial".to_owned(),
            (false, None) => "not measured".to_owned(),
            (false, known) => met(known),
        };
        let target = format!("{side} {}", figure(check.target));
        table.row([check.what.clone(), target, figure_or_dash(check.measured), answer]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_side_counts_its_own_way() {
        let met = |check: Check| check.met();
        assert_eq!(met(Check::at_least("x".into(), Some(25.0), 25.0)), Some(true));
        assert_eq!(met(Check::at_most("x".into(), Some(0.31), 0.3)), Some(false));
        assert_eq!(met(Check::below("x".into(), Some(60.0), 60.0)), Some(false));
        assert_eq!(met(Check::below("x".into(), None, 60.0)), None);
        let table = table(&[Check::below("x".into(), None, 60.0)], false).to_string();
        assert!(table.contains("not measured"), "{table}");
    }
}
