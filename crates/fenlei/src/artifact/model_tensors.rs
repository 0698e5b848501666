//! A model as tensors, whatever its family; `prefix` stands before all names, so that several fit into one file.

use std::collections::BTreeSet;

use fenlei_nn::net::NetSizes;
use fenlei_nn::params::ParamId;

use super::container::Container;
use super::tensors::TensorData;
use super::{cluster_tensors, feature_tensors, param_tensors, sparse_tensors};
use crate::model::{
    Beside, ClusterSpec, Combine, Combiner, EnsembleModel, EnsembleSpec, Member, Meta, Model, ModelSpec, NetModel,
    NetModelSpec, SparseSpec, Wide, n_stacking_inputs, stacking_link,
};
use crate::text::TextPipeline;
use crate::{Error, Result};

/// Before the names of the tensors of the linear model beside a net.
const WIDE: &str = "wide.";

/// What the answers of that model are multiplied by.
const WIDE_SCALE: &str = "wide.scale";

/// The numbers of a stacking model.
const META: [&str; 2] = ["meta.weights", "meta.bias"];

/// Before the names of a member's tensors.
fn of_member(member: usize) -> String {
    format!("member.{member}.")
}

/// Everything that the description of the model does not say.
pub(super) fn tensors<'a>(model: &'a Model, prefix: &str) -> Vec<TensorData<'a>> {
    match model {
        Model::Net(net) => {
            let params = net.net().params.iter();
            let params = params.flat_map(|param| param_tensors::tensors(param, prefix));
            let features = net.features().into_iter().flat_map(|features| feature_tensors::tensors(features, prefix));
            let wide = net.wide().into_iter().flat_map(|wide| wide_tensors(wide, prefix));
            params.chain(features).chain(wide).collect()
        }
        Model::Sparse(sparse) => sparse_tensors::tensors(sparse, prefix),
        Model::Cluster(cluster) => cluster_tensors::tensors(cluster),
        Model::Ensemble(ensemble) => {
            let members = ensemble.members.iter().enumerate();
            let mut all: Vec<_> = members.flat_map(|(i, member)| tensors(&member.model, &of_member(i))).collect();
            if let Combiner::Stacking(meta) = &ensemble.combiner {
                let (n_outputs, [weights, bias]) = (meta.bias.len(), META);
                let shape = [meta.weights.len() / n_outputs.max(1), n_outputs];
                all.push(TensorData::from_f32(weights, &shape, &meta.weights));
                all.push(TensorData::from_f32(bias, &[n_outputs], &meta.bias));
            }
            all
        }
    }
}

/// The numbers of the linear model beside a net.
fn wide_tensors(wide: &Wide, prefix: &str) -> Vec<TensorData<'static>> {
    let mut tensors = sparse_tensors::tensors(&wide.linear, &format!("{prefix}{WIDE}"));
    tensors.push(TensorData::from_f32(format!("{prefix}{WIDE_SCALE}"), &[1], &[wide.scale]));
    tensors
}

/// What a file says about the model in it.
pub(super) struct Described<'a> {
    pub model: &'a ModelSpec,
    /// Of an ensemble that of its first member.
    pub pipeline: &'a TextPipeline,
    /// Those of the other members of an ensemble.
    pub other_pipelines: &'a [TextPipeline],
    pub labels: &'a [String],
    pub multi_label: bool,
    /// Parameters of a net that the file does not hold.
    pub from_elsewhere: &'a BTreeSet<String>,
}

/// The model that a file describes, which is not trusted; `refuse` makes an error of what is wrong with it.
pub(super) fn read(
    container: &Container,
    described: &Described<'_>,
    refuse: &impl Fn(String) -> Error,
) -> Result<Model> {
    let (model, n_read) = read_family(container, "", described, refuse)?;
    // A tensor that nothing reads is a sign that the file is not what its description says.
    let n_held = container.names().count();
    if n_held == n_read { Ok(model) } else { Err(refuse(format!("{n_held} tensors, expected {n_read}"))) }
}

/// A model and how many tensors it has.
fn read_family(
    container: &Container,
    prefix: &str,
    described: &Described<'_>,
    refuse: &impl Fn(String) -> Error,
) -> Result<(Model, usize)> {
    let Described { model, pipeline, labels, multi_label, from_elsewhere, .. } = *described;
    if let ModelSpec::Ensemble(spec) = model {
        return read_ensemble(container, spec, described, refuse);
    }
    if !described.other_pipelines.is_empty() {
        return Err(refuse("it has several pipelines and one model".to_owned()));
    }
    match (model, SparseSpec::of(model), ClusterSpec::of(model)) {
        (ModelSpec::Net(spec), ..) => {
            let sizes = NetSizes { vocab_size: pipeline.vocab().len(), n_labels: labels.len(), multi_label };
            spec.check().map_err(|e| refuse(e.to_string()))?;
            let (net, n_read) = read_net(container, prefix, spec, pipeline, (sizes, from_elsewhere), refuse)?;
            Ok((Model::Net(Box::new(net)), n_read))
        }
        (_, Some(spec), _) => {
            let (sparse, n_read) =
                sparse_tensors::read(container, prefix, spec, pipeline, labels.len(), multi_label, refuse)?;
            Ok((Model::Sparse(Box::new(sparse)), n_read))
        }
        (_, _, Some(spec)) if prefix.is_empty() => {
            let (cluster, n_read) = cluster_tensors::read(container, spec, pipeline, labels, multi_label, refuse)?;
            Ok((Model::Cluster(Box::new(cluster)), n_read))
        }
        _ => Err(refuse("its family has no numbers".to_owned())),
    }
}

