//! Which values of the configuration a search may choose, and under which conditions.
//!
//! Invariant: a space is checked by building plans from its values before the first trial, so that a misspelt key is
//! told with the nearest known one and not after hours of search.

use std::collections::BTreeMap;

use toml::{Table, Value};

use crate::config::{PlanSource, load_plan};
use crate::train::Plan;
use crate::{Error, Result};

/// The key that chooses a recipe to lay the other values over.
pub const RECIPE_KEY: &str = "recipe";

/// Numbers that a grid takes of a range of real numbers, where it does not say how many.
const GRID_POINTS: usize = 5;

/// The most points of a grid.
const MOST_POINTS: usize = 100_000;

/// The values that a trial gave to parameters, by key. Parameters whose conditions do not hold have none.
pub type Values = BTreeMap<String, Value>;

/// What may be chosen.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Space {
    /// In the order in which they are chosen: a parameter stands behind those that its conditions name.
    pub parameters: Vec<Parameter>,
}

/// One value of the configuration that may be chosen.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// As `--set` takes it, or `recipe`.
    pub key: String,
    /// From what.
    pub range: Range,
    /// Other parameters and the values of them under which this one is chosen; all must hold.
    pub when: Vec<(String, Vec<Value>)>,
}

/// What a parameter is chosen from.
#[derive(Debug, Clone, PartialEq)]
pub enum Range {
    /// Real numbers, evenly or by their logarithm.
    Real {
        /// The least.
        low: f64,
        /// The greatest.
        high: f64,
        /// Whether orders of magnitude are equally probable.
        log: bool,
        /// How many a grid takes.
        points: usize,
    },
    /// Whole numbers.
    Int {
        /// The least.
        low: i64,
        /// The greatest.
        high: i64,
        /// From one to the next.
        step: i64,
        /// Whether orders of magnitude are equally probable.
        log: bool,
    },
    /// Any of these.
    Choice(Vec<Value>),
}

impl Space {
    /// Reads the table of a space. Keys are dotted names in quotes, or nested tables. `place` is for messages.
    ///
    /// # Errors
    /// [`Error::Config`] with the key, for ranges that make no sense and conditions on what is not chosen before.
    pub fn from_table(table: &Table, place: &str) -> Result<Self> {
        let mut parameters = Vec::new();
        flatten(table, "", place, &mut parameters)?;
        Self::of(parameters, place)
    }

    /// Puts parameters into an order in which their conditions can be answered.
    pub(crate) fn of(mut open: Vec<Parameter>, place: &str) -> Result<Self> {
        let mut parameters: Vec<Parameter> = Vec::with_capacity(open.len());
        while !open.is_empty() {
            let known = |key: &str| parameters.iter().any(|p| p.key == key);
            let Some(next) = open.iter().position(|p| p.when.iter().all(|(key, _)| known(key))) else {
                let (key, when) = (&open[0].key, &open[0].when);
                let names: Vec<&str> = when.iter().map(|(key, _)| key.as_str()).collect();
                let problem =
                    format!("`{key}` depends on {}, which the space does not choose (before it)", names.join(", "));
                return Err(Error::config(place, problem, "name another parameter of the space in `when`"));
            };
            parameters.push(open.remove(next));
        }
        for parameter in &parameters {
            for (key, wanted) in &parameter.when {
                let of = parameters.iter().find(|p| p.key == *key);
                if let Some(Range::Choice(choices)) = of.map(|p| &p.range)
                    && let Some(never) = wanted.iter().find(|value| !choices.contains(value))
                {
                    let problem = format!("`{}` is chosen when `{key}` is {never}, which it never is", parameter.key);
                    let known: Vec<String> = choices.iter().map(Value::to_string).collect();
                    return Err(Error::config(place, problem, format!("choose of {}", known.join(", "))));
                }
            }
        }
        Ok(Self { parameters })
    }

