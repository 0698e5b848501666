//! From a plan and documents to a training that is ready for its first step.

use fenlei_nn::compact::Compaction;
use fenlei_nn::loss::{Loss, LossSpec};
use fenlei_nn::net::{Net, NetSizes};
use fenlei_nn::params::Params;
use fenlei_nn::rng;
use fenlei_nn::spec::HeadSpec;
use fenlei_nn::training::{Average, KnownStates, Training};

use super::{Progress, Run, SEED_AUGMENT, SEED_PAIRS, SEED_SPLIT, SEED_WEIGHTS, SEED_WIDE, wide};
use crate::classifier::{DEFAULT_THRESHOLD, Decision};
use crate::data::{Dataset, Target, listed};
use crate::features::{Labels, Vectorizer, WordVectors};
use crate::metrics::align_labels;
use crate::model::{Beside, Model, ModelSpec, NetInputs, NetModel, NetModelSpec};
use crate::pretrained::Pretrained;
use crate::text::TextPipeline;
use crate::train::augmented::{Augmentation, augmenter_of};
use crate::train::examples::{Documents, Examples, hold_back};
use crate::train::fine_tuning::FrozenStorage;
use crate::train::known_states::{KnownStatesFile, fixed_layers};
use crate::train::{Plan, Teacher, TrainOptions, memory};
use crate::{Error, Result};

