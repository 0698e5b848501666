use super::*;
use crate::rng;

const SPECS: [&str; 8] = [
    r#"{"kind": "sgd", "lr": 0.1}"#,
    r#"{"kind": "sgd", "lr": 0.1, "momentum": 0.9}"#,
    r#"{"kind": "sgd", "lr": 0.1, "momentum": 0.9, "nesterov": true}"#,
    r#"{"kind": "adam", "lr": 0.01}"#,
    r#"{"kind": "adamw", "lr": 0.01, "weight_decay": 0.1}"#,
    r#"{"kind": "rmsprop", "lr": 0.01}"#,
    r#"{"kind": "rmsprop", "lr": 0.01, "momentum": 0.5}"#,
    r#"{"kind": "adagrad", "lr": 0.1, "initial": 0.1}"#,
];

fn specs() -> impl Iterator<Item = OptimizerSpec> {
    SPECS.iter().map(|text| serde_json::from_str(text).unwrap())
}

/// A table of six rows, a matrix, a bias and a statistic.
fn params<T: Scalar>(table_role: Role) -> Params<T> {
    let mut params = Params::default();
    let value = |i: usize| rng::normal(1, i as u64);
    params.add("table".into(), &[6, 3], table_role, value);
    params.add("weight".into(), &[4, 5], Role::Weight, value);
    params.add("bias".into(), &[4], Role::Bias, value);
    params.add("mean".into(), &[4], Role::Statistic, value);
    params
}

fn grads<T: Scalar>(params: &Params<T>, rows: &[u32], seed: u64) -> Grads<T> {
    let mut grads = Grads::default();
    grads.reset(params, rows);
    for (p, grad) in grads.iter_mut().enumerate() {
        let row_len = params.iter().nth(p).unwrap().row_len();
        for i in 0..grad.data.len() {
            // A row's gradient depends on the row, not on its place in the list.
            let place = grad.rows.get(i / row_len).map_or(i, |&row| row as usize * row_len + i % row_len);
            grad.data[i] = T::from_f64(rng::normal(rng::derive(seed, p as u64), place as u64));
        }
    }
    grads
}

#[test]
fn a_table_whose_rows_are_all_touched_moves_like_a_matrix() {
    for spec in specs() {
        let (mut table, mut dense) = (params::<f64>(Role::Table), params::<f64>(Role::Bias));
        let (mut a, mut b) = (Optimizer::new(spec, &table), Optimizer::new(spec, &dense));
        for step in 0..4 {
            let rows = [[3, 0, 5, 1, 4, 2], [0, 1, 2, 3, 4, 5]][step % 2];
            let g = grads(&table, &rows, step as u64);
            a.step(&mut table, &g, 0.5);
            let g = grads(&dense, &rows, step as u64);
            b.step(&mut dense, &g, 0.5);
        }
        for (a, b) in table.iter().zip(dense.iter()) {
            assert_eq!(a.data, b.data, "{spec:?}: {}", a.name);
        }
    }
}

/// The gradients of a table's rows, as those of a matrix whose other rows have none.
fn spread(grads: &Grads<f64>, table: &Params<f64>, dense: &Params<f64>) -> Grads<f64> {
    let mut all = Grads::default();
    all.reset(dense, &[]);
    for ((all, grad), param) in all.iter_mut().zip(grads.iter()).zip(table.iter()) {
        if param.role == Role::Table {
            for (&row, g) in grad.rows.iter().zip(grad.data.chunks(3)) {
                all.data[row as usize * 3..][..3].copy_from_slice(g);
            }
        } else {
            all.data.clone_from(&grad.data);
        }
    }
    all
}

#[test]
fn a_table_of_which_a_step_visits_some_rows_learns_as_a_matrix_does() {
    for spec in specs() {
        let (mut table, mut dense) = (params::<f64>(Role::Table), params::<f64>(Role::Bias));
        let (mut a, mut b) = (Optimizer::new(spec, &table), Optimizer::new(spec, &dense));
        let id = crate::params::ParamId(0);
        for step in 0..400 {
            // Row 5 is seen once, row 4 seldom, row 3 never.
            let rows: Vec<u32> = (0..6)
                .filter(|&row| match row {
                    3 => false,
                    4 => step % 90 == 7,
                    5 => step == 30,
                    _ => rng::uniform(step, u64::from(row)) < 0.4,
                })
                .collect();
            a.catch_up(&mut table, &rows);
            let g = grads(&table, &rows, step);
            let lr_factor = 1.0 - step as f64 / 500.0;
            a.step(&mut table, &g, lr_factor);
            let g = spread(&g, &table, &dense);
            b.step(&mut dense, &g, lr_factor);
            if step % 130 == 129 || step == 399 {
                a.settle(&mut table);
                for (a, b) in table.data(id).iter().zip(dense.data(id)) {
                    assert!((a - b).abs() < 1e-7 * (1.0 + b.abs()), "{spec:?}, step {step}: {a} and {b}");
                }
            }
        }
        assert_eq!(table.data(crate::params::ParamId(1)), dense.data(crate::params::ParamId(1)));
        assert_eq!(table.data(id)[9..12], params::<f64>(Role::Table).data(id)[9..12], "never seen");
    }
}

