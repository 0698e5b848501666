//! A study as one page of HTML with drawings in SVG, which needs nothing from anywhere else.

use std::fmt::Write as _;

use super::importance::importance;
use super::trial::{State, Trial, best};

/// Of a drawing.
const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 300.0;
const MARGIN: f64 = 56.0;

/// Parameters that the parallel coordinates show.
const MOST_AXES: usize = 9;

const STYLE: &str = "
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #6b7480; --line: #d7dce2; --mark: #1f6feb; --best: #c2410c; --paper: #fff; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ee; --soft: #98a2b0; --line: #363d47; --mark: #6ea8fe; --best: #ff9e64; --paper: #14171b; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 940px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2.2rem; }
svg { width: 100%; height: auto; } svg text { font-size: 12px; fill: var(--soft); }
.axis { stroke: var(--line); } .dot { fill: var(--mark); opacity: .75; } .pruned { fill: var(--soft); opacity: .5; }
.best { stroke: var(--best); fill: none; stroke-width: 2; } .trial { fill: none; stroke: var(--mark); }
.bar { fill: var(--mark); } .scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; } td, th { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line); }
td.n { text-align: right; font-variant-numeric: tabular-nums; }
";

/// The page. `objective` is what the study searches for.
pub fn page(trials: &[Trial], objective: &str) -> String {
    let sign = if objective.starts_with("log-loss") { -1.0 } else { 1.0 };
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\"><title>Study</title><style>{STYLE}</style></head><body>\n\
         <h1>Search for {}</h1>\n",
        escaped(objective)
    );
    let count = |state: State| trials.iter().filter(|trial| trial.state == state).count();
    let _ = writeln!(
        html,
        "<p>{} trials: {} complete, {} pruned, {} beyond the limits, {} failed.</p>",
        trials.len(),
        count(State::Complete),
        count(State::Pruned),
        count(State::Infeasible),
        count(State::Failed)
    );
    html += "<h2>History</h2>\n";
    html += &history(trials, sign);
    html += "<h2>What the figure depends on</h2>\n";
    html += &bars(trials);
    html += "<h2>Parallel coordinates</h2>\n<p>One line a trial; the darker, the better, and the best in another colour.</p>\n";
    html += &coordinates(trials, sign);
    html += "<h2>The best trials</h2>\n";
    html += &table(trials, sign);
    html += "</body></html>\n";
    html
}

/// Scored trials over their numbers, and the best so far.
fn history(trials: &[Trial], sign: f64) -> String {
    let scored: Vec<(&Trial, f64)> = trials.iter().filter_map(|t| Some((t, sign * t.score?))).collect();
    if scored.is_empty() {
        return "<p>No trial has a figure yet.</p>\n".to_owned();
    }
    let y = Axis::over(scored.iter().map(|(_, value)| *value));
    let last = trials.len().saturating_sub(1).max(1) as f64;
    let x_at = |number: u64| MARGIN + number as f64 / last * (WIDTH - 2.0 * MARGIN);
    let y_at = |value: f64| HEIGHT - MARGIN + y.share(value) * (2.0 * MARGIN - HEIGHT);
    let mut svg = begin("The figure of every trial in order, with the best so far", HEIGHT);
    for tick in y.ticks() {
        let at = y_at(tick);
        let _ = write!(
            svg,
            "<line class=\"axis\" x1=\"{MARGIN}\" x2=\"{}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{tick:.4}</text>",
            WIDTH - MARGIN,
            MARGIN - 6.0,
            at + 4.0
        );
    }
    let _ = write!(
        svg,
        "<text x=\"{MARGIN}\" y=\"{0}\">0</text><text x=\"{1}\" y=\"{0}\" text-anchor=\"end\">trial {last}</text>",
        HEIGHT - MARGIN + 20.0,
        WIDTH - MARGIN
    );
    let mut path = String::new();
    let mut so_far: Option<f64> = None;
    for (trial, value) in &scored {
        let complete = trial.state == State::Complete;
        if complete && so_far.is_none_or(|best| sign * value > sign * best) {
            let at = x_at(trial.number);
            let _ = match so_far {
                None => write!(path, "M{at:.1} {:.1}", y_at(*value)),
                Some(_) => write!(path, "H{at:.1}V{:.1}", y_at(*value)),
            };
            so_far = Some(*value);
        }
        let class = if complete { "dot" } else { "pruned" };
        let _ = write!(
            svg,
            "<circle class=\"{class}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"4\"><title>trial {}: {value:.4}, {}</title></circle>",
            x_at(trial.number),
            y_at(*value),
            trial.number,
            trial.state.as_str()
        );
    }
    if !path.is_empty() {
        let _ = write!(svg, "<path class=\"best\" d=\"{path}H{:.1}\"/>", WIDTH - MARGIN);
    }
    svg + "</svg>\n"
}

