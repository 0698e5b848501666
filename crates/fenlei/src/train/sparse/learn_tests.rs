use serde::Deserialize;

use super::*;
use crate::model::ModelSpec;

#[derive(Deserialize)]
struct Set {
    rows: Vec<Vec<u8>>,
    classes: Vec<u32>,
    n_classes: usize,
    label_weights: Option<Vec<f64>>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    spec: String,
    probabilities: Option<Vec<Vec<f64>>>,
    weights: Option<Vec<Vec<f64>>>,
    bias: Option<Vec<f64>>,
}

impl Set {
    fn rows(&self, binary: bool) -> SparseRows {
        let mut rows = SparseRows::new(self.rows[0].len());
        for row in &self.rows {
            let entries = (0..).zip(row).filter(|(_, x)| **x > 0);
            rows.push(entries.map(|(column, &x)| (column, if binary { 1.0 } else { f32::from(x) })));
        }
        rows
    }

    fn targets(&self) -> Vec<Target> {
        self.classes.iter().map(|&class| Target::One(class)).collect()
    }
}

fn sets() -> Vec<Set> {
    serde_json::from_str(include_str!("../../../testdata/sparse_golden.json")).unwrap()
}

/// The description with a tolerance at which scikit-learn's own solvers stopped.
fn spec(toml: &str) -> SparseSpec {
    let mut spec = SparseSpec::of(&toml::from_str::<ModelSpec>(toml).unwrap()).unwrap();
    match &mut spec {
        SparseSpec::Linear(linear) => (linear.tolerance, linear.max_iterations) = (1e-9, 100_000),
        SparseSpec::NbSvm(nb_svm) => nb_svm.tolerance = 1e-9,
        SparseSpec::Nb(_) => {}
    }
    spec
}

fn learned(
    spec: &SparseSpec,
    rows: &SparseRows,
    targets: &[Target],
    labels: Labels,
    weights: Option<&[f64]>,
) -> Solution {
    learn(&Task { spec, rows, targets, labels, label_weights: weights, n_originals: rows.len(), seed: 1, stop: None })
        .unwrap()
}

fn margins(solution: &Solution, row: (&[u32], &[f32])) -> Vec<f64> {
    let k = solution.bias.len();
    let mut margins = solution.bias.clone();
    for (&column, &x) in row.0.iter().zip(row.1) {
        let weights = &solution.weights[column as usize * k..][..k];
        margins.iter_mut().zip(weights).for_each(|(m, w)| *m += w * f64::from(x));
    }
    margins
}

fn probabilities(margins: &[f64]) -> Vec<f64> {
    let margins = if let &[margin] = margins { vec![0.0, margin] } else { margins.to_vec() };
    let sum: f64 = margins.iter().map(|m| m.exp()).sum();
    margins.iter().map(|m| m.exp() / sum).collect()
}

fn assert_near(found: f64, expected: f64, tolerance: f64, what: &str) {
    assert!((found - expected).abs() <= tolerance * expected.abs().max(1.0), "{what}: {found}, expected {expected}");
}

#[test]
fn what_is_learned_is_what_scikit_learn_learns() {
    for set in sets() {
        let (targets, labels) = (set.targets(), Labels { n: set.n_classes, multi: false });
        for case in &set.cases {
            let Some(expected) = &case.probabilities else { continue };
            let spec = spec(&case.spec);
            let rows = set.rows(case.spec.contains("bernoulli"));
            let solution = learned(&spec, &rows, &targets, labels, set.label_weights.as_deref());
            assert!(solution.converged, "{}", case.spec);
            let k = solution.bias.len();
            for (i, expected) in expected.iter().enumerate() {
                let found = probabilities(&margins(&solution, rows.row(i)));
                found.iter().zip(expected).for_each(|(p, e)| assert_near(*p, *e, 1e-6, &case.spec));
            }
            for (output, weights) in case.weights.iter().flatten().enumerate() {
                for (column, expected) in weights.iter().enumerate() {
                    assert_near(solution.weights[column * k + output], *expected, 1e-5, &case.spec);
                }
            }
            for (found, expected) in solution.bias.iter().zip(case.bias.iter().flatten()) {
                assert_near(*found, *expected, 1e-5, &case.spec);
            }
        }
    }
}