    /// One parameter in short, as `train.optimizer.lr=log(1e-4,1e-1)`, `uniform(a,b)`, `int(a,b[,step])`,
    /// `int-log(a,b)` or `choice(a,b,c)`.
    ///
    /// # Errors
    /// [`Error::Config`] for anything else.
    pub fn parse_parameter(raw: &str) -> Result<Parameter> {
        let place = format!("--param {raw}");
        let wrong = |problem: &str| {
            let help = "write it like \"train.optimizer.lr=log(1e-4,1e-1)\" or \"train.batch_size=choice(16,32)\"";
            Error::config(place.clone(), problem, help)
        };
        let (key, range) = raw.split_once('=').ok_or_else(|| wrong("there is no `=` in it"))?;
        let (kind, values) = range.trim().split_once('(').ok_or_else(|| wrong("there is no range in it"))?;
        let values = values.strip_suffix(')').ok_or_else(|| wrong("the range does not end with `)`"))?;
        let list = format!("v = [{values}]").parse::<Table>().ok().and_then(|mut table| table.remove("v"));
        let list = match list {
            Some(Value::Array(list)) => list,
            // Words need no quotes.
            _ => values.split(',').map(|word| Value::String(word.trim().to_owned())).collect(),
        };
        let mut table = Table::new();
        match kind.trim() {
            "int" if list.len() == 3 => {
                table.insert("int".to_owned(), Value::Array(list[..2].to_vec()));
                table.insert("step".to_owned(), list[2].clone());
            }
            "int-log" => {
                table.insert("int".to_owned(), Value::Array(list));
                table.insert("log".to_owned(), Value::Boolean(true));
            }
            kind => {
                table.insert(kind.to_owned(), Value::Array(list));
            }
        }
        parameter(key.trim(), &table, &place)
    }

    /// Whether `parameter` is chosen, given those before it.
    pub(crate) fn is_active(parameter: &Parameter, values: &Values) -> bool {
        parameter.when.iter().all(|(key, wanted)| values.get(key).is_some_and(|value| wanted.contains(value)))
    }

    /// Every combination, where ranges of real numbers count as a few points.
    ///
    /// # Errors
    /// [`Error::Config`] for more than can be tried.
    pub fn grid(&self) -> Result<Vec<Values>> {
        let mut grid = vec![Values::new()];
        for parameter in &self.parameters {
            let points = parameter.range.points();
            let mut next = Vec::with_capacity(grid.len());
            for values in grid {
                if !Self::is_active(parameter, &values) {
                    next.push(values);
                    continue;
                }
                next.extend(points.iter().map(|point| {
                    let mut values = values.clone();
                    values.insert(parameter.key.clone(), point.clone());
                    values
                }));
                if next.len() > MOST_POINTS {
                    let problem = format!("the grid has more than {MOST_POINTS} points");
                    return Err(Error::config("tune.space", problem, "narrow the space, or choose --sampler tpe"));
                }
            }
            grid = next;
        }
        Ok(grid)
    }

    /// Whether every parameter is one of finitely many values; then how many combinations there are.
    pub(crate) fn n_points(&self) -> Option<usize> {
        let is_finite = |p: &Parameter| !matches!(p.range, Range::Real { .. });
        self.parameters.iter().all(is_finite).then(|| self.grid().ok().map(|grid| grid.len())).flatten()
    }

    /// Builds plans over `base` until each parameter has taken each choice, or both ends of its range.
    ///
    /// # Errors
    /// [`Error::Config`] with the key of the space, for keys that are not known and values that make no sense.
    pub fn check(&self, base: &PlanSource) -> Result<()> {
        if self.parameters.is_empty() {
            return Err(Error::config("tune.space", "it is empty", "add a parameter, or leave the space out"));
        }
        for parameter in &self.parameters {
            for value in parameter.range.ends() {
                let mut forced = Values::from([(parameter.key.clone(), value.clone())]);
                self.force(parameter, &mut forced);
                let mut values = Values::new();
                for other in &self.parameters {
                    if let Some(value) = forced.get(&other.key) {
                        values.insert(other.key.clone(), value.clone());
                    } else if Self::is_active(other, &values) {
                        values.extend(other.range.ends().next().map(|value| (other.key.clone(), value)));
                    }
                }
                plan_of(base, &values).map_err(|error| in_space(error, &parameter.key))?;
            }
        }
        Ok(())
    }

