//! The classical models over bags of n-grams, as a configuration says them.

use serde::{Deserialize, Serialize};

use crate::features::{FeaturesSpec, Idf, Norm, Tf};
use crate::model::ModelSpec;
use crate::{Error, Result};

/// A linear classifier: logistic regression or a support vector machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LinearSpec {
    /// What is made small. Default: `logistic`.
    pub loss: LinearLoss,
    /// What keeps the weights small. Default: `l2`.
    pub penalty: Penalty,
    /// How much the errors count against the penalty, as in scikit-learn: larger fits the training part more closely.
    /// Default: 1.
    pub c: f64,
    /// When the optimum is near enough: the gradient (for `l1` and the SVMs the violation of the conditions of the
    /// optimum) as a share of what it was at the start. Default: 0.001.
    pub tolerance: f64,
    /// Steps of the solver, at most. Default: 1000.
    pub max_iterations: u32,
    /// From tokens to numbers.
    pub features: FeaturesSpec,
}

impl Default for LinearSpec {
    fn default() -> Self {
        Self {
            loss: LinearLoss::Logistic,
            penalty: Penalty::L2,
            c: 1.0,
            tolerance: 1e-3,
            max_iterations: 1000,
            features: FeaturesSpec::default(),
        }
    }
}

/// What a linear classifier makes small.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinearLoss {
    /// Cross-entropy; softmax over more than two labels. Gives probabilities by itself.
    #[default]
    Logistic,
    /// The square of what a margin lacks of 1: a linear SVM. One label against the rest; probabilities by Platt's
    /// method on documents that the margins were not learned from.
    SquaredHinge,
    /// What a margin lacks of 1; otherwise as `squared-hinge`.
    Hinge,
}

/// What keeps the weights of a linear classifier small.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Penalty {
    /// Half the sum of their squares.
    #[default]
    L2,
    /// The sum of their sizes: most become 0. With the loss `logistic` only.
    L1,
}

/// Naive Bayes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NbSpec {
    /// Which. Default: `multinomial`.
    pub kind: NbKind,
    /// What is added to each count, so that nothing is impossible. Default: 1.
    pub alpha: f64,
    /// Whether frequent labels are more probable beforehand; `complement` has no such prior. Default: true.
    pub prior: bool,
    /// Whether `complement` makes the weights of each label sum to 1. Default: false.
    pub normalise: bool,
    /// From tokens to numbers.
    pub features: FeaturesSpec,
}

impl Default for NbSpec {
    fn default() -> Self {
        Self { kind: NbKind::Multinomial, alpha: 1.0, prior: true, normalise: false, features: FeaturesSpec::default() }
    }
}

/// What naive Bayes takes a document for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NbKind {
    /// So many draws from a label's features.
    #[default]
    Multinomial,
    /// What the features of all other labels do not explain (Rennie et al. 2003); better where labels are uneven.
    Complement,
    /// Each feature is there or not; wants `tf = "binary"` without idf and norm.
    Bernoulli,
}

/// Logistic regression over n-grams that are weighted by naive Bayes (Wang and Manning 2012; Mesnil et al. 2015). One
/// label against the rest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NbSvmSpec {
    /// What is added to each count of naive Bayes. Default: 1.
    pub alpha: f64,
    /// How much the errors count against the penalty (l2). Default: 1.
    pub c: f64,
    /// How far the weights may go away from those of naive Bayes: 1 as far as learning takes them (Mesnil), 0.25 a
    /// quarter of the way (Wang and Manning). Default: 1.
    pub interpolation: f64,
    /// When the optimum is near enough: the gradient as a share of what it was at the start. Default: 0.001.
    pub tolerance: f64,
    /// Steps of the solver, at most. Default: 1000.
    pub max_iterations: u32,
    /// From tokens to numbers.
    pub features: FeaturesSpec,
}

impl Default for NbSvmSpec {
    fn default() -> Self {
        Self {
            alpha: 1.0,
            c: 1.0,
            interpolation: 1.0,
            tolerance: 1e-3,
            max_iterations: 1000,
            features: FeaturesSpec::default(),
        }
    }
}

/// Any of them.
#[derive(Debug, Clone, PartialEq)]
pub enum SparseSpec {
    /// Logistic regression or a support vector machine.
    Linear(LinearSpec),
    /// Naive Bayes.
    Nb(NbSpec),
    /// Logistic regression over features that naive Bayes weighted.
    NbSvm(NbSvmSpec),
}

impl SparseSpec {
    /// The classical model that a description is about, if it is about one.
    pub(crate) fn of(spec: &ModelSpec) -> Option<Self> {
        match spec {
            ModelSpec::Net(_)
            | ModelSpec::KMeans(_)
            | ModelSpec::Nmf(_)
            | ModelSpec::Lda(_)
            | ModelSpec::Ensemble(_) => None,
            ModelSpec::Linear(spec) => Some(Self::Linear(spec.clone())),
            ModelSpec::Nb(spec) => Some(Self::Nb(spec.clone())),
            ModelSpec::NbSvm(spec) => Some(Self::NbSvm(spec.clone())),
        }
    }

