//! Where the time of a training step of the text convolution goes.
use fenlei_nn::init::{Builder, Init};
use fenlei_nn::kernels::gemm::{Mat, matmul};
use fenlei_nn::layers::activation::Activation;
use fenlei_nn::layers::padding::Padding;
use fenlei_nn::layers::text_conv::{Channel, TextConv, TextConvSizes, TextPooling};
use fenlei_nn::layers::{Cache, Input, Layer, Pass};
use fenlei_nn::params::{Grads, Params, Role};
use fenlei_nn::{Batch, Rows, rng};
use std::time::Instant;

fn main() {
    let (vocab, dim, docs) = (20_000usize, 128, 32);
    for pooling in [TextPooling::GlobalMax, TextPooling::Max { size: 5, stride: 5 }, TextPooling::None] {
        let mut params = Params::<f32>::default();
        let mut builder = Builder::new(&mut params, 1);
        let table = builder.add("table".into(), &[vocab, dim], Role::Table, Init::Uniform(0.05));
        let sizes = TextConvSizes {
            widths: &[5],
            n_filters: 128,
            padding: Padding::Valid,
            pooling,
            activation: Activation::Relu,
            dropout: 0.0,
        };
        let layer = TextConv::new(&mut builder, "conv", vec![Channel { table, dim }], &sizes);
        // Zipf-like ids: about 2,500 distinct among 7,500.
        let texts: Vec<Vec<u32>> = (0..docs)
            .map(|d| (0..235).map(|i| ((vocab as f64).powf(rng::uniform(d, i)) - 1.0) as u32).collect())
            .collect();
        let batch = Batch::new(texts.iter().map(|t| &t[..]), vocab);
        let (mut y, mut cache, mut grads) = (Rows::default(), Cache::default(), Grads::default());
        let mut best = [f64::MAX; 3];
        for _ in 0..30 {
            let t = Instant::now();
            let mut product = vec![0f32; batch.distinct.len() * 640];
            let x = vec![0.5f32; batch.distinct.len() * dim];
            let w = &params.iter().nth(1).unwrap().data;
            matmul(&mut product, Mat::new(&x, batch.distinct.len(), dim), Mat::new(w, 640, dim).t(), false);
            best[0] = best[0].min(t.elapsed().as_secs_f64());
            let t = Instant::now();
            layer.forward(&mut y, &mut cache, Input::Tokens(&batch), &params, Pass::Predict);
            best[1] = best[1].min(t.elapsed().as_secs_f64());
            let mut dy = y.clone();
            for (i, v) in dy.data.iter_mut().enumerate() {
                *v = rng::normal(3, i as u64) as f32;
            }
            grads.reset(&params, &batch.distinct);
            let t = Instant::now();
            layer.backward(None, &mut grads, &mut cache, &dy, &y, Input::Tokens(&batch), &params);
            best[2] = best[2].min(t.elapsed().as_secs_f64());
        }
        let flop = 2.0 * batch.distinct.len() as f64 * 640.0 * 128.0;
        println!(
            "{pooling:?}: distinct {}, gemm {:.2} ms ({:.0} GFLOP/s), forward {:.2} ms, backward {:.2} ms",
            batch.distinct.len(),
            best[0] * 1e3,
            flop / best[0] / 1e9,
            best[1] * 1e3,
            best[2] * 1e3
        );
    }
}
