//! The figures that can be taken over a sample of the documents.

/// One figure of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figure {
    /// Share of right documents.
    Accuracy,
    /// Mean recall of the labels that occur.
    BalancedAccuracy,
    /// Mean precision.
    MacroPrecision,
    /// Mean recall.
    MacroRecall,
    /// Mean F1.
    MacroF1,
    /// Mean F1, weighted by support.
    WeightedF1,
    /// F1 over all decisions.
    MicroF1,
    /// Mean F1 of the label sets of documents.
    SamplesF1,
    /// Share of wrong decisions.
    HammingLoss,
    /// Matthews correlation.
    MatthewsCorrelation,
    /// Cohen's kappa.
    CohenKappa,
    /// Area under the ROC curve, of models of two labels.
    Auc,
    /// Mean negative log likelihood.
    LogLoss,
    /// Mean squared distance from the truth.
    BrierScore,
}

impl Figure {
    /// All of them, in the order of a table.
    pub const ALL: [Self; 14] = [
        Self::Accuracy,
        Self::BalancedAccuracy,
        Self::MacroPrecision,
        Self::MacroRecall,
        Self::MacroF1,
        Self::WeightedF1,
        Self::MicroF1,
        Self::SamplesF1,
        Self::HammingLoss,
        Self::MatthewsCorrelation,
        Self::CohenKappa,
        Self::Auc,
        Self::LogLoss,
        Self::BrierScore,
    ];

    /// Its name in a report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::BalancedAccuracy => "balanced_accuracy",
            Self::MacroPrecision => "macro_precision",
            Self::MacroRecall => "macro_recall",
            Self::MacroF1 => "macro_f1",
            Self::WeightedF1 => "weighted_f1",
            Self::MicroF1 => "micro_f1",
            Self::SamplesF1 => "samples_f1",
            Self::HammingLoss => "hamming_loss",
            Self::MatthewsCorrelation => "matthews_correlation",
            Self::CohenKappa => "cohen_kappa",
            Self::Auc => "auc",
            Self::LogLoss => "log_loss",
            Self::BrierScore => "brier_score",
        }
    }
}