impl<'a> Run<'a> {
    /// Fits the pipeline, encodes the documents, builds the model.
    pub fn prepare(plan: &Plan, documents: &'a Dataset, mut options: TrainOptions<'a>) -> Result<Self> {
        let share = if options.validation.is_some() { 0.0 } else { plan.train.validation };
        let (kept, held) = hold_back(documents, share, rng::derive(plan.seed, SEED_SPLIT))?;
        let augmenter = augmenter_of(plan)?;
        if let Some(teacher) = &options.teacher {
            teacher.check()?;
            check_student(plan)?;
        }
        let further: Vec<&str> = options.teacher.iter().flat_map(Teacher::texts).collect();
        let from = options.from.take();
        let pretrained = plan.pretrained.as_deref().map(Pretrained::open).transpose()?;
        let (pipeline, labels, decision, old) = match from {
            Some(old) => (old.pipeline, old.labels, old.decision.for_other_weights(), Some(old.model)),
            None => {
                let texts = kept.iter().map(|&i| documents.texts[i].as_str());
                let texts: Vec<&str> = texts.chain(further.iter().copied()).collect();
                let pipeline = match &pretrained {
                    Some(pretrained) => pretrained.pipeline(&plan.pipeline)?,
                    None => plan.pipeline.fit(&texts)?,
                };
                let decision = Decision::plain(documents.multi_label, DEFAULT_THRESHOLD);
                (pipeline, documents.labels.clone(), decision, None)
            }
        };
        if let Some(old) = &old {
            check_trainable(old)?;
            check_known(documents, &labels)?;
        }
        let multi_label = decision.multi_label;
        let mut learned_from = Documents::new(documents, &kept, &labels, multi_label)?;
        let n_labelled = learned_from.len();
        learned_from.targets.extend(further.iter().map(|_| Target::Unlabelled));
        learned_from.texts.extend(further);
        let of = Labels { n: labels.len(), multi: multi_label };
        let Before { old, features, inputs } = read(plan, &pipeline, of, old, &learned_from)?;
        let texts = learned_from.texts.clone();
        let soft = match options.teacher {
            Some(teacher) => teacher.targets(&texts, &learned_from.targets, &labels, multi_label, &mut options)?,
            None => Vec::new(),
        };
        let mut train = Examples { soft, ..Examples::of_inputs(learned_from, inputs) };
        if train.inputs.ids.ids.is_empty() {
            return Err(Error::train(
                "no words are left after cleaning, in any document",
                "see what happens to a text with `fenlei inspect text`, and loosen [pipeline]",
            ));
        }
        let augmentation = augmenter
            .map(|augmenter| Augmentation::new(augmenter, texts, &pipeline, rng::derive(plan.seed, SEED_AUGMENT)));
        let held_back = match options.validation {
            Some(data) => {
                let all: Vec<usize> = (0..data.texts.len()).collect();
                Some(Documents::new(data, &all, &labels, multi_label)?)
            }
            None if held.is_empty() => None,
            None => Some(Documents::new(documents, &held, &labels, multi_label)?),
        };
        let pictured = match &held_back {
            Some(held_back) => held_back.texts.clone(),
            None => kept.iter().map(|&i| documents.texts[i].as_str()).collect(),
        };
        let mut validation = held_back.map(|documents| Examples::new(documents, &pipeline, features.as_ref()));
        Documents::check_validation(validation.as_ref().map(Examples::len))?;
        let n_ids = features.as_ref().map_or(pipeline.vocab().len(), |features| features.n_columns() + 1);
        let sizes = NetSizes { vocab_size: n_ids, n_labels: labels.len(), multi_label };
        let Built { mut spec, mut net, vectors, mut wide } = build_net(plan, &pipeline, sizes, old, pretrained)?;
        if let Some(fine_tuning) = &plan.train.fine_tuning {
            fine_tuning.apply(&mut net.params, 0)?;
            if let Some(contrastive) = &fine_tuning.contrastive {
                let seed = rng::derive(plan.seed, SEED_PAIRS);
                let labelled = &train.targets[..n_labelled];
                contrastive.tune(&mut net, &spec, &train.inputs, labelled, seed, &mut options)?;
            }
        }
        let weights = plan.train.class_weights.of_labels(&labels, &train.targets)?;
        if let Some(old) = &wide {
            train.offsets = old.offsets(net.head(), &train.inputs.ids);
        } else if let Some(wanted) = &spec.wide {
            // It learns from labels; for documents without, which stand last, it says what it has learned.
            let labelled = (n_labelled < train.len()).then(|| train.inputs.ids.first(n_labelled));
            let documents = wide::Documents {
                pipeline: &pipeline,
                texts: labelled.as_ref().unwrap_or(&train.inputs.ids),
                targets: &train.targets[..n_labelled],
                labels: of,
                label_weights: weights.as_deref(),
                head: net.head(),
            };
            match wide::fit(wanted, &documents, rng::derive(plan.seed, SEED_WIDE), options.stop)? {
                Some((fitted, mut offsets)) => {
                    if labelled.is_some() {
                        offsets.extend_from_slice(&fitted.offsets(net.head(), &train.inputs.ids)[offsets.len()..]);
                    }
                    (wide, train.offsets) = (Some(fitted), offsets);
                }
                // Documents that have no known token left have no n-gram either.
                None => spec.wide = None,
            }
        }
        if let (Some(wide), Some(validation)) = (&wide, &mut validation) {
            validation.offsets = wide.offsets(net.head(), &validation.inputs.ids);
        }
        let loss = Loss::new(plan.train.loss.unwrap_or(LossSpec::of(net.head())), net.head())
            .map_err(|e| Error::config("train.loss", e.to_string(), "leave train.loss out for the usual one"))?;
        let average = Average::new(plan.train.average.as_ref(), u64::from(plan.train.epochs));
        memory::check(&spec.layers, &net.params, &plan.train, longest_step(&train, plan.train.batch_size))?;
        let known = known_states(plan, &spec, &net, [Some(&train), validation.as_ref()], &mut options)?;
        let fingerprint = documents.fingerprint();
        let start = match options.checkpoint {
            Some(_) => {
                start_fingerprint(&fingerprint, options.validation, augmentation.as_ref(), &train.soft, &net.params)
            }
            None => String::new(),
        };
        if plan.train.fine_tuning.as_ref().is_some_and(|spec| spec.frozen_storage == FrozenStorage::Bf16) {
            net.compact(Compaction::Bf16, |param| !param.trainable);
        }
        let mut training = Training::new(net, plan.train.optimizer, loss, plan.train.regularization, average, weights);
        if let Some(max_tokens) = plan.train.max_tokens_at_once {
            training.limit_tokens(max_tokens);
        }
        training.known =
            known[0].as_ref().map(|file| KnownStates { n_layers: file.n_layers, rows: Default::default() });
        Ok(Self {
            plan: plan.clone(),
            options,
            fingerprint,
            start,
            pipeline,
            labels,
            decision,
            train,
            augmentation,
            validation,
            pictured,
            known,
            spec,
            beside: Beside { features, wide },
            offsets: Vec::new(),
            soft: Vec::new(),
            training,
            best: None,
            vectors,
            progress: Progress::default(),
        })
    }
}