fn read_ensemble(
    container: &Container,
    spec: &EnsembleSpec,
    described: &Described<'_>,
    refuse: &impl Fn(String) -> Error,
) -> Result<(Model, usize)> {
    spec.check().map_err(|error| refuse(error.to_string()))?;
    let Described { pipeline, other_pipelines, labels, multi_label, from_elsewhere, .. } = *described;
    let pipelines: Vec<&TextPipeline> = std::iter::once(pipeline).chain(other_pipelines).collect();
    if pipelines.len() != spec.members.len() {
        return Err(refuse(format!("{} pipelines for {} members", pipelines.len(), spec.members.len())));
    }
    let (mut members, mut n_read) = (Vec::with_capacity(pipelines.len()), 0);
    for (i, (model, pipeline)) in spec.members.iter().zip(pipelines).enumerate() {
        let of_this = Described { model, pipeline, other_pipelines: &[], labels, multi_label, from_elsewhere };
        let (model, n_of_this) = read_family(container, &of_member(i), &of_this, refuse)?;
        members.push(Member { pipeline: pipeline.clone(), model });
        n_read += n_of_this;
    }
    let combiner = match spec.combine {
        Combine::Soft => Combiner::Soft(spec.weights.clone()),
        Combine::Hard => Combiner::Hard(spec.weights.clone()),
        Combine::Stacking => {
            let n_outputs = stacking_link(labels.len(), multi_label).n_outputs(labels.len());
            let n_inputs = n_stacking_inputs(members.len(), labels.len(), multi_label);
            n_read += META.len();
            let finite = |name, shape: &[usize]| feature_tensors::read_finite(container, name, shape, refuse);
            let [weights, bias] = META;
            Combiner::Stacking(Meta {
                weights: finite(weights, &[n_inputs, n_outputs])?,
                bias: finite(bias, &[n_outputs])?,
            })
        }
    };
    Ok((Model::Ensemble(Box::new(EnsembleModel { members, combiner, n_labels: labels.len(), multi_label })), n_read))
}

fn read_net(
    container: &Container,
    prefix: &str,
    spec: &NetModelSpec,
    pipeline: &TextPipeline,
    (mut sizes, from_elsewhere): (NetSizes, &BTreeSet<String>),
    refuse: &impl Fn(String) -> Error,
) -> Result<(NetModel, usize)> {
    let (mut beside, mut n_read) = (Beside::default(), 0);
    if let Some(features) = &spec.features {
        let (features, n_of_features) = feature_tensors::read(container, prefix, features, pipeline, refuse)?;
        sizes.vocab_size = features.n_columns() + 1;
        (beside.features, n_read) = (Some(features), n_of_features);
    }
    if from_elsewhere.is_empty() {
        check_sizes(container, prefix, spec, sizes).map_err(refuse)?;
    }
    let mut net = NetModel::zeros(spec, sizes).map_err(|e| refuse(e.to_string()))?;
    let compactable = net.net().compactable();
    for (id, param) in net.net_mut().params.iter_mut().enumerate() {
        if !from_elsewhere.contains(&param.name) {
            n_read += param_tensors::read(container, prefix, param, compactable.contains(&ParamId(id)), refuse)?;
        }
    }
    if let Some(wide) = &spec.wide {
        let NetSizes { n_labels, multi_label, .. } = sizes;
        let linear = wide.linear();
        linear.check().map_err(|e| refuse(e.to_string()))?;
        let of_wide = format!("{prefix}{WIDE}");
        let (linear, n_of_wide) =
            sparse_tensors::read(container, &of_wide, linear, pipeline, n_labels, multi_label, refuse)?;
        let name = format!("{prefix}{WIDE_SCALE}");
        let scale = container.read_f32(&name, &[1])?[0];
        if !scale.is_finite() {
            return Err(refuse(format!("its tensor {name:?} is {scale}")));
        }
        beside.wide = Some(Wide { linear, scale });
        n_read += n_of_wide + 1;
    }
    net.set_beside(beside);
    Ok((net, n_read))
}

/// Before any memory is taken for a net: the numbers that its description asks for must be in the file.
fn check_sizes(
    container: &Container,
    prefix: &str,
    spec: &NetModelSpec,
    sizes: NetSizes,
) -> std::result::Result<(), String> {
    let asked = fenlei_nn::count::count_parameters(&spec.net(), sizes);
    let held: u128 = container
        .names()
        .filter(|name| name.starts_with(prefix))
        .filter_map(|name| container.tensor(name).ok())
        .map(|t| t.shape.iter().map(|&d| d as u128).product::<u128>())
        .sum();
    if asked > held {
        return Err(format!("its net needs {asked} numbers, the file holds {held}"));
    }
    Ok(())
}
