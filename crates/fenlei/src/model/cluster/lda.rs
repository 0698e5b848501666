//! Latent Dirichlet allocation: which topics a document is about, by variational inference (Blei et al. 2003).

/// Rounds for a document, at most.
const MAX_ROUNDS: usize = 100;

/// When the mean change of a document's topics is below this, it is done. Both as in scikit-learn.
const TOLERANCE: f64 = 1e-3;

/// Memory of one document's inference, used again from document to document.
#[derive(Debug, Default)]
pub(crate) struct Inference {
    /// Parameters of the distribution over topics, `[k]`.
    pub gamma: Vec<f64>,
    /// `exp(E[ln θ])`, `[k]`.
    pub theta: Vec<f64>,
    before: Vec<f64>,
    /// Of each feature of the document, its value divided by how probable the topics make it.
    pub ratios: Vec<f64>,
    /// The rows of `topics` that the document has, `[n_entries, k]`.
    own: Vec<f64>,
}

impl Inference {
    /// Fits the topics of one document, from an even start. `topics: [n_columns, k]` is `exp(E[ln β])`, `prior` the α of
    /// every topic.
    pub fn run<W: Copy + Into<f64>>(&mut self, topics: &[W], k: usize, prior: f64, row: (&[u32], &[f32])) {
        self.own.clear();
        for &column in row.0 {
            self.own.extend(topics[column as usize * k..][..k].iter().map(|&w| w.into()));
        }
        self.gamma.clear();
        self.gamma.resize(k, 1.0);
        self.theta.resize(k, 0.0);
        self.ratios.resize(row.0.len(), 0.0);
        for _ in 0..MAX_ROUNDS {
            self.update_theta();
            self.update_ratios(row.1, k);
            self.before.clone_from(&self.gamma);
            self.gamma.fill(0.0);
            for (ratio, own) in self.ratios.iter().zip(self.own.chunks_exact(k)) {
                self.gamma.iter_mut().zip(own).for_each(|(gamma, w)| *gamma += ratio * w);
            }
            let mut change = 0.0;
            for ((gamma, theta), before) in self.gamma.iter_mut().zip(&self.theta).zip(&self.before) {
                *gamma = *gamma * theta + prior;
                change += (*gamma - before).abs();
            }
            if change < TOLERANCE * k as f64 {
                break;
            }
        }
    }

    /// What the last step of learning needs, of the topics that were found: `theta` and `ratios`.
    pub fn finish(&mut self, k: usize, values: &[f32]) {
        self.update_theta();
        self.update_ratios(values, k);
    }

    fn update_theta(&mut self) {
        expectations(&mut self.theta, &self.gamma);
    }

    fn update_ratios(&mut self, values: &[f32], k: usize) {
        let per_entry = self.ratios.iter_mut().zip(values).zip(self.own.chunks_exact(k));
        for ((ratio, &value), own) in per_entry {
            let probability: f64 = own.iter().zip(&self.theta).map(|(w, theta)| w * theta).sum();
            *ratio = f64::from(value) / (probability + f64::EPSILON);
        }
    }
}

/// `exp(E[ln x])` of a Dirichlet distribution with the parameters `gamma`.
pub(crate) fn expectations(out: &mut [f64], gamma: &[f64]) {
    let whole = digamma(gamma.iter().sum());
    out.iter_mut().zip(gamma).for_each(|(out, &gamma)| *out = (digamma(gamma) - whole).exp());
}

/// The derivative of the logarithm of the gamma function, for `x` above 0: the recurrence up to 6, then the asymptotic
/// series (Abramowitz and Stegun 1964, 6.3.5 and 6.3.18).
pub(crate) fn digamma(mut x: f64) -> f64 {
    let mut shift = 0.0;
    while x < 6.0 {
        shift -= 1.0 / x;
        x += 1.0;
    }
    let r = 1.0 / (x * x);
    let series = r * (1.0 / 12.0 - r * (1.0 / 120.0 - r * (1.0 / 252.0 - r * (1.0 / 240.0 - r / 132.0))));
    shift + x.ln() - 0.5 / x - series
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digamma_has_its_known_values() {
        const EULER: f64 = 0.577_215_664_901_532_9;
        for (x, expected) in [
            (1.0, -EULER),
            (2.0, 1.0 - EULER),
            (0.5, -EULER - 2.0 * std::f64::consts::LN_2),
            (0.001, -1_000.575_571_931_810_3),
            (100.0, 4.600_161_852_738_087),
        ] {
            assert!((digamma(x) - expected).abs() < 1e-8, "{x}: {}", digamma(x));
        }
    }

    #[test]
    fn a_document_is_about_the_topic_of_its_words() {
        // Two topics, each with two words of its own.
        let topics = [0.45f64, 0.05, 0.45, 0.05, 0.05, 0.45, 0.05, 0.45];
        let mut inference = Inference::default();
        inference.run(&topics, 2, 0.1, (&[0, 1], &[2.0, 1.0]));
        assert!(inference.gamma[0] > 2.5 && inference.gamma[1] < 0.7, "{:?}", inference.gamma);
        // The counts are handed out, and the prior of each topic is added.
        assert!((inference.gamma.iter().sum::<f64>() - 3.2).abs() < 1e-9);
    }
}