/// Tokens of the longest documents that could meet in a step.
fn longest_step(train: &Examples, batch_size: usize) -> usize {
    let mut lengths: Vec<usize> = train.inputs.ids.starts.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let n = batch_size.min(lengths.len());
    lengths.sort_unstable_by(|a, b| b.cmp(a));
    lengths[..n].iter().sum()
}

/// What frozen layers make of the documents, where the plan has such layers.
fn known_states(
    plan: &Plan,
    spec: &NetModelSpec,
    net: &Net<f32>,
    of: [Option<&Examples>; 2],
    options: &mut TrainOptions<'_>,
) -> Result<[Option<KnownStatesFile>; 2]> {
    let Some(fine_tuning) = plan.train.fine_tuning.as_ref().filter(|fine_tuning| fine_tuning.frozen) else {
        return Ok([None, None]);
    };
    if plan.train.augment.is_some() || spec.word_dropout > 0.0 {
        let problem = "frozen layers read each document once, but augmentation and word dropout change it every epoch";
        return Err(Error::config("train.fine_tuning.frozen", problem, "leave them out, or frozen"));
    }
    let Some(layers) = fixed_layers(&spec.layers)? else {
        return match &fine_tuning.cache {
            Some(cache) => {
                let problem =
                    format!("this head reads the states of all tokens, which are not kept in {}", cache.display());
                Err(Error::config("train.fine_tuning.cache", problem, "leave it out, or begin the head with a pooling"))
            }
            None => Ok([None, None]),
        };
    };
    let cache = fine_tuning.cache.as_deref();
    let mut states = |examples: Option<&Examples>| {
        let file = |examples: &Examples| KnownStatesFile::of(net, &examples.inputs, layers, cache, options);
        examples.map(file).transpose()
    };
    Ok([states(of[0])?, states(of[1])?])
}

/// A hierarchical head asks about groups of labels and has no use for the probability of each.
fn check_student(plan: &Plan) -> Result<()> {
    match &plan.model {
        ModelSpec::Net(NetModelSpec { head: HeadSpec::Hierarchical, .. }) => {
            let problem = "a hierarchical head learns from labels and cannot learn from a teacher";
            Err(Error::config("model.head", problem, "use head = \"auto\", or train without a teacher"))
        }
        _ => Ok(()),
    }
}

/// The training documents as the net is to read them.
struct Before {
    /// The model to train further, without what makes its features.
    old: Option<Model>,
    features: Option<Vectorizer>,
    inputs: NetInputs,
}

/// Learns the features that the net is to read, or takes those of the old one.
fn read(
    plan: &Plan,
    pipeline: &TextPipeline,
    labels: Labels,
    mut old: Option<Model>,
    documents: &Documents<'_>,
) -> Result<Before> {
    let features = match (&mut old, &plan.model) {
        (Some(Model::Net(net)), _) => net.take_features(),
        (None, ModelSpec::Net(NetModelSpec { features: Some(spec), .. })) => {
            let fitted = Vectorizer::fit(spec, pipeline, &documents.texts, &documents.targets, labels)?;
            return Ok(Before { old, features: Some(fitted.vectorizer), inputs: fitted.rows.into() });
        }
        _ => None,
    };
    let inputs = NetInputs::new(pipeline, features.as_ref(), &documents.texts);
    Ok(Before { old, features, inputs })
}