    /// From tokens to numbers.
    pub fn features(&self) -> &FeaturesSpec {
        match self {
            Self::Linear(spec) => &spec.features,
            Self::Nb(spec) => &spec.features,
            Self::NbSvm(spec) => &spec.features,
        }
    }

    /// Checks the values and what does not go together.
    ///
    /// # Errors
    /// [`Error::Config`] with the dotted key.
    pub(crate) fn check(&self) -> Result<()> {
        self.features().check()?;
        let wrong = |key: &str, problem: String, help: &str| Err(Error::config(format!("model.{key}"), problem, help));
        let (positive, solver) = match self {
            Self::Linear(spec) => (vec![("c", spec.c)], Some((spec.tolerance, spec.max_iterations))),
            Self::Nb(spec) => (vec![("alpha", spec.alpha)], None),
            Self::NbSvm(spec) => {
                (vec![("c", spec.c), ("alpha", spec.alpha)], Some((spec.tolerance, spec.max_iterations)))
            }
        };
        if let Some((key, found)) = positive.into_iter().find(|(_, x)| !(*x > 0.0 && x.is_finite())) {
            return wrong(key, format!("{found} is out of range, expected a number above 0"), "1.0 is usual");
        }
        if let Some((tolerance, max_iterations)) = solver {
            if !(tolerance > 0.0 && tolerance < 1.0) {
                let problem = format!("{tolerance} is out of range, expected above 0 and below 1");
                return wrong("tolerance", problem, "leave it out for 0.001");
            }
            if max_iterations == 0 {
                return wrong("max_iterations", "0 steps learn nothing".to_owned(), "leave it out for 1000");
            }
        }
        match self {
            Self::Linear(spec) if spec.penalty == Penalty::L1 && spec.loss != LinearLoss::Logistic => {
                let problem = "\"l1\" goes with loss = \"logistic\" only".to_owned();
                wrong("penalty", problem, "set loss = \"logistic\", or penalty = \"l2\"")
            }
            Self::Nb(NbSpec { kind: NbKind::Bernoulli, features, .. })
                if (features.tf, features.idf, features.norm) != (Tf::Binary, Idf::None, Norm::None) =>
            {
                let problem = "\"bernoulli\" wants features that are there or not".to_owned();
                let help = "set features.tf = \"binary\", features.idf = \"none\" and features.norm = \"none\"";
                wrong("kind", problem, help)
            }
            Self::Nb(spec) if spec.normalise && spec.kind != NbKind::Complement => wrong(
                "normalise",
                "only \"complement\" has it".to_owned(),
                "leave it out, or set kind = \"complement\"",
            ),
            Self::NbSvm(spec) if !(0.0..=1.0).contains(&spec.interpolation) => {
                let problem = format!("{} is out of range, expected 0 to 1", spec.interpolation);
                wrong("interpolation", problem, "leave it out for 1")
            }
            _ => Ok(()),
        }
    }
}

impl From<SparseSpec> for ModelSpec {
    fn from(spec: SparseSpec) -> Self {
        match spec {
            SparseSpec::Linear(spec) => Self::Linear(spec),
            SparseSpec::Nb(spec) => Self::Nb(spec),
            SparseSpec::NbSvm(spec) => Self::NbSvm(spec),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_sense_is_refused_with_its_key() {
        for (toml, place) in [
            ("family = 'linear'\nc = 0.0", "model.c"),
            ("family = 'linear'\nc = nan", "model.c"),
            ("family = 'linear'\ntolerance = 0.0", "model.tolerance"),
            ("family = 'linear'\nmax_iterations = 0", "model.max_iterations"),
            ("family = 'linear'\npenalty = 'l1'\nloss = 'hinge'", "model.penalty"),
            ("family = 'linear'\n[features]\nword_ngrams = 0", "model.features.word_ngrams"),
            ("family = 'nb'\nalpha = 0.0", "model.alpha"),
            ("family = 'nb'\nkind = 'bernoulli'", "model.kind"),
            ("family = 'nb'\nnormalise = true", "model.normalise"),
            ("family = 'nb-svm'\ninterpolation = 1.5", "model.interpolation"),
        ] {
            let spec: ModelSpec = toml::from_str(toml).unwrap();
            let error = SparseSpec::of(&spec).unwrap().check().unwrap_err().to_string();
            assert!(error.starts_with(&format!("{place}: ")) && error.contains("help: "), "{toml}: {error}");
        }
        for family in ["linear", "nb", "nb-svm"] {
            let spec: ModelSpec = toml::from_str(&format!("family = '{family}'")).unwrap();
            let sparse = SparseSpec::of(&spec).unwrap();
            sparse.check().unwrap();
            assert_eq!(ModelSpec::from(sparse), spec);
            toml::from_str::<ModelSpec>(&format!("family = '{family}'\nlayers = []")).unwrap_err();
        }
    }
}