/// Importances as bars.
fn bars(trials: &[Trial]) -> String {
    let found = importance(trials);
    if found.is_empty() {
        return "<p>No trial has run to its end yet.</p>\n".to_owned();
    }
    let mut svg =
        begin("Share of the variance that each parameter explains by itself", found.len() as f64 * 24.0 + 8.0);
    for (i, one) in found.iter().enumerate() {
        let y = i as f64 * 24.0 + 4.0;
        let _ = write!(
            svg,
            "<text x=\"252\" y=\"{:.1}\" text-anchor=\"end\">{}</text><rect class=\"bar\" x=\"260\" y=\"{y:.1}\" \
             width=\"{:.1}\" height=\"16\"/><text x=\"{:.1}\" y=\"{:.1}\">{:.0} %</text>",
            y + 13.0,
            escaped(&one.key),
            one.share * 560.0,
            268.0 + one.share * 560.0,
            y + 13.0,
            100.0 * one.share
        );
    }
    svg + "</svg>\n"
}

/// One axis a parameter, and one for the figure.
fn coordinates(trials: &[Trial], sign: f64) -> String {
    let complete: Vec<&Trial> = trials.iter().filter(|t| t.state == State::Complete && t.score.is_some()).collect();
    if complete.is_empty() {
        return "<p>No trial has run to its end yet.</p>\n".to_owned();
    }
    let keys: Vec<String> = importance(trials).into_iter().take(MOST_AXES).map(|one| one.key).collect();
    let axes: Vec<Places> = keys.iter().map(|key| Places::of(&complete, key)).collect();
    let scores = Axis::over(complete.iter().filter_map(|t| t.score));
    let best = best(trials).map(|trial| trial.number);
    let height = HEIGHT + 60.0;
    let x_at = |i: usize| MARGIN + i as f64 / axes.len().max(1) as f64 * (WIDTH - 2.0 * MARGIN);
    let y_at = |share: f64| height - MARGIN + share * (2.0 * MARGIN - height);
    let mut svg = begin("The values and the figure of each trial, one line a trial", height);
    for (i, name) in keys.iter().map(String::as_str).chain(["figure"]).enumerate() {
        let short: String = name.rsplit('.').next().unwrap_or(name).chars().take(16).collect();
        let (x, down) = (x_at(i), if i % 2 == 0 { 18.0 } else { 34.0 });
        let _ = write!(
            svg,
            "<line class=\"axis\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{MARGIN}\" y2=\"{:.1}\"/>\
             <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}<title>{}</title></text>",
            height - MARGIN,
            height - MARGIN + down,
            escaped(&short),
            escaped(name)
        );
        let ends = axes.get(i).map_or_else(
            || [format!("{:.4}", sign * scores.low), format!("{:.4}", sign * scores.high)],
            |axis| axis.ends.clone(),
        );
        for (end, y) in ends.iter().zip([height - MARGIN - 4.0, MARGIN - 6.0]) {
            let short: String = end.chars().take(14).collect();
            let _ = write!(svg, "<text x=\"{:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">{}</text>", x, escaped(&short));
        }
    }
    for trial in &complete {
        let mut path = String::new();
        for (i, axis) in axes.iter().enumerate() {
            let share = axis.shares.iter().find(|(number, _)| *number == trial.number).map(|(_, share)| *share);
            // A parameter that was not chosen is passed by.
            if let Some(share) = share {
                let _ = write!(path, "{}{:.1} {:.1}", if path.is_empty() { 'M' } else { 'L' }, x_at(i), y_at(share));
            }
        }
        let share = scores.share(trial.score.unwrap_or(scores.low));
        let _ = write!(path, "{}{:.1} {:.1}", if path.is_empty() { 'M' } else { 'L' }, x_at(axes.len()), y_at(share));
        let class = if best == Some(trial.number) { "best" } else { "trial" };
        let opacity = if class == "best" { 1.0 } else { 0.1 + 0.6 * share };
        let _ = write!(
            svg,
            "<path class=\"{class}\" d=\"{path}\" opacity=\"{opacity:.2}\"><title>trial {}: {:.4}</title></path>",
            trial.number,
            sign * trial.score.unwrap_or_default()
        );
    }
    svg + "</svg>\n"
}

fn table(trials: &[Trial], sign: f64) -> String {
    let mut ranked: Vec<&Trial> = trials.iter().filter(|t| t.state == State::Complete && t.score.is_some()).collect();
    ranked.sort_by(|a, b| {
        b.score.unwrap_or_default().total_cmp(&a.score.unwrap_or_default()).then(a.number.cmp(&b.number))
    });
    let mut html =
        "<div class=\"scroll\"><table><tr><th>Trial</th><th>Figure</th><th>Seconds</th><th>Values</th></tr>\n"
            .to_owned();
    for trial in ranked.iter().take(20) {
        let values: Vec<String> = trial.values.iter().map(|(key, value)| format!("{key} = {value}")).collect();
        let _ = writeln!(
            html,
            "<tr><td class=\"n\">{}</td><td class=\"n\">{:.4}</td><td class=\"n\">{:.1}</td><td>{}</td></tr>",
            trial.number,
            sign * trial.score.unwrap_or_default(),
            trial.seconds.unwrap_or_default(),
            escaped(&values.join("; "))
        );
    }
    html + "</table></div>\n"
}

/// Where the values of a parameter stand on its axis.
struct Places {
    /// Trial, and from 0 at the bottom to 1.
    shares: Vec<(u64, f64)>,
    /// What stands at the bottom and the top.
    ends: [String; 2],
}

impl Places {
    fn of(trials: &[&Trial], key: &str) -> Self {
        let seen = || trials.iter().filter_map(|trial| Some((trial.number, trial.values.get(key)?)));
        let number = |v: &toml::Value| v.as_float().or_else(|| v.as_integer().map(|i| i as f64));
        let numbers: Option<Vec<(u64, f64)>> = seen().map(|(trial, value)| Some((trial, number(value)?))).collect();
        if let Some(numbers) = numbers {
            let (low, high) = bounds(numbers.iter().map(|(_, x)| *x));
            // Orders of magnitude, where there are several.
            let log = low > 0.0 && high / low > 50.0;
            let scaled = |x: f64| if log { x.ln() } else { x };
            let axis = Axis { low: scaled(low), high: scaled(high) };
            let shares = numbers.iter().map(|(trial, x)| (*trial, axis.share(scaled(*x)))).collect();
            return Self { shares, ends: [short_number(low), short_number(high)] };
        }
        let mut words: Vec<String> = seen().map(|(_, value)| value.to_string()).collect();
        words.sort_unstable();
        words.dedup();
        let last = words.len().saturating_sub(1).max(1) as f64;
        let place = |value: &toml::Value| words.binary_search(&value.to_string()).unwrap_or(0) as f64 / last;
        let shares = seen().map(|(trial, value)| (trial, place(value))).collect();
        let end = |word: Option<&String>| word.cloned().unwrap_or_default();
        Self { shares, ends: [end(words.first()), end(words.last())] }
    }
}

/// A range of numbers.
struct Axis {
    low: f64,
    high: f64,
}

impl Axis {
    fn over(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = bounds(values);
        Self { low, high }
    }

    /// From 0 to 1; in the middle where there is only one value.
    fn share(&self, value: f64) -> f64 {
        if self.high > self.low { (value - self.low) / (self.high - self.low) } else { 0.5 }
    }

    fn ticks(&self) -> Vec<f64> {
        let n = if self.high > self.low { 4 } else { 0 };
        (0..=n).map(|i| self.low + f64::from(i) / f64::from(n.max(1)) * (self.high - self.low)).collect()
    }
}

fn bounds(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)))
}