#[test]
fn machines_have_the_margins_of_scikit_learns() {
    for set in sets() {
        let rows = set.rows(false);
        let all: Vec<u32> = (0..rows.len() as u32).collect();
        for case in set.cases.iter().filter(|case| case.probabilities.is_none()) {
            let SparseSpec::Linear(linear) = spec(&case.spec) else { panic!("{} is no machine", case.spec) };
            let weight = |class: u32| set.label_weights.as_ref().map_or(1.0, |weights| weights[class as usize]);
            let costs: Vec<f64> = set.classes.iter().map(|&class| linear.c * weight(class)).collect();
            for (output, (weights, bias)) in case.weights.iter().flatten().zip(case.bias.iter().flatten()).enumerate() {
                let positive = if set.n_classes == 2 { 1 } else { output as u32 };
                let signs: Vec<f64> =
                    set.classes.iter().map(|&class| if class == positive { 1.0 } else { -1.0 }).collect();
                let limits = Limits { tolerance: 1e-9, max_iterations: 1_000_000, stop: None };
                let squared = linear.loss == LinearLoss::SquaredHinge;
                let machine = dual::solve(&rows, &all, &signs, &costs, squared, 3, limits).unwrap();
                assert!(machine.converged);
                machine.weights.iter().zip(weights).for_each(|(w, e)| assert_near(*w, *e, 1e-5, &case.spec));
                assert_near(machine.bias, *bias, 1e-5, &case.spec);
            }
        }
    }
}

#[test]
fn nothing_depends_on_the_number_of_threads() {
    let set = &sets()[1];
    let (rows, targets, labels) = (set.rows(false), set.targets(), Labels { n: 3, multi: false });
    for toml in [
        "family = 'linear'",
        "family = 'linear'\npenalty = 'l1'",
        "family = 'linear'\nloss = 'hinge'",
        "family = 'nb-svm'",
    ] {
        let spec = SparseSpec::of(&toml::from_str::<ModelSpec>(toml).unwrap()).unwrap();
        let with = |n| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
            pool.install(|| learned(&spec, &rows, &targets, labels, None))
        };
        let one = with(1);
        assert_eq!(one, with(3), "{toml}");
        assert!(one.converged && one.bias.len() == 3);
    }
}

#[test]
fn naive_bayes_and_logistic_regression_meet_in_nb_svm() {
    let set = &sets()[0];
    let (rows, targets, labels) = (set.rows(true), set.targets(), Labels { n: 2, multi: false });
    let solve = |toml: &str| learned(&spec(toml), &rows, &targets, labels, None);
    let learned = solve("family = 'nb-svm'");
    assert!(learned.converged);
    // All the way back, the weights are a multiple of the log ratios.
    let bayes = solve("family = 'nb-svm'\ninterpolation = 0.0");
    let ratios = bayes::log_ratios(&rows.transposed(), &set.classes, 1.0, &vec![1.0; rows.len()]);
    let factor = bayes.weights[0] / ratios[0];
    assert!(factor > 0.0);
    bayes.weights.iter().zip(&ratios).for_each(|(w, ratio)| assert_near(*w, factor * ratio, 1e-12, "ratio"));
    let half = solve("family = 'nb-svm'\ninterpolation = 0.5");
    for ((half, one), other) in half.weights.iter().zip(&bayes.weights).zip(&learned.weights) {
        assert_near(*half, 0.5 * (one + other), 1e-12, "half");
    }
}

#[test]
fn several_labels_are_learned_one_against_the_rest() {
    let set = &sets()[0];
    let rows = set.rows(false);
    let single = learned(&spec("family = 'linear'"), &rows, &set.targets(), Labels { n: 2, multi: false }, None);
    // The second label is class 1, the first no document has, the third every one.
    let targets: Vec<Target> =
        set.classes.iter().map(|&class| Target::many(if class == 1 { vec![1, 2] } else { vec![2] })).collect();
    let several = learned(&spec("family = 'linear'"), &rows, &targets, Labels { n: 3, multi: true }, None);
    for (column, weight) in single.weights.iter().enumerate() {
        assert_near(several.weights[column * 3 + 1], *weight, 1e-7, "weight");
        assert_eq!((several.weights[column * 3], several.weights[column * 3 + 2]), (0.0, 0.0));
    }
    assert!(several.bias[0] < -3.0 && several.bias[2] > 3.0);
    for toml in ["family = 'nb'", "family = 'nb-svm'", "family = 'linear'\nloss = 'hinge'"] {
        let solution = learned(&spec(toml), &rows, &targets, Labels { n: 3, multi: true }, None);
        assert!(solution.bias.iter().chain(&solution.weights).all(|x| x.is_finite()), "{toml}");
    }
}

#[test]
fn a_raised_flag_ends_every_solver() {
    let set = &sets()[0];
    let stop = AtomicBool::new(true);
    for toml in [
        "family = 'linear'",
        "family = 'linear'\npenalty = 'l1'",
        "family = 'linear'\nloss = 'hinge'",
        "family = 'nb-svm'",
    ] {
        let (rows, targets) = (set.rows(false), set.targets());
        let labels = Labels { n: 2, multi: false };
        let task = Task {
            spec: &spec(toml),
            rows: &rows,
            targets: &targets,
            labels,
            label_weights: None,
            n_originals: rows.len(),
            seed: 1,
            stop: Some(&stop),
        };
        assert!(matches!(learn(&task), Err(crate::Error::Interrupted)), "{toml}");
    }
}