/// A net before its training.
struct Built {
    spec: NetModelSpec,
    net: Net<f32>,
    /// How much of the vocabulary the pretrained vectors cover, or what was read of a pretrained model.
    vectors: Option<String>,
    /// The linear model beside an old net.
    wide: Option<crate::model::Wide>,
}

/// Builds the net, or takes the old one, and puts pretrained vectors into its tables.
fn build_net(
    plan: &Plan,
    pipeline: &TextPipeline,
    sizes: NetSizes,
    old: Option<Model>,
    pretrained: Option<Pretrained>,
) -> Result<Built> {
    if let Some(Model::Net(net)) = old {
        let (spec, net, Beside { wide, .. }) = net.into_net();
        return Ok(Built { spec, net, vectors: None, wide });
    }
    let vectors = match &plan.embeddings {
        Some(path) => Some(WordVectors::load_for(path, pipeline.vocab().iter())?),
        None => None,
    };
    let ModelSpec::Net(mut spec) = plan.model.clone() else {
        return Err(Error::config("model.family", "this model is no net", "this is a bug, please report it"));
    };
    if let Some(vectors) = &vectors {
        spec.set_embedding_dim(vectors.dim);
    }
    if let Some(pretrained) = &pretrained {
        spec = plan.with_encoder(&spec, pretrained.config());
    }
    let (spec, mut net, Beside { wide, .. }) =
        NetModel::new(&spec, sizes, rng::derive(plan.seed, SEED_WEIGHTS))?.into_net();
    let Some(vectors) = vectors else {
        let vectors = pretrained.map(|pretrained| pretrained.fill(&mut net.params)).transpose()?;
        return Ok(Built { spec, net, vectors, wide });
    };
    let (words, tokens) = (100.0 * vectors.coverage.of_words(), 100.0 * vectors.coverage.of_tokens());
    let said = format!("pretrained vectors cover {words:.1} % of the vocabulary, {tokens:.1} % of its tokens");
    net.set_word_vectors(vectors.dim, vectors.standard_deviation(), |id| vectors.get(id as usize))
        .map_err(|e| Error::config("embeddings", e.problem, e.help))?;
    Ok(Built { spec, net, vectors: Some(said), wide })
}

/// Steps of training are smaller than the steps between integers.
fn check_trainable(old: &Model) -> Result<()> {
    match old {
        Model::Net(net) if net.net().params.iter().any(|param| param.compact.is_some()) => Err(Error::train(
            "the classifier to train further has weights of 8-bit integers, which training cannot change",
            "train the one further that it was made of, and quantize the result",
        )),
        _ => Ok(()),
    }
}

/// Further training cannot add labels, and leaving documents out in silence would be worse than stopping.
fn check_known(documents: &Dataset, labels: &[String]) -> Result<()> {
    let unknown = align_labels(labels, &documents.labels, &documents.targets)?.unknown;
    let unknown: Vec<String> = unknown.into_iter().filter(|u| u.n_docs > 0).map(|u| u.label).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let problem =
        format!("the classifier to train further has no label {}; it has {}", listed(&unknown), listed(labels));
    Err(Error::train(problem, "train anew on all documents together, or leave these documents out"))
}

/// Two trainings with this in common start from the same documents and the same numbers.
fn start_fingerprint(
    documents: &str,
    validation: Option<&Dataset>,
    augmentation: Option<&Augmentation<'_>>,
    soft: &[f32],
    params: &Params<f32>,
) -> String {
    let mut crc = crc32fast::Hasher::new();
    crc.update(documents.as_bytes());
    crc.update(validation.map(Dataset::fingerprint).unwrap_or_default().as_bytes());
    if let Some(augmentation) = augmentation {
        crc.update(&augmentation.fingerprint().to_le_bytes());
    }
    soft.iter().for_each(|q| crc.update(&q.to_le_bytes()));
    for param in params.iter() {
        crc.update(param.name.as_bytes());
        param.data.iter().for_each(|w| crc.update(&w.to_le_bytes()));
    }
    format!("{:08x}", crc.finalize())
}
