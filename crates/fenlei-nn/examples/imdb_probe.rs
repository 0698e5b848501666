//! probe
#![allow(missing_docs)]
use fenlei_nn::init::{Builder, Init};
use fenlei_nn::layers::activation::Activation;
use fenlei_nn::layers::dense::Dense;
use fenlei_nn::layers::padding::Padding;
use fenlei_nn::layers::text_conv::{Channel, TextConv, TextConvSizes, TextPooling};
use fenlei_nn::layers::{Cache, Input, Layer, Pass};
use fenlei_nn::params::{Grads, Params, Role};
use fenlei_nn::{Batch, Rows, rng};
use rayon::prelude::*;
use std::time::Instant;

fn u32s(p: &str) -> Vec<u32> {
    std::fs::read(p).unwrap().chunks(4).map(|c| u32::from_le_bytes(c.try_into().unwrap())).collect()
}
fn u64s(p: &str) -> Vec<usize> {
    std::fs::read(p).unwrap().chunks(8).map(|c| u64::from_le_bytes(c.try_into().unwrap()) as usize).collect()
}
fn arg(name: &str, default: f64) -> f64 {
    let a: Vec<String> = std::env::args().collect();
    a.iter().position(|x| x == name).map_or(default, |i| a[i + 1].parse().unwrap())
}
fn main() {
    let (ids, st, lab) =
        (u32s("/tmp/imdb/train.ids.u32"), u64s("/tmp/imdb/train.starts.u64"), u32s("/tmp/imdb/train.labels.u32"));
    let maxlen = arg("--maxlen", 500.) as usize;
    let vocab = arg("--vocab", 20000.) as usize;
    let keep = arg("--tail", 0.) > 0.;
    let ids: Vec<u32> = ids.iter().map(|&i| if i as usize >= vocab { 0 } else { i }).collect();
    let docs: Vec<&[u32]> = (0..lab.len())
        .map(|i| {
            let d = &ids[st[i]..st[i + 1]];
            let n = d.len().min(maxlen);
            if keep { &d[d.len() - n..] } else { &d[..n] }
        })
        .collect();
    let nval = 5000;
    let (dim, f) = (arg("--dim", 128.) as usize, arg("--filters", 128.) as usize);
    let widths: Vec<usize> = match arg("--widths", 5.) as usize {
        n => n.to_string().bytes().map(|b| (b - b'0') as usize).collect(),
    };
    let hidden = arg("--hidden", 128.) as usize;
    let (drop, wdrop, edrop) = (arg("--drop", 0.), arg("--wdrop", 0.), arg("--edrop", 0.));
    let lr = arg("--lr", 1e-3) as f32;
    let bs = arg("--batch", 32.) as usize;
    let seed = arg("--seed", 1.) as u64;
    let epochs = arg("--epochs", 4.) as usize;
    let init = arg("--init", 0.05);
    let mut params = Params::<f32>::default();
    let mut b = Builder::new(&mut params, seed);
    let table = b.add("table".into(), &[vocab, dim], Role::Table, Init::Uniform(init));
    let sizes = TextConvSizes {
        widths: &widths,
        n_filters: f,
        padding: if arg("--full", 0.) > 0. { Padding::Full } else { Padding::Valid },
        pooling: TextPooling::GlobalMax,
        activation: Activation::Relu,
        dropout: edrop,
    };
    let conv = TextConv::new(&mut b, "conv", vec![Channel { table, dim }], &sizes);
    let mut layers: Vec<Box<dyn Layer<f32>>> = vec![];
    let mut w = conv.n_outputs();
    layers.push(Box::new(conv));
    if hidden > 0 {
        layers.push(Box::new(Dense::new(&mut b, "d1", w, hidden)));
        layers.push(Box::new(Activation::Relu));
        w = hidden;
    }
    layers.push(Box::new(Dense::new(&mut b, "out", w, 1)));
    let n = layers.len();
    let mut caches: Vec<Cache<f32>> = (0..n).map(|_| Cache::default()).collect();
    let mut outs: Vec<Rows<f32>> = (0..n).map(|_| Rows::default()).collect();
    let mut douts: Vec<Rows<f32>> = outs.clone();
    let mut grads = Grads::default();
    let mut m1: Vec<Vec<f32>> = params.iter().map(|p| vec![0.; p.data.len()]).collect();
    let mut m2 = m1.clone();
    let mut batch = Batch::default();
    let ntrain = docs.len() - nval;
    let mut step = 0u64;
    let mut t_parts = [0f64; 5];
    let threads = 2;
    let _ = threads;
    for epoch in 0..epochs {
        let mut order: Vec<u32> = (0..ntrain as u32).collect();
        rng::shuffle(&mut order, seed * 1000 + epoch as u64);
        let t0 = Instant::now();
        let mut total = 0.0;
        for chunk in order.chunks(bs) {
            let t = Instant::now();
            batch.fill(chunk.iter().map(|&i| docs[i as usize]), vocab);
            if wdrop > 0. {
                batch.drop_words(wdrop, 0, rng::derive(seed, step), vocab);
            }
            t_parts[0] += t.elapsed().as_secs_f64();
            let t = Instant::now();
            let pass = Pass::Train { seed: rng::derive(seed + 77, step) };
            for i in 0..n {
                let (a, c) = outs.split_at_mut(i);
                let x = a.last().map_or(Input::Tokens(&batch), Input::Rows);
                layers[i].forward(&mut c[0], &mut caches[i], x, &params, pass);
                if i == 0 && drop > 0. {
                    for (j, v) in c[0].data.iter_mut().enumerate() {
                        *v = if rng::bits(step + 5, j as u64) < rng::threshold(drop) {
                            0.
                        } else {
                            *v / (1. - drop as f32)
                        }
                    }
                }
            }
            t_parts[1] += t.elapsed().as_secs_f64();
            let logits = &outs[n - 1];
            let mut dl = logits.clone();
            for (j, &i) in chunk.iter().enumerate() {
                let z = logits.data[j];
                let y = lab[i as usize] as f32;
                let p = 1. / (1. + (-z).exp());
                total -= if y > 0.5 { p.max(1e-9).ln() } else { (1. - p).max(1e-9).ln() } as f64;
                dl.data[j] = (p - y) / chunk.len() as f32;
            }
            let t = Instant::now();
            grads.reset(&params, &batch.distinct);
            douts[n - 1] = dl;
            for i in (0..n).rev() {
                let (a, c) = douts.split_at_mut(i);
                let x = if i == 0 { Input::Tokens(&batch) } else { Input::Rows(&outs[i - 1]) };
                if i == 0 && drop > 0. {
                    for (j, v) in c[0].data.iter_mut().enumerate() {
                        *v = if rng::bits(step + 5, j as u64) < rng::threshold(drop) {
                            0.
                        } else {
                            *v / (1. - drop as f32)
                        }
                    }
                }
                layers[i].backward(a.last_mut(), &mut grads, &mut caches[i], &c[0], &outs[i], x, &params);
            }
            t_parts[2] += t.elapsed().as_secs_f64();
            let t = Instant::now();
            step += 1;
            let (c1, c2) = (1. - 0.9f32.powi(step as i32), 1. - 0.999f32.powi(step as i32));
            for (k, (p, g)) in params.iter_mut().zip(grads.iter()).enumerate() {
                let rl = p.row_len();
                let upd = |w: &mut [f32], m: &mut [f32], v: &mut [f32], g: &[f32]| {
                    for i in 0..w.len() {
                        m[i] = 0.9 * m[i] + 0.1 * g[i];
                        v[i] = 0.999 * v[i] + 0.001 * g[i] * g[i];
                        w[i] -= lr * (m[i] / c1) / ((v[i] / c2).sqrt() + 1e-7);
                    }
                };
                if p.role == Role::Table {
                    for (r, gr) in g.rows.iter().zip(g.data.chunks(rl)) {
                        let s = *r as usize * rl..(*r as usize + 1) * rl;
                        upd(&mut p.data[s.clone()], &mut m1[k][s.clone()], &mut m2[k][s], gr);
                    }
                } else {
                    upd(&mut p.data, &mut m1[k], &mut m2[k], &g.data);
                }
            }
            t_parts[3] += t.elapsed().as_secs_f64();
        }
        let secs = t0.elapsed().as_secs_f64();
        let right: usize = docs[ntrain..]
            .par_chunks(64)
            .zip(lab[ntrain..].par_chunks(64))
            .map(|(d, l)| {
                let b = Batch::new(d.iter().copied(), vocab);
                let mut outs: Vec<Rows<f32>> = (0..n).map(|_| Rows::default()).collect();
                let mut c = Cache::default();
                for i in 0..n {
                    let (a, o) = outs.split_at_mut(i);
                    let x = a.last().map_or(Input::Tokens(&b), Input::Rows);
                    layers[i].forward(&mut o[0], &mut c, x, &params, Pass::Predict);
                }
                outs[n - 1].data.iter().zip(l).filter(|(z, y)| (**z > 0.) == (**y == 1)).count()
            })
            .sum();
        println!(
            "epoch {epoch}: {secs:.2}s loss {:.4} val {:.4}  parts {:.2?}",
            total / ntrain as f64,
            right as f64 / nval as f64,
            t_parts
        );
        t_parts = [0.; 5];
    }
}
