use fenlei_nn::kernels::gemm::Mat;
use fenlei_nn::kernels::tiles::*;
use std::time::Instant;
fn best(mut f: impl FnMut()) -> f64 {
    (0..60)
        .map(|_| {
            let t = Instant::now();
            f();
            t.elapsed().as_secs_f64()
        })
        .fold(1e9, f64::min)
        * 1e6
}
fn main() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    pool.install(|| {
        for (m, k, n) in [(1947, 128, 640), (1947, 128, 160), (128, 1947, 640), (1947, 640, 128), (1024, 1024, 1024)] {
            let a: Vec<f32> = (0..m * k).map(|i| (i % 97) as f32 * 0.01).collect();
            let b: Vec<f32> = (0..n * k).map(|i| (i % 89) as f32 * 0.01).collect();
            let (mut x, mut y) = (Packed::default(), Packed::default());
            let ta = best(|| pack_rows(&mut x, Mat::new(&a, m, k)));
            let tat = best(|| pack_rows(&mut x, Mat::new(&a, k, m).t()));
            let tb = best(|| pack_columns(&mut y, Mat::new(&b, n, k).t()));
            let mut out = vec![0f32; m * n];
            let t = best(|| multiply(&mut out, n, m, n, (&x, &y), false));
            println!(
                "{m} {k} {n}: pack a {ta:.0} us, a^T {tat:.0}, b {tb:.0}, multiply {t:.0} us = {:.0} GFLOP/s",
                2e-3 * (m * k * n) as f64 / t
            );
        }
    });
}
