//! What one version of a model has seen lately, beside what is usual for it.

use std::sync::Arc;

use fenlei::classifier::Profile;
use serde_json::{Value, json};

use crate::models::ServedModel;

/// Texts after which a picture is complete, and a new one begins.
const WINDOW: u64 = 2000;

/// Fewer texts say nothing.
const ENOUGH: u64 = 200;

/// Where what is usual comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UsualFrom {
    /// Documents that were named when the server was started.
    Reference,
    /// The model's own file.
    Model,
    /// The first texts that came.
    FirstTexts,
}

impl UsualFrom {
    fn name(self) -> &'static str {
        match self {
            Self::Reference => "reference",
            Self::Model => "model",
            Self::FirstTexts => "first_texts",
        }
    }
}

/// The pictures of a model.
pub(super) struct Watched {
    pub model: Arc<ServedModel>,
    pub usual: Profile,
    pub from: UsualFrom,
    previous: Profile,
    current: Profile,
}

impl Watched {
    pub fn new(model: &Arc<ServedModel>, usual: Option<Profile>, from: UsualFrom, recent: Option<Profile>) -> Self {
        let empty = Profile::empty(&model.classifier);
        let kept = |profile: Option<Profile>| profile.filter(|profile| profile.fits(&model.classifier));
        Self {
            usual: kept(usual).unwrap_or_else(|| empty.clone()),
            from,
            previous: kept(recent).unwrap_or_else(|| empty.clone()),
            current: empty,
            model: Arc::clone(model),
        }
    }

    /// Takes in a text. The first ones become what is usual where nothing else is.
    pub fn add(&mut self, text: &str, label: usize, confidence: f32) {
        if self.from == UsualFrom::FirstTexts && self.usual.n_texts < WINDOW {
            self.usual.add(&self.model.classifier, text, label, confidence);
            return;
        }
        self.current.add(&self.model.classifier, text, label, confidence);
        if self.current.n_texts >= WINDOW {
            self.previous = std::mem::replace(&mut self.current, Profile::empty(&self.model.classifier));
        }
    }

    /// The latest texts, between one and two windows of them.
    pub fn recent(&self) -> Profile {
        let mut recent = self.previous.clone();
        recent.merge(&self.current);
        recent
    }

    /// Whether there are enough texts on both sides to compare them.
    pub fn is_comparable(&self, recent: &Profile) -> bool {
        self.usual.n_texts >= ENOUGH && recent.n_texts >= ENOUGH
    }

    /// For the dashboard.
    pub fn to_json(&self, recent: &Profile) -> Value {
        let drift = self.is_comparable(recent).then(|| recent.drift_from(&self.usual));
        json!({
            "model": self.model.name,
            "version": self.model.version,
            "labels": self.model.classifier.labels(),
            "calibrated": self.model.classifier.decision().calibration.is_some(),
            "usual": picture(&self.usual),
            "usual_from": self.from.name(),
            "recent": picture(recent),
            "drift": drift,
            "accuracy_estimated": mean_confidence(recent),
        })
    }
}

fn picture(profile: &Profile) -> Value {
    json!({
        "n": profile.n_texts, "labels": profile.labels, "confidences": profile.confidences,
        "lengths": profile.lengths, "unknown_rate": profile.unknown_rate(),
    })
}

/// The accuracy to expect: the mean confidence, which is the share of right answers of a calibrated classifier.
pub(super) fn mean_confidence(profile: &Profile) -> Option<f64> {
    let n_parts = profile.confidences.len() as f64;
    let sum: f64 = (0u32..).zip(&profile.confidences).map(|(i, &n)| (f64::from(i) + 0.5) / n_parts * n as f64).sum();
    (profile.n_texts > 0).then(|| sum / profile.n_texts as f64)
}