#[test]
fn a_word_that_is_seen_once_learns_most_of_its_way_afterwards() {
    let mut params = params::<f64>(Role::Table);
    let mut optimizer = Optimizer::new(OptimizerSpec::adam(0.001), &params);
    let id = crate::params::ParamId(0);
    for step in 0..3000 {
        let g = grads(&params, if step == 2000 { &[1] } else { &[0] }, step);
        optimizer.step(&mut params, &g, 1.0);
        if step == 2000 {
            let start = self::params::<f64>(Role::Table);
            let moved = |p: &Params<f64>| (p.data(id)[3] - start.data(id)[3]).abs();
            let first = moved(&params);
            let mut settled = params.clone();
            let mut later = optimizer.clone();
            for step in 2001..2300 {
                let g = grads(&settled, &[0], step);
                later.step(&mut settled, &g, 1.0);
            }
            later.settle(&mut settled);
            assert!((9.0..11.0).contains(&(moved(&settled) / first)));
        }
    }
}

#[test]
fn frozen_parameters_stay_and_move_once_they_are_thawed() {
    let mut params = params::<f32>(Role::Table);
    params.iter_mut().for_each(|param| param.trainable &= param.name != "table");
    let mut optimizer = Optimizer::new(OptimizerSpec::adam(0.1), &params);
    assert!(optimizer.state.moments[0][0].is_empty());
    let before = params.clone();
    optimizer.step(&mut params, &grads(&before, &[1], 1), 1.0);
    assert_eq!(params.iter().next(), before.iter().next());
    params.iter_mut().next().unwrap().trainable = true;
    let g = grads(&params, &[1], 1);
    optimizer.step(&mut params, &g, 1.0);
    assert_ne!(params.iter().next(), before.iter().next());
}

#[test]
fn a_resumed_optimizer_goes_on_bit_for_bit() {
    for spec in specs() {
        let mut params = params::<f32>(Role::Table);
        let mut optimizer = Optimizer::new(spec, &params);
        for step in 0..3 {
            let g = grads(&params, &[step, 5], step as u64);
            optimizer.step(&mut params, &g, 1.0);
        }
        let mut resumed_params = params.clone();
        let mut resumed = Optimizer::resume(spec, &params, optimizer.state.clone()).unwrap();
        let g = grads(&params, &[2, 3], 9);
        optimizer.step(&mut params, &g, 0.3);
        resumed.step(&mut resumed_params, &g, 0.3);
        assert!(params == resumed_params && optimizer.state == resumed.state, "{spec:?}");
    }
    let params = params::<f32>(Role::Table);
    let sgd = Optimizer::new(OptimizerSpec::Sgd { lr: 1.0, momentum: 0.0, nesterov: false }, &params);
    assert!(Optimizer::resume(OptimizerSpec::adam(0.1), &params, sgd.state).is_none());
}

#[test]
fn penalties_reach_weights_and_touched_rows_only() {
    let params = params::<f64>(Role::Table);
    let zero = |rows: &[u32]| {
        let mut grads = Grads::default();
        grads.reset(&params, rows);
        grads
    };
    let mut grads = zero(&[2, 4]);
    let slope = |w: f64| 0.1 * w.signum() + 0.01 * w;
    let regularization = Regularization { l1: 0.1, l2: 0.01, ..Default::default() };
    regularization.add_to_gradients(&mut grads, &params);
    let expected: Vec<Vec<f64>> = vec![
        vec![0.0; 6],
        params.data(crate::params::ParamId(1)).iter().map(|&w| slope(w)).collect(),
        vec![0.0; 4],
        vec![],
    ];
    assert!(grads.iter().map(|g| &g.data).eq(&expected));
    let mut grads = zero(&[2, 4]);
    Regularization { embeddings: true, ..regularization }.add_to_gradients(&mut grads, &params);
    let table = params.data(crate::params::ParamId(0));
    let expected: Vec<f64> = table[6..9].iter().chain(&table[12..15]).map(|&w| slope(w)).collect();
    assert_eq!(grads.iter().next().unwrap().data, expected);
}