fn short_number(x: f64) -> String {
    if x != 0.0 && (x.abs() < 0.01 || x.abs() >= 1e5) {
        format!("{x:.1e}")
    } else {
        format!("{}", (x * 1e3).round() / 1e3)
    }
}

fn begin(about: &str, height: f64) -> String {
    format!(
        "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{0}\" xmlns=\"http://www.w3.org/2000/svg\"><title>{0}</title>",
        escaped(about)
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tune::Values;

    #[test]
    fn a_page_shows_every_trial_and_stands_alone() {
        let trial = |i: u64| Trial {
            number: i,
            state: if i == 3 { State::Pruned } else { State::Complete },
            values: Values::from([
                ("train.optimizer.lr".to_owned(), toml::Value::Float(0.001 * (i + 1) as f64)),
                ("recipe".to_owned(), toml::Value::String(format!("<r{}>", i % 2))),
            ]),
            seed: 0,
            score: Some(-0.5 + 0.01 * i as f64),
            message: None,
            bytes: None,
            latency_us: None,
            attempts: 1,
            given: false,
            seconds: Some(1.0),
        };
        let trials: Vec<Trial> = (0..8).map(trial).collect();
        let html = page(&trials, "log-loss on documents held back");
        assert_eq!(html.matches("<circle").count(), 8);
        assert_eq!(html.matches("class=\"trial\"").count(), 6);
        assert_eq!(html.matches("role=\"img\"").count(), 3);
        assert!(html.contains("trial 7: 0.4300") && !html.contains("<r0>") && !html.contains("NaN"));
        assert!(!html.replace("http://www.w3.org/2000/svg", "").contains("http"), "nothing from elsewhere");
        assert!(page(&[], "accuracy").contains("No trial has a figure yet"));
    }
}