    /// Gives parameters values under which `parameter` is chosen.
    fn force(&self, parameter: &Parameter, forced: &mut Values) {
        for (key, wanted) in &parameter.when {
            let value = wanted.first().filter(|_| !forced.contains_key(key));
            forced.extend(value.map(|value| (key.clone(), value.clone())));
            if let Some(parent) = self.parameters.iter().find(|p| p.key == *key) {
                self.force(parent, forced);
            }
        }
    }

    /// A text that is another one for another space.
    pub(crate) fn signature(&self) -> String {
        let line = |p: &Parameter| {
            let when: Vec<String> = p.when.iter().map(|(k, v)| format!("{k} in {}", Value::Array(v.clone()))).collect();
            format!("{} = {} {}\n", p.key, p.range.describe(), when.join(" and "))
        };
        self.parameters.iter().map(line).collect()
    }
}

/// The plan of a trial.
///
/// # Errors
/// As [`load_plan`].
pub fn plan_of(base: &PlanSource, values: &Values) -> Result<Plan> {
    let mut source = base.clone();
    for (key, value) in values {
        match value.as_str() {
            Some(recipe) if key == RECIPE_KEY => source.recipe = Some(recipe.to_owned()),
            // The choice to leave the key as it is.
            Some("") => {}
            _ => source.set.push(format!("{key}={value}")),
        }
    }
    load_plan(&source)
}

/// Says that a fault of a setting stands in the space.
fn in_space(error: Error, key: &str) -> Error {
    match error {
        Error::Config { place, problem, help } if place.starts_with("--set") => {
            Error::config(format!("tune.space, {}", place.trim_start_matches("--set ")), problem, help)
        }
        Error::Config { place, problem, help } => Error::config(format!("tune.space, {key}: {place}"), problem, help),
        other => other,
    }
}

fn flatten(table: &Table, prefix: &str, place: &str, found: &mut Vec<Parameter>) -> Result<()> {
    const RANGES: [&str; 4] = ["log", "uniform", "int", "choice"];
    for (key, value) in table {
        let key = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        let Value::Table(inner) = value else {
            let problem = format!("`{key}` is {value}, expected a range");
            let help = "write { log = [a, b] }, { uniform = [a, b] }, { int = [a, b] } or { choice = [..] }";
            return Err(Error::config(place, problem, help));
        };
        if inner.iter().any(|(kind, value)| RANGES.contains(&kind.as_str()) && !value.is_table()) {
            found.push(parameter(&key, inner, place)?);
        } else {
            flatten(inner, &key, place, found)?;
        }
    }
    Ok(())
}