#[test]
fn gradients_are_clipped_to_a_common_length() {
    let params = params::<f64>(Role::Table);
    let mut grads = grads(&params, &[0, 3], 1);
    let before = grads.clone();
    let plain: f64 = grads.iter().flat_map(|g| &g.data).map(|g| g * g).sum::<f64>().sqrt();
    let clip = |limit| Regularization { clip_norm: Some(limit), ..Default::default() };
    assert!((clip(100.0).clip(&mut grads).unwrap() - plain).abs() < 1e-12);
    assert_eq!(grads, before, "short gradients stay");
    clip(0.5).clip(&mut grads);
    let after: f64 = grads.iter().flat_map(|g| &g.data).map(|g| g * g).sum::<f64>().sqrt();
    assert!((after - 0.5).abs() < 1e-6);
    assert_eq!(Regularization::default().clip(&mut grads), None);
    grads.iter_mut().next().unwrap().data[0] = f64::NAN;
    let broken = grads.clone();
    assert!(clip(0.1).clip(&mut grads).unwrap().is_nan());
    assert_eq!(grads.get(crate::params::ParamId(1)), broken.get(crate::params::ParamId(1)));
}

#[test]
fn long_rows_of_weights_are_scaled_back() {
    let id = crate::params::ParamId(0);
    let make = || {
        let mut params = Params::<f64>::default();
        params.add("a".into(), &[2, 2], Role::Weight, |i| [3.0, 4.0, 0.3, 0.4][i]);
        params.add("b".into(), &[1, 2], Role::Weight, |_| 30.0);
        params
    };
    let mut params = make();
    let regularization = Regularization { max_norm: Some(1.0), ..Default::default() };
    regularization.bound_rows(&mut params);
    assert_eq!(params.data(id), make().data(id), "the last layer only");
    let last: f64 = params.data(crate::params::ParamId(1)).iter().map(|w| w * w).sum();
    assert!((last - 1.0).abs() < 1e-12);
    Regularization { max_norm_layers: MaxNormLayers::All, ..regularization }.bound_rows(&mut params);
    for (found, expected) in params.data(id).iter().zip([0.6, 0.8, 0.3, 0.4]) {
        assert!((found - expected).abs() < 1e-15);
    }
}

#[test]
fn steps_give_the_same_bits_for_any_number_of_threads() {
    let mut start = Params::<f32>::default();
    start.add("table".into(), &[9000, 24], Role::Table, |i| rng::normal(1, i as u64));
    start.add("weight".into(), &[700, 300], Role::Weight, |i| rng::normal(2, i as u64));
    let rows: Vec<u32> = (0..6000u32).map(|i| (i * 7919) % 9000).collect();
    let run = |n_threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| {
            let mut params = start.clone();
            let mut optimizer = Optimizer::new(OptimizerSpec::adam(0.01), &params);
            let regularization = Regularization {
                l1: 1e-3,
                l2: 1e-3,
                embeddings: true,
                max_norm: Some(1.0),
                clip_norm: Some(1.0),
                ..Default::default()
            };
            for step in 0..2 {
                let mut g = grads(&params, &rows, step);
                regularization.add_to_gradients(&mut g, &params);
                regularization.clip(&mut g);
                optimizer.step(&mut params, &g, 1.0);
                regularization.bound_rows(&mut params);
            }
            params
        })
    };
    let one = run(1);
    assert!(one == run(2) && one == run(3) && one == run(8));
}

#[test]
fn numbers_out_of_range_are_named() {
    assert!(specs().all(|spec| spec.out_of_range().is_none()));
    let spec = OptimizerSpec::Adam { lr: 0.1, beta1: 0.9, beta2: 1.0, epsilon: 1e-8 };
    assert_eq!(spec.out_of_range(), Some(("beta2", 1.0, "from 0 to below 1")));
    assert_eq!(OptimizerSpec::adam(-1.0).out_of_range(), Some(("lr", -1.0, "a number above 0")));
    assert!(serde_json::from_str::<OptimizerSpec>(r#"{"kind": "sgd", "lr": 1, "momentun": 0}"#).is_err());
}

#[test]
fn parameters_learn_at_their_own_rates() {
    for spec in specs() {
        let start = params::<f64>(Role::Table);
        let run = |own: f64, factor: f64| {
            let mut params = start.clone();
            params.iter_mut().for_each(|param| param.lr_scale = own);
            let mut optimizer = Optimizer::new(spec, &params);
            for step in 0..20u32 {
                let rows = [step % 3, 4];
                optimizer.catch_up(&mut params, &rows);
                let g = grads(&params, &rows, u64::from(step));
                optimizer.step(&mut params, &g, factor);
            }
            optimizer.settle(&mut params);
            params
        };
        let (own, common) = (run(0.25, 1.0), run(1.0, 0.25));
        for (a, b) in own.iter().zip(common.iter()) {
            for (a, b) in a.data.iter().zip(&b.data) {
                assert!((a - b).abs() < 1e-12, "{spec:?}: {a} and {b}");
            }
        }
    }
}
