use super::*;
use crate::rng;

fn value(seed: u64, i: usize) -> f64 {
    rng::uniform(seed, i as u64) * 2.0 - 1.0
}

fn every_kind() -> Vec<Instructions> {
    let mut kinds = vec![Instructions::Portable];
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx2") {
            kinds.push(Instructions::Avx2);
        }
        if Instructions::here() == Instructions::Avx512 {
            kinds.push(Instructions::Avx512);
        }
    }
    kinds
}

/// Inputs of one row and of several, a row in two inputs, an output that stands twice.
const ROWS: [u32; 9] = [0, 4, 2, 2, 7, 1, 0, 3, 5];
const ENDS: [u32; 5] = [1, 2, 5, 8, 9];

#[test]
fn every_kind_of_processor_takes_the_step_of_the_definition() {
    for dim in [1, 15, 16, 100] {
        for n_outputs in [1, 5, 6, 8, 9, 21] {
            // Of no more than eight outputs two are the same row.
            let rows: Vec<u32> = (0..n_outputs).map(|j| if n_outputs <= 8 { j * 3 % 5 } else { j * 3 % 23 }).collect();
            let labels: Vec<f32> = (0..n_outputs).map(|j| f32::from(u8::from(j % 3 == 0))).collect();
            let inputs = Inputs { rows: &ROWS, ends: &ENDS };
            let outputs = Outputs { rows: &rows, labels: &labels };
            let mut x: Vec<f64> = (0..8 * dim).map(|i| f64::from(value(1, i) as f32)).collect();
            let mut y: Vec<f64> = (0..23 * dim).map(|i| f64::from(value(2, i) as f32)).collect();
            step_naive(&mut x, inputs, &mut y, outputs, dim, f64::from(0.3f32));
            for instructions in every_kind() {
                let shared_x = SharedRows::new(8, dim, |r, c| value(1, r * dim + c) as f32);
                let shared_y = SharedRows::new(23, dim, |r, c| value(2, r * dim + c) as f32);
                let mut step = PairStep { instructions, ..PairStep::new() };
                step.step(&shared_x, inputs, &shared_y, outputs, 0.3);
                for (shared, plain) in [(&shared_x, &x), (&shared_y, &y)] {
                    let mut found = Vec::new();
                    (0..shared.n_rows()).for_each(|row| shared.push_row(row, &mut found));
                    for (found, expected) in found.iter().zip(plain) {
                        let error = (f64::from(*found) - expected).abs();
                        assert!(error < 2e-5, "{instructions:?} dim {dim} outputs {n_outputs}: {found} {expected}");
                    }
                }
            }
        }
    }
}

#[test]
fn the_step_goes_down_the_gradient_of_the_loss() {
    let dim = 7;
    let x: Vec<f64> = (0..3 * dim).map(|i| value(3, i)).collect();
    let y: Vec<f64> = (0..4 * dim).map(|i| value(4, i)).collect();
    // Inputs of one row: the loss then depends on the table itself.
    let inputs = Inputs { rows: &[0, 2, 1], ends: &[1, 2, 3] };
    let outputs = Outputs { rows: &[3, 0, 1, 0], labels: &[1.0, 0.0, 0.0, 0.0] };
    let loss = |x: &[f64], y: &[f64]| step_naive(&mut x.to_vec(), inputs, &mut y.to_vec(), outputs, dim, 0.0);
    let (mut moved_x, mut moved_y) = (x.clone(), y.clone());
    step_naive(&mut moved_x, inputs, &mut moved_y, outputs, dim, 1.0);
    let h = 1e-5;
    for i in 0..x.len() {
        let shifted = |by: f64| {
            let mut x = x.clone();
            x[i] += by;
            loss(&x, &y)
        };
        let gradient = (shifted(h) - shifted(-h)) / (2.0 * h);
        assert!((x[i] - moved_x[i] - gradient).abs() < 1e-8, "input {i}");
    }
    for i in 0..y.len() {
        let shifted = |by: f64| {
            let mut y = y.clone();
            y[i] += by;
            loss(&x, &y)
        };
        let gradient = (shifted(h) - shifted(-h)) / (2.0 * h);
        assert!((y[i] - moved_y[i] - gradient).abs() < 1e-8, "output {i}");
    }
}

#[test]
fn the_sigmoid_is_right_everywhere() {
    for i in -4000..=4000 {
        let x = i as f32 * 0.01;
        let expected = 1.0 / (1.0 + (-f64::from(x)).exp());
        assert!((f64::from(sigmoid::<Portable>(x)) - expected).abs() < 2e-7, "{x}");
    }
    assert_eq!((sigmoid::<Portable>(f32::INFINITY), sigmoid::<Portable>(0.0)), (1.0, 0.5));
    assert!(sigmoid::<Portable>(f32::NEG_INFINITY) < 1e-12);
}