/// Reads one parameter.
fn parameter(key: &str, table: &Table, place: &str) -> Result<Parameter> {
    let wrong = |problem: String, help: &str| Err(Error::config(place, format!("`{key}`: {problem}"), help));
    const KNOWN: [&str; 7] = ["log", "uniform", "int", "choice", "step", "points", "when"];
    if let Some((unknown, _)) = table.iter().find(|(name, _)| !KNOWN.contains(&name.as_str())) {
        let problem = format!("`{unknown}` is not part of a range, expected one of {}", KNOWN.join(", "));
        return wrong(problem, "write { log = [a, b] }, { uniform = [a, b] }, { int = [a, b] } or { choice = [..] }");
    }
    let kinds: Vec<&str> = ["log", "uniform", "int", "choice"]
        .into_iter()
        .filter(|kind| table.get(*kind).is_some_and(Value::is_array))
        .collect();
    let &[kind] = &kinds[..] else {
        return wrong(format!("found {} ranges, expected one", kinds.len()), "give one of log, uniform, int, choice");
    };
    let list = table.get(kind).and_then(Value::as_array).cloned().unwrap_or_default();
    let log = table.get("log").and_then(Value::as_bool).unwrap_or(kind == "log");
    let range = if kind == "choice" {
        let mut distinct: Vec<Value> = Vec::new();
        for value in list {
            if distinct.contains(&value) {
                return wrong(format!("{value} stands twice in it"), "name each choice once");
            }
            distinct.push(value);
        }
        if distinct.is_empty() {
            return wrong("there is nothing to choose from".to_owned(), "name at least one value");
        }
        Range::Choice(distinct)
    } else {
        let number = |v: &Value| v.as_float().or_else(|| v.as_integer().map(|i| i as f64));
        let numbers: Vec<f64> = list.iter().filter_map(number).collect();
        let (&[low, high], true) = (&numbers[..], numbers.len() == list.len()) else {
            return wrong(format!("found {}, expected two numbers", Value::Array(list)), "write [least, greatest]");
        };
        if !(low.is_finite() && high.is_finite() && low < high) {
            return wrong(format!("found {low} to {high}"), "the first number must be below the second");
        }
        if log && low <= 0.0 {
            return wrong(format!("{low} has no logarithm"), "begin above 0, or use uniform");
        }
        if kind == "int" {
            let (Some(low), Some(high)) = (list[0].as_integer(), list[1].as_integer()) else {
                return wrong("expected whole numbers".to_owned(), "use uniform or log for others");
            };
            let step = table.get("step").map_or(Some(1), Value::as_integer).filter(|step| *step > 0);
            let Some(step) = step else {
                return wrong("the step must be a whole number above 0".to_owned(), "1 is usual");
            };
            Range::Int { low, high, step, log }
        } else {
            let points = table.get("points").map_or(Some(GRID_POINTS as i64), Value::as_integer).filter(|n| *n >= 2);
            let Some(points) = points else { return wrong("`points` must be at least 2".to_owned(), "5 is usual") };
            Range::Real { low, high, log, points: points as usize }
        }
    };
    let mut when = Vec::new();
    match table.get("when") {
        None => {}
        Some(Value::Table(conditions)) => {
            for (on, value) in conditions {
                let values = match value {
                    Value::Array(values) => values.clone(),
                    other => vec![other.clone()],
                };
                when.push((on.clone(), values));
            }
        }
        Some(_) => {
            return wrong("`when` is no table".to_owned(), "write when = { \"model.family\" = \"linear\" }");
        }
    }
    Ok(Parameter { key: key.to_owned(), range, when })
}

impl Range {
    /// The values that a grid takes.
    fn points(&self) -> Vec<Value> {
        match self {
            Self::Choice(values) => values.clone(),
            Self::Int { low, high, step, .. } => {
                (*low..=*high).step_by((*step).max(1) as usize).take(MOST_POINTS + 1).map(Value::Integer).collect()
            }
            Self::Real { low, high, log, points } => {
                let at = |i: usize| {
                    let share = i as f64 / (points - 1) as f64;
                    if i == 0 {
                        *low
                    } else if i + 1 == *points {
                        *high
                    } else if *log {
                        (low.ln() + share * (high.ln() - low.ln())).exp()
                    } else {
                        low + share * (high - low)
                    }
                };
                (0..*points).map(|i| Value::Float(at(i))).collect()
            }
        }
    }

    /// Each choice, or both ends.
    fn ends(&self) -> Box<dyn Iterator<Item = Value> + '_> {
        match self {
            Self::Choice(values) => Box::new(values.iter().cloned()),
            Self::Int { low, high, .. } => Box::new([*low, *high].into_iter().map(Value::Integer)),
            Self::Real { low, high, .. } => Box::new([*low, *high].into_iter().map(Value::Float)),
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::Choice(values) => format!("choice {}", Value::Array(values.clone())),
            Self::Int { low, high, step, log } => format!("int {low} {high} {step} {log}"),
            Self::Real { low, high, log, points } => format!("real {low:?} {high:?} {log} {points}"),
        }
    }
}

#[cfg(test)]
#[path = "space_tests.rs"]
mod tests;
